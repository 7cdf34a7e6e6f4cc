#!/usr/bin/env bash
# floors.sh [HEADER]   The implementation half of conc.h is a stack of sections, each under a "// >>name" marker, and a section
# may use only what stands above it. Cut the header after each section, close the conditionals that the cut left open, and
# compile: a type or macro from further down does not compile, and a function from further down is an undefined conc_ symbol.
# Prints "ok name" or "FAIL name: reason" per section; exit status 1 if any failed.
#
# The calls upward that there are, each declared where it is used; a new one has to be added here, knowingly.
upward='
    conc__fatal conc_panic         every section may report a mistake; the report knows goroutines and channels
    conc__realloc                  ends the program when there is no memory
    conc__start                    the first use of anything starts the runtime
    conc__attend conc__bind conc__inject   parking switches to other work, which the scheduler picks
    conc__run_timers conc__deadlock_check conc__poll  the scheduler does them between goroutines
    conc_wg_add conc_wg_done       a goroutine of conc_wg_go reports its end
    conc__claim conc__unlock_select        a channel wakes a goroutine that waits in a select
    conc__timer_drop               a channel that is freed may belong to a timer
    conc_num_goroutines            the deadlock report counts them
    conc_ctx_ref conc_ctx_unref    a mutex and a condition variable hold the context that they wait with
    conc__signal_stop              a context of conc_ctx_notify that is freed
'
set -u
cd "$(dirname "$0")/../.." || exit 2
header=${1:-conc.h} cc=${CC:-gcc} out=build/floors
rm -rf "$out" && mkdir -p "$out" || exit 2

# the implementation's sections: the markers below the last public one
sections=$(awk '/^\/\/ >>/ { name = substr($2, 3); if (below) print NR, name; if (name == "short-names") below = 1 }' "$header")
[ -n "$sections" ] || { echo "FAIL floors: no implementation sections in $header"; exit 1; }

# names at the start of a line of $upward, before the first word that is not one
allowed=$(awk '{ for (i = 1; i <= NF && $i ~ /^conc_/; i++) printf "%s ", $i }' <<< "$upward")
# the public half's inline functions call the implementation: compile them alone to know which of it they call
flags='-std=gnu11 -O0 -w -fkeep-static-functions -fkeep-inline-functions -c'
public=$("$cc" $flags -x c -include "$header" /dev/null -o "$out/public.o" && nm -u "$out/public.o" | awk '{ printf "%s ", $2 }')

floor() { # NAME LAST-LINE
    local dir="$out/$1" why
    mkdir -p "$dir"
    head -n "$2" "$header" > "$dir/conc.h"
    awk '/^[ \t]*#[ \t]*if/ { d++ } /^[ \t]*#[ \t]*endif/ { d-- } END { while (d-- > 0) print "#endif" }' \
        "$dir/conc.h" > "$dir/ends"
    cat "$dir/ends" >> "$dir/conc.h"
    printf '#define CONC_IMPLEMENTATION\n#include "conc.h"\nint conc_floor;\n' > "$dir/cut.c"
    if ! "$cc" $flags -o "$dir/cut.o" "$dir/cut.c" 2> "$dir/log"; then
        why=$(grep -m1 -E 'error' "$dir/log" | sed 's/.*error: //')
    else
        why=$(nm -u "$dir/cut.o" | awk -v known=" $allowed$public" '
            $2 ~ /^conc_/ && !index(known, " " $2 " ") { printf "%s%s", sep, $2; sep = ", " }')
        why=${why:+uses what is defined further down: $why}
    fi
    if [ -n "$why" ]; then echo "FAIL $1: $why"; return 1; fi
    echo "ok $1"
}

rc=0 name='' lines=$(wc -l < "$header")
while read -r line next; do
    [ -z "$name" ] || floor "$name" $((line - 1)) || rc=1
    name=$next
done <<< "$sections"
floor "$name" "$lines" || rc=1
exit $rc
