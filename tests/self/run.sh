#!/usr/bin/env bash
# conc.h explored by itself (self.c), and the proof that this would notice: mutants of it, which must fail. Usage: run.sh [SCHEDULES]
# Last line: "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 2
schedules=${1:-1000} O=${CONC_TEST_OUT:-build/tests}/self passed=0 failed=0
mkdir -p "$O" || exit 2
flags="-std=gnu11 -g -DCONC_TEST -I."
ulimit -c 0
build() { # NAME [MUTANT]
    python3 tests/self/derive.py conc.h "$O/sut.h" "${@:2}" &&
        gcc $flags $optimise -I"$O" tests/self/self.c "$O/conc.o" -o "$O/$1" -pthread
}
optimise=-O2
if ! gcc $flags $optimise -DCONC_IMPLEMENTATION -x c -c -o "$O/conc.o" - <<< '#include "conc.h"' || ! build self; then
    echo "0 passed, 1 failed"
    exit 1
fi
"$O/self" "$schedules" > "$O/log" 2>&1
grep -v 'passed, .* failed' "$O/log" | cut -c1-160 | head -100
counts=$(tail -n 1 "$O/log")
case $counts in *' passed, '*' failed') passed=${counts%% *} failed=${counts#*, } failed=${failed%% *} ;; *) failed=1 ;; esac
optimise=-O0
while read -r mutant; do
    if ! build mutant "$mutant"; then
        failed=$((failed + 1))
    elif { SELF_MUTANT=1 timeout 120 "$O/mutant" 1000 > "$O/mutant.log" 2>&1; } 2> /dev/null; then # one that crashes is noticed, too
        failed=$((failed + 1))
        echo "FAIL mutant: $mutant: nothing was noticed"
    else passed=$((passed + 1)); fi
done < <(python3 tests/self/derive.py --mutants)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
