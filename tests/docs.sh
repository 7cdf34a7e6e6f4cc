#!/usr/bin/env bash
# The documentation and the examples, held to what they say. For every ```c and ```cpp listing of README.md and docs/:
# compile it (-std=c11 or -std=c++11 -Wall -Wextra -Wpedantic -Werror) and run it. The block right after it says what to expect:
# ```output: exactly that on stdout, exit status 0; ```fatal: those lines, in that order, within the lines of stderr, and exit
# status 2; none: exit status 0. A listing that does not define CONC_IMPLEMENTATION or CONC_MAIN is linked with an implementation
# compiled once. Examples must compile without a warning and print what their expected/ holds; those of examples/patterns also where
# there is nothing but the example, its pattern and conc.h, in C and C++. JOBS=n of these at a time (2). digest is compared with sha256sum and md5sum. Usage: docs.sh [FILTER]. Last line: "docs: N passed, N failed".
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 2
CC=${CC:-gcc} CXX=${CXX:-g++} filter=${1:-.} O=$PWD/build/docs
rm -rf "$O" && mkdir -p "$O" || exit 2
passed=0 failed=0
ok() { passed=$((passed + 1)); }
fail() { # NAME WHY-FILE
    failed=$((failed + 1))
    echo "FAIL $1"
    head -c 3000 "$2" | head -n 20 | sed 's/^/    /'
}
W="-Wall -Wextra -Wpedantic -Werror -I. -Ipatterns"
"$CC" -std=c11 -O1 -g $W -DCONC_IMPLEMENTATION -x c -c -o "$O/conc.o" - <<< '#include "conc.h"' 2> "$O/log" || { fail implementation "$O/log"; echo "docs: 0 passed, 1 failed"; exit 1; }

# ---- listings: cut each into NAME.c or NAME.cc, its expectation into NAME.output or NAME.fatal ----
for doc in README.md docs/guide.md docs/testing.md docs/patterns.md; do
    awk -v base="$O/$(basename "$doc" .md)" '
        /^```/ && !inside {
            inside = 1; kind = substr($0, 4); file = ""
            if (kind == "c" || kind == "cpp") { last = base "-" NR; file = last (kind == "c" ? ".c" : ".cc"); printf "" > file }
            else if ((kind == "output" || kind == "fatal") && last != "") { file = last "." kind; printf "" > file; last = "" }
            next
        }
        /^```/ { inside = 0; if (file != "") close(file); next }
        inside { if (file != "") print > file; next }
        /[^ \t]/ { last = "" }' "$doc"
