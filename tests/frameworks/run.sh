#!/usr/bin/env bash
# Tests of concurrent code inside test frameworks (check.c, cmocka.c, unity_style.c, utest_style.c) and under conc.h's own main (runner.c): each is
# compiled and run, and its good tests must pass, its bad ones fail with the report's text. TAP, JUnit and the timeline's page are read by
# parsers (outputs.py). Usage: run.sh [FILTER]. Last line: "frameworks: N passed, N failed".
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 2
F=tests/frameworks O=$PWD/build/frameworks filter=${1:-.}
rm -rf "$O" && mkdir -p "$O" || exit 2
passed=0 failed=0
check() { # NAME COMMAND: a shell command that must succeed
    [[ $1 =~ $filter ]] || return 0
    if (set -e -o pipefail; eval "$2") > "$O/log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $1"
        head -c 3000 "$O/log" | head -n 20 | sed 's/^/    /'
    fi
}
W="-g -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I."
has() { command -v "$1" > /dev/null 2>&1; }

# ---- frameworks: the exit status is 1, for the bad test, and what is printed holds these lines ----
framework() { # NAME COMPILER LIBRARIES TEXT...
    local name=$1 compiler=$2 libs=$3 exe=$O/$1 text
    shift 3
    check "$name-compile" "$compiler -O0 $W -Wno-conversion -DCONC_TEST $F/$name.c -o $exe $libs -pthread"
    check "$name-run" "if timeout 60 $exe > $exe.txt 2>&1; then false; else [ \$? -eq 1 ]; fi"
    for text; do check "$name: $text" "grep -q -F -- '$text' $exe.txt"; done
}
replay="again: CONC_REPLAY="
if pkg-config --exists check 2> /dev/null; then
    framework check "gcc -std=c11" "$(pkg-config --cflags --libs check)" '50%: Checks: 2, Failures: 1, Errors: 0' \
        'bad_sale:0: FAIL two_buyers: assertion failed: conc_assert(s.left == 0 && s.sold == 1) failed' "$replay"
else echo "frameworks: no check here" >&2; fi
if [ -e /usr/include/cmocka.h ]; then
    framework cmocka "gcc -std=c11" -lcmocka '[       OK ] good_consumer' '[  FAILED  ] bad_consumer' 'is blocked in select' "$replay"
else echo "frameworks: no cmocka here" >&2; fi
framework unity_style "gcc -std=c11" '' 'good_count:done' ':FAIL: FAIL count_twice: assertion failed' 'conc_atomic_load(&c.n) is 1, 2L is 2' "$replay"
has g++ && framework utest_style "g++ -std=c++11 -x c++" '' ': Failure' 'FAIL waits_for_itself: deadlock' 'held by itself' "$replay"

# ---- the runner, as C and C++ by both compilers ----
for c in "gcc -std=c11" "clang -std=c11" "g++ -std=c++11 -x c++" "clang++ -std=c++11 -x c++"; do
    has "${c%% *}" || continue
    exe=$O/runner-${c%% *}
    check "runner-${c%% *}" "$c -O0 $W -DCONC_TEST $F/runner.c -o $exe -pthread
        if timeout 60 $exe --timeout=0.2 > $exe.txt 2>&1; then false; else [ \$? -eq 1 ]; fi
        ! grep -E '^(FAIL good|ok   bad)' $exe.txt
        [ \$(grep -c '^FAIL bad' $exe.txt) -eq 9 ]"
done
R=$O/runner-gcc
for text in 'seed 1' 'fatal error: conc_assert(1 + 1 == 3) failed' '     1 goroutine left behind' '     it died of SIGSEGV (11)' '     it ended the process with exit status 0' \
    '     it has not ended after 0.2 s; its goroutines:' 'wait_for_ever(...)' 'no operation for 0.2 s' 'SIGSEGV: an access through a null pointer' '     second line'; do
    check "runner: $text" "grep -q -F -- '$text' $R.txt"
done
status() { # NAME STATUS ARGUMENTS
    check "runner-$1" "if timeout 60 $R $3 > $O/out.txt 2>&1; then s=0; else s=\$?; fi; cat $O/out.txt; [ \$s -eq $2 ]; $4"
}
status help 0 --help "grep -q -- '--junit=FILE' $O/out.txt"
status list 0 --list "[ \$(wc -l < $O/out.txt) -eq 12 ]; grep -q '^good_plain tests/frameworks/runner.c:[0-9]* plain$' $O/out.txt"
status filter 0 good "grep -q '^3 passed, 0 failed$' $O/out.txt"
status filters 0 "good_pl* --filter=good_tr*" "grep -q '^2 passed, 0 failed$' $O/out.txt"
status no-such 2 nobody true
status no-such-option 2 --nonsense true
status wrong-number 2 --jobs=0 true
status wrong-seed 2 --seed=-3 true
status wrong-time 2 --timeout=soon true
status jobs 0 "--jobs=2 --schedules=5000 --seed=random good" "grep -q '^3 passed, 0 failed$' $O/out.txt"
status no-fork 0 "--no-fork good" "grep -q '^3 passed, 0 failed$' $O/out.txt"
status no-fork-fails 1 "--no-fork bad_dead" "grep -q 'cycle: g1 waits' $O/out.txt"
status replay 1 "--replay=c1=0x3,2x2,1x2 bad_deadlock" "grep -q 'cycle: g1 waits' $O/out.txt"
status replay-passes 0 "--replay=c1=0x3,2x7,1x7,0x9 bad_deadlock" "grep -q '^ok   bad_deadlock' $O/out.txt"
status replay-of-many 2 "--replay=c1=0x3 good" true
status junit-nowhere 2 "--junit=/nowhere/x.xml good_plain" true
check environment "CONC_SEED=77 $R good_plain > $O/out.txt; grep -q '^seed 77$' $O/out.txt"
check tap "! timeout 60 $R --tap --timeout=0.2 > $O/tap.txt 2> /dev/null; python3 $F/outputs.py tap $O/tap.txt 12 9"
check junit "! timeout 60 $R --junit=$O/junit.xml --timeout=0.2 > /dev/null 2>&1; python3 $F/outputs.py junit $O/junit.xml 12 9"
check timeline "mkdir $O/pages; ! CONC_TIMELINE=$O/pages timeout 60 $R bad_deadlock bad_text bad_null > /dev/null 2>&1
    for f in bad_deadlock bad_text bad_null; do python3 $F/outputs.py page $O/pages/\$f.html; done"

# ---- the tutorial: every command of docs/testing.md prints what it says there ----
mkdir -p build
has gdb && check tutorial "python3 $F/outputs.py console docs/testing.md"
check flaky "gcc -std=c11 -O2 $W examples/testing/flaky.c -o $O/flaky -pthread; timeout 60 $O/flaky > $O/out.txt 2>&1 || grep -q deadlock $O/out.txt"

# ---- without the explorer: plain tests run, explored ones are skipped, and nothing says that they passed ----
check unavailable "gcc -std=c11 -O0 $W $F/runner.c -o $O/plain -pthread; $O/plain good > $O/plain.txt; grep -q '^skip good_transfer' $O/plain.txt
    grep -q '^1 passed, 0 failed, 2 skipped$' $O/plain.txt"

echo "frameworks: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
