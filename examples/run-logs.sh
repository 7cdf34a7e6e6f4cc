#!/bin/sh
# run-logs.sh LOGS [MIB] [options of logs]: the same log by logs, by logs --serial and by awk: the same result? how long? The log of MIB
# (100) is generated once and kept in build/run; each reads it from the page cache. Least status and method: --status n, --method name.
set -u
logs=$1 mib=${2:-100} out=build/run
[ $# -gt 1 ] && shift
shift
mkdir -p "$out" || exit 1
log=$out/log-$mib.txt
[ -s "$log" ] || "$logs" --generate $((mib * 1048576)) > "$log" || exit 1
cat "$log" > /dev/null

status=0 method=
for word in "$@"; do
    case ${last:-} in --status) status=$word ;; --method) method=$word ;; esac
    last=$word
done
by_awk() {
    LC_ALL=C awk -v least="$status" -v method="$method" '
        NF != 7 || $4 !~ /^\// || $5 !~ /^[0-9]+$/ || $6 !~ /^[0-9]+$/ || $7 !~ /^[0-9]+$/ { bad++; next }
        $5 < least + 0 || (method != "" && $3 != method) { left_out++; next }
        {
            match($4, /^\/[^\/?]*/)
            route = substr($4, 1, RLENGTH)
            requests[route]++
            errors[route] += $5 >= 500
            bytes[route] += $6
            if ($7 + 0 > slowest[route] + 0) slowest[route] = $7
        }
        END {
            sort = "LC_ALL=C sort -t \"\t\" -k 1,1"
            for (r in requests) printf "%s\t%d\t%d\t%.0f\t%d\n", r, requests[r], errors[r], bytes[r], slowest[r] | sort
            close(sort)
            printf "%d lines, %d left out, %d bad\n", NR, left_out, bad
        }' "$log"
}
measure() { # NAME COMMAND...: the best of three
    name=$1 best=
    shift
    for round in 1 2 3; do
        begun=$(date +%s%N)
        "$@" > "$out/logs-$name.txt" || exit 1
        took=$((($(date +%s%N) - begun) / 1000000))
        [ -n "$best" ] && [ "$best" -le "$took" ] || best=$took
    done
    eval "ms_$name=$best"
}
measure goroutines "$logs" "$@" "$log"
measure serial "$logs" --serial "$@" "$log"
measure awk by_awk
tail -n 1 "$out/logs-awk.txt"
awk -v g="$ms_goroutines" -v s="$ms_serial" -v a="$ms_awk" -v mib="$mib" -v p="$(nproc)" 'BEGIN {
    form = "  %-22s %7.3f s  %6.0f MiB/s\n"
    printf form form form, "goroutines", g / 1000, mib * 1000 / g, "one thread", s / 1000, mib * 1000 / s, "awk", a / 1000, mib * 1000 / a
    printf "  %.2f times as fast as one thread on %d processors, %.1f times as fast as awk\n", s / g, p, a / g }'
for other in serial awk; do
    cmp -s "$out/logs-goroutines.txt" "$out/logs-$other.txt" && continue
    echo "run-logs: DIFFERENT: compare $out/logs-goroutines.txt with $out/logs-$other.txt" >&2
    exit 1
done
echo "  the same result, byte for byte"