done
for src in $(ls "$O"/*.c "$O"/*.cc | sort -t- -k2n); do
    name=$(basename "${src%.*}") exe=${src%.*}
    [[ $name =~ $filter ]] || continue
    flags='' conc=$O/conc.o
    if grep -q -E 'define CONC_(IMPLEMENTATION|MAIN)' "$src"; then
        conc=
        grep -q 'define CONC_IMPLEMENTATION' "$src" || flags=-DCONC_IMPLEMENTATION
    fi
    case $src in *.cc) cc="$CXX -std=c++11" ;; *) cc="$CC -std=c11" ;; esac
    lib=
    if grep -q '"remote_work.h"' "$src"; then lib=-lhiredis; fi
    if ! $cc -O1 -g $W $flags "$src" $conc -o "$exe" -pthread $lib > "$exe.log" 2>&1; then fail "$name (compile)" "$exe.log"; continue; fi
    timeout 20 "$exe" > "$exe.stdout" 2> "$exe.stderr"
    status=$?
    if [ -f "$exe.fatal" ]; then
        awk 'NR == FNR { want[++n] = $0; next } i < n && index($0, want[i + 1]) { i++; while (i < n && index($0, want[i + 1])) i++ } END { exit i < n }' \
            "$exe.fatal" "$exe.stderr" && [ $status -eq 2 ] && ok || { echo "exit status $status" >> "$exe.stderr"; fail "$name (message)" "$exe.stderr"; }
    elif [ $status -ne 0 ]; then
        echo "exit status $status" >> "$exe.stderr"
        fail "$name (run)" "$exe.stderr"
    elif [ -f "$exe.output" ] && ! diff "$exe.output" "$exe.stdout" > "$exe.diff"; then fail "$name (output)" "$exe.diff"
    else ok; fi
done

# ---- examples, and the patterns, each of which is one file to copy: it, conc.h and its example in an empty directory ----
quietly() { # NAME LOG COMMAND...: one check
    local name=$1 log=$2
    shift 2
    if "$@" > "$log" 2>&1; then echo ok; else
        echo "FAIL $name"
        head -c 3000 "$log" | head -n 20 | sed 's/^/    /'
    fi
}
strict() { local cc=$1; shift; $cc -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -isystem /usr/include/libxml2 "$@"; }
says() { # EXE EXPECTED SOURCE: what it prints; sorted, if the source says that its lines come in any order
    timeout 60 "$1" > "$1.stdout" < /dev/null || { echo "exit status $?"; return 1; }
    if grep -q 'in any order' "$3"; then sort -o "$1.stdout" "$1.stdout"; fi
    diff "$2" "$1.stdout"
}
libraries() { # NAME
    case $1 in digest | md5all) echo -lcrypto ;; http) echo -lhttp_parser -ljansson ;; feeds) echo -lexpat ;; crawl) echo -lhttp_parser -lxml2 ;; remote_work) echo -lhiredis ;; esac
}
example() { # SOURCE
    local src=$1 dir name exe lib
    dir=$(dirname "$src") name=$(basename "$src" .c)
    exe=$O/example-$(tr / - <<< "${src#examples/}") expected=$dir/expected/$name.txt
    exe=${exe%.c}
    lib=$(libraries $name)
    quietly "example $name (gcc)" "$exe.log" strict "gcc -std=c11 -O1" -I. -Ipatterns "$src" -o "$exe" -pthread $lib
    if command -v clang > /dev/null; then quietly "example $name (clang)" "$exe.log" strict "clang -std=c11 -fsyntax-only" -I. -Ipatterns "$src"; fi
    if [ -f "$expected" ]; then quietly "example $name (output)" "$exe.log" says "$exe" "$expected" "$src"; fi
}
copy() { # HEADER
    local name dir cc lib
    name=$(basename "$1" .h) dir=$O/copy-$(basename "$1" .h)
    lib=$(libraries "$name")
    mkdir -p "$dir" && cp conc.h "$1" "examples/patterns/$name.c" "$dir" || { echo "FAIL copy $name"; return; }
    for cc in "$CC -std=c11" "$CXX -std=c++11 -x c++"; do
        (cd "$dir" && quietly "copy $name ($cc)" log strict "$cc -O0" "$name.c" -o it -pthread $lib)
        quietly "copy $name ($cc, output)" "$dir/log" says "$dir/it" "examples/patterns/expected/$name.txt" "$dir/$name.c"
    done
}
export -f quietly strict says libraries example copy
export O CC CXX
{
    for src in examples/*.c examples/by-example/*.c examples/patterns/*.c; do [[ example-$(basename "$src" .c) =~ $filter ]] && printf 'example\0%s\0' "$src"; done
    for header in patterns/*.h; do [[ copy-$(basename "$header" .h) =~ $filter ]] && printf 'copy\0%s\0' "$header"; done
} | xargs -0 -r -n 2 -P "${JOBS:-2}" bash -c '"$0" "$1" > "$O/result-$(tr -c "a-zA-Z0-9_\n" - <<< "$0 $1")"'
for result in "$O"/result-*; do
    [ -f "$result" ] || continue
    passed=$((passed + $(grep -c '^ok' "$result"))) failed=$((failed + $(grep -c '^FAIL' "$result")))
    grep -v '^ok' "$result"
done

# ---- digest against sha256sum and md5sum, and its exit statuses ----
digest() { # NAME STATUS COMMAND: the shell command must leave this exit status
    [[ digest-$1 =~ $filter ]] || return 0
    (eval "$3") > "$O/log" 2>&1
    local status=$?
    if [ $status -eq "$2" ]; then ok; else echo "exit status $status, not $2" >> "$O/log"; fail "digest $1" "$O/log"; fi
}
if [ -x "$O/example-digest" ]; then
    D=$O/example-digest tree=$O/tree
    mkdir -p "$tree/a" "$tree/a-b" "$tree/deep/er/and/deeper" "$tree/empty"
    for i in $(seq 300); do head -c $((i * 997)) /dev/zero | tr '\0' "\\$((i % 8))" > "$tree/a/file$i"; done
    for f in a.c a-b/x 'with space' 'back\slash' $'new\nline' $'carriage\rreturn' $'tab\t' $'\xff\xfe' .hidden deep/er/f deep/er.f deep/er/and/deeper/g; do
        printf '%s' "$f" > "$tree/$f"
    done
    : > "$tree/zero"
    ln -s a "$tree/link" && ln -s nowhere "$tree/dangling" && mkfifo "$tree/fifo"
    expect() { (cd "$O" && find "$1" -type f -print0 | sort -z | xargs -0 -r "$2"); }
    export -f expect
    digest sha256 0 'cd $O; cmp <(expect tree sha256sum) <($D tree)'
    digest slash 0 'cd $O; cmp <(expect tree/ sha256sum) <($D tree/)'
    digest dot 0 'cd $O/tree; cmp <(find . -type f -print0 | sort -z | xargs -0 sha256sum) <($D)'
    digest md5 0 'cd $O; cmp <(expect tree md5sum) <($D --md5 tree)'
    digest serial 0 'cd $O; cmp <(expect tree sha256sum) <($D --serial tree)'
    digest one-worker 0 'cd $O; cmp <(expect tree sha256sum) <($D -j 1 tree)'
    digest many-workers 0 'cd $O; cmp <(expect tree sha256sum) <($D -j 500 tree)'
    digest one-file 0 'cd $O; cmp <(expect tree/a.c sha256sum) <($D tree/a.c)'
    digest empty 0 '[ -z "$($D $tree/empty 2>&1)" ]'
    digest missing 1 '$D $tree/nowhere'
    digest missing-text 0 '$D $tree/nowhere 2>&1 | grep -q "^digest: .*/nowhere: No such file or directory$"'
    digest symlink 1 '$D $tree/link'
    digest usage 2 '$D --nonsense'
    digest usage-jobs 2 '$D -j 0 .'
    digest usage-timeout 2 '$D --timeout soon .'
    digest full-disk 1 '$D $tree > /dev/full'
    if [ "$(id -u)" != 0 ]; then
        chmod 0 "$tree/a/file7"
        digest unreadable 1 '$D $tree'
        digest unreadable-others 0 '[ "$($D $tree 2> /dev/null | wc -l)" = "$(($(find $tree -type f | wc -l) - 1))" ]'
        chmod 644 "$tree/a/file7"
    fi
    # a file that never ends, through a symlinked directory's target: /proc/kmsg and the like are not portable, so a large sparse one
    mkdir -p "$O/large" && truncate -s 64G "$O/large/sparse" && printf x > "$O/large/a" && printf y > "$O/large/z"
    for m in '' --serial; do
        digest "timeout$m" 124 "timeout 20 \$D $m --timeout 0.3 \$O/large > \$O/out"
        digest "timeout-lines$m" 0 '[ "$(cat $O/out)" = "$(expect large/a sha256sum | sed "s| large| $O/large|")" ]'
        digest "interrupt$m" 130 "\$D $m \$O/large > \$O/out & sleep 0.3; kill -INT \$!; wait \$!"
        digest "interrupt-lines$m" 0 '[ "$(cat $O/out)" = "$(expect large/a sha256sum | sed "s| large| $O/large|")" ]'
        digest "terminate$m" 143 "\$D $m \$O/large > \$O/out & sleep 0.3; kill -TERM \$!; wait \$!"
    done
    digest interrupt-quickly 0 'for i in 1 2 3 4 5 6 7 8 9 10; do
        $D $O/tree > $O/out & sleep 0.00$i; kill -INT $! 2> /dev/null; wait $!; s=$?; [ $s = 130 ] || [ $s = 0 ] || exit 1
        sed "s| .*$O/| |; s|^[^ ]* *||" $O/out > /dev/null; [ -z "$(tail -c 1 $O/out)" ] || exit 1; done'
    rm -rf "$O/large" "$tree"
fi

echo "docs: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
