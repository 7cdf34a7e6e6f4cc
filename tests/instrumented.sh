#!/usr/bin/env bash
# Files under test compiled with -fsanitize=thread and linked without it: the explorer of conc.h answers the compiler's calls.
# tests/instrumented.c with every compiler that is there, as C and as C++. Last line: "instrumented: N passed, N failed".
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 2
O=${CONC_TEST_OUT:-$PWD/build/tests}/instrumented
mkdir -p "$O" || exit 2
passed=0 failed=0
W="-O1 -g -Wall -Wextra -DCONC_TEST -I."
implement() { # COMPILER
    command -v "$1" > /dev/null && "$1" -std=c11 $W -DCONC_IMPLEMENTATION -x c -c -o "$O/conc-$1.o" - <<< '#include "conc.h"'
}
check() { # NAME COMPILER STANDARD LANGUAGE IMPLEMENTATION
    command -v "$2" > /dev/null || return 0
    local log=$O/$1.log
    if "$2" -std=$3 $W -fsanitize=thread -x $4 -c tests/instrumented.c -o "$O/$1.o" > "$log" 2>&1 &&
        "$2" "$O/$1.o" "$O/conc-$5.o" -o "$O/$1" -pthread >> "$log" 2>&1 && ! grep -q warning: "$log"; then
        timeout 100 "$O/$1" > "$log" 2>&1
        local status=$?
        if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
            passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
            [ $status -eq 0 ] && return 0
        else failed=$((failed + 1)); fi
    else failed=$((failed + 1)); fi
    echo "FAIL $1: failed"
    head -n 40 "$log"
    return 0
}
implement gcc && check gcc gcc gnu11 c gcc && check g++ g++ gnu++11 c++ gcc
implement clang && check clang clang gnu11 c clang && check clang++ clang++ gnu++20 c++ clang
[ $((passed + failed)) -gt 0 ] || failed=1 # nothing could be compiled
echo "instrumented: $passed passed, $failed failed"
[ $failed -eq 0 ]
