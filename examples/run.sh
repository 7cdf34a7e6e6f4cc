#!/bin/sh
# run.sh DIGEST DIR: show the digest example at work on DIR, and check its output against sha256sum's.
digest=$1 dir=$2 out=build/run
mkdir -p "$out" || exit 1
printf 'SHA-256 of every regular file under %s\n\n' "$dir"

"$digest" "$dir" > "$out/concurrent.txt" # fills the page cache; shows progress on a terminal
status=$?
[ $status -le 1 ] || exit $status
last() { grep 'MiB in' "$out/$1.err"; }
"$digest" --serial --stats "$dir" 2> "$out/serial.err" > "$out/serial.txt"
"$digest" --stats "$dir" 2> "$out/concurrent.err" > "$out/concurrent.txt"
find "$dir" -type f -print0 2> /dev/null | LC_ALL=C sort -z | xargs -0 -r sha256sum 2> /dev/null > "$out/sha256sum.txt"

printf '  one file at a time   %s\n' "$(last serial)"
printf '  goroutines           %s\n' "$(last concurrent)"
lines=$(wc -l < "$out/sha256sum.txt")
if cmp -s "$out/sha256sum.txt" "$out/concurrent.txt" && cmp -s "$out/sha256sum.txt" "$out/serial.txt"; then
    printf '  sha256sum            the same %s lines, byte for byte\n' "$lines"
else
    printf '  sha256sum            DIFFERENT OUTPUT: compare %s with %s\n' "$out/sha256sum.txt" "$out/concurrent.txt"
    exit 1
fi
awk -v a="$(last serial)" -v b="$(last concurrent)" 'BEGIN {
    sub(/.* in /, "", a); sub(/.* in /, "", b); if (b + 0 > 0) printf "\n  %.2f times as fast on %d processors.", a / b, '"$(nproc)"' }'
printf ' Next: build/digest --help\n'
