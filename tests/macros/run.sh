#!/usr/bin/env bash
# The macro layer: does conc.h compile everywhere it should, does it refuse what it should, with the right words, and does it
# stay out of the way of the program around it. Usage: run.sh [FILTER]   (an extended regular expression on the checks' names)
# CONC_H_DIR=dir takes conc.h from elsewhere; JOBS=n checks at a time (2). A compiler that is not installed is reported once.
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 2
export T=tests/macros O=build/macros I=${CONC_H_DIR:-.}
jobs=${JOBS:-2} filter=${1:-.}
rm -rf "$O" && mkdir -p "$O/log" || exit 2
export W="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I$I"

have() { command -v "$1" > /dev/null 2>&1; }
ccs='' cxxs=''
for c in gcc clang; do if have $c; then ccs="$ccs $c"; else echo "macros: no $c here: its checks are left out" >&2; fi; done
for c in g++ clang++; do if have $c; then cxxs="$cxxs $c"; else echo "macros: no $c here: its checks are left out" >&2; fi; done

# check NAME COMMAND: queue a check, a shell command that must succeed; flush runs the queue
queue=()
check() { [[ $1 =~ $filter ]] && queue+=("$1" "$2"); }
one() {
    if (set -e -o pipefail; eval "$2") > "$O/log/$1" 2>&1; then echo "ok $1"; else
        { echo "FAIL $1"; head -c 2000 "$O/log/$1" | head -n 12 | sed 's/^/    /'; } > "$O/log/$1.fail"
        cat "$O/log/$1.fail"
    fi
}
export -f one
flush() {
    [ ${#queue[@]} -eq 0 ] || printf '%s\0' "${queue[@]}" | xargs -0 -n 2 -P "$jobs" bash -c 'one "$0" "$1"' >> "$O/results"
    queue=()
}
: > "$O/results"

# ---- the implementation, once per compiler, whatever the filter: everything below links against these ----
wanted=$filter filter=.
for c in $ccs; do check "impl-$c" "$c -std=c11 -O1 -g $W -DCONC_IMPLEMENTATION -c $T/alone.c -o $O/impl-$c.o"; done
for c in $cxxs; do check "impl-$c" "$c -std=c++11 -O1 -g $W -DCONC_IMPLEMENTATION -x c++ -c $T/alone.c -o $O/impl-$c.o"; done
filter=$wanted
flush

# ---- the header alone, in every standard and mode; the implementation in every standard; user code, compiled and run ----
modes() { # COMPILER STD LANGUAGE
    local id="$1-$2" m
    for m in '' -DCONC_NO_SHORT_NAMES -DCONC_NO_REGISTER_GO -DCONC_NO_ERRNO -DCONC_MAIN; do
        check "alone-$id$m" "$1 -std=$2 $W $m -x $3 -fsyntax-only $T/alone.c"
    done
    check "alone-$id-impl" "$1 -std=$2 $W -DCONC_IMPLEMENTATION -x $3 -c $T/alone.c -o /dev/null"
}
for c in $ccs; do
    for s in c11 c17 c2x; do
        modes $c $s c
        check "use-$c-$s" "$c -std=$s -O0 $W $T/use.c $O/impl-$c.o -pthread -o $O/use-$c-$s; timeout 60 $O/use-$c-$s"
    done
    check "use-$c-O2" "$c -std=gnu11 -O2 $W $T/use.c $O/impl-$c.o -pthread -o $O/use-$c-O2; timeout 60 $O/use-$c-O2"
    check "long-$c" "$c -std=c11 -O1 $W $T/long.c $O/impl-$c.o -pthread -o $O/long-$c; timeout 60 $O/long-$c"
    for m in '' -DCONC_NO_REGISTER_GO; do
        check "declared-$c$m" "$c -std=c11 -O1 $W $m $T/declared.c $O/impl-$c.o -pthread -o $O/declared-$c$m; timeout 60 $O/declared-$c$m"
    done
done
for c in $cxxs; do
    for s in c++11 c++14 c++17 c++20; do
        modes $c $s c++
        check "use-$c-$s" "$c -std=$s -O1 $W $T/use.cc $O/impl-$c.o -pthread -o $O/use-$c-$s; timeout 60 $O/use-$c-$s"
    done
    check "long-$c" "$c -std=c++11 -O1 $W -x c++ $T/long.c -x none $O/impl-$c.o -pthread -o $O/long-$c; timeout 60 $O/long-$c"
    check "declared-$c" "$c -std=c++11 -O1 $W -x c++ $T/declared.c -x none $O/impl-$c.o -pthread -o $O/declared-$c; timeout 60 $O/declared-$c"
done

# ---- the patterns: each header alone, with and without short names; all of them in two files of one program, in every standard ----
pattern() { # COMPILER STD LANGUAGE
    local h m
    for h in patterns/*.h; do
        for m in '' -DCONC_NO_SHORT_NAMES; do
            check "pattern-$(basename "$h" .h)-$1$m" "printf '#include \"%s\"\n' $h | $1 -std=$2 $W $m -x $3 -fsyntax-only -"
        done
    done
}
patterns() { # COMPILER STD LANGUAGE: patterns.c and patterns_*.c, a group of headers each
    local cc="$1 -std=$2 -O1 $W -Ipatterns -x $3" f out lib
    for f in $T/patterns*.c; do
        out="$O/$(basename "$f" .c)-$1-$2" lib=
        case $f in *_remote.c) lib=-lhiredis ;; esac
        check "$(basename "$out")" "$cc -DPATTERNS_NAME=other -c $f -o $out.o
            $cc -DPATTERNS_NAME=one -DPATTERNS_OTHER=other -DPATTERNS_MAIN $f -x none $out.o $O/impl-$1.o -pthread -o $out $lib
            timeout 60 $out"
    done
}
for c in $ccs; do pattern $c c11 c; for s in c11 c17 c2x; do patterns $c $s c; done; done
for c in $cxxs; do pattern $c c++11 c++; for s in c++11 c++14 c++17 c++20; do patterns $c $s c++; done; done

# ---- options ----
for c in $ccs $cxxs; do
    case $c in *++) x='-x c++ -std=c++11' ;; *) x='-x c -std=c11' ;; esac
    for m in -DCONC_STATIC -DCONC_NO_SHORT_NAMES -DCONC_NO_SEGV_HANDLER -DCONC_NO_ERRNO -DCONC_DEBUG=2 -DNDEBUG \
        '-DCONC_MALLOC(n)=malloc(n) -DCONC_REALLOC(p,n)=realloc(p,n) -DCONC_FREE(p)=free(p)'; do
        check "option-$c${m%%(*}" "$c $x $W -include stdlib.h -D_GNU_SOURCE -DCONC_IMPLEMENTATION $(printf ' %q' $m) -c $T/alone.c -o /dev/null"
    done
    # the author's switch: conc.h itself is then held to the warnings
    check "dev-$c" "$c $x -Wall -Wextra -Werror -I$I -DCONC_DEV -DCONC_IMPLEMENTATION -c $T/alone.c -o /dev/null"
    check "allocator-all-or-none-$c" "( $c $x -I$I -DCONC_MALLOC=malloc -fsyntax-only $T/alone.c 2>&1 || : ) | grep -q 'define all of CONC_MALLOC, CONC_REALLOC and CONC_FREE, or none'"
    check "stb-missing-$c" "( $c $x -I$I -DCONC_IMPLEMENTATION '-DCONC_STB_DS=\"nowhere.h\"' -fsyntax-only $T/alone.c 2>&1 || : ) | grep -q nowhere.h"
done

# ---- beside other code: two files in C and C++, private copies, stb_ds of the program's own ----
pair() { # COMPILER-OF-A FLAGS-OF-A COMPILER-OF-B FLAGS-OF-B
    have "$1" && have "$3" || return 0
    local id="$1-$3"
    case $1$3 in *++*) local ld=g++ ;; *) local ld=gcc ;; esac
    have $ld || ld=${1/clang/clang++}
    check "multi-$id-a" "$1 $2 $W -DCONC_IMPLEMENTATION -c $T/multi_a.c -o $O/a-$id-1.o; $3 $4 $W -c $T/multi_b.c -o $O/b-$id-1.o
        $ld $O/a-$id-1.o $O/b-$id-1.o -pthread -o $O/m-$id-1; timeout 60 $O/m-$id-1"
    check "multi-$id-b" "$1 $2 $W -c $T/multi_a.c -o $O/a-$id-2.o; $3 $4 $W -DCONC_IMPLEMENTATION -c $T/multi_b.c -o $O/b-$id-2.o
        $ld $O/a-$id-2.o $O/b-$id-2.o -pthread -o $O/m-$id-2; timeout 60 $O/m-$id-2"
}
pair gcc '-std=c11' gcc '-std=c11'
pair gcc '-std=c11' g++ '-std=c++11 -x c++'
pair g++ '-std=c++17 -x c++' clang '-std=c2x'
pair clang '-std=c11' clang++ '-std=c++20 -x c++'
for c in $ccs $cxxs; do
    case $c in *++) x='-x c++ -std=gnu++11' none='-x none' ;; *) x='-std=gnu11' none='' ;; esac
    check "private-$c" "$c $x $W -DPRIVATE_NAME=own -DPRIVATE_MAIN -c $T/private.c -o $O/p1-$c.o; $c $x $W -DPRIVATE_NAME=other -c $T/private.c -o $O/p2-$c.o
        $c $O/p1-$c.o $O/p2-$c.o -pthread -o $O/private-$c; timeout 60 $O/private-$c"
done
for c in $ccs; do
    for s in BEFORE AFTER; do
        check "stb-$s-$c" "$c -std=gnu11 -Wall -Wextra -I$I -DSTB=$s $T/stb.c -pthread -o $O/stb-$s-$c; timeout 60 $O/stb-$s-$c"
    done
    check "stb-ELSEWHERE-$c" "$c -std=gnu11 -I$I -DSTB_OTHER -c $T/stb.c -o $O/stb-other-$c.o
        $c -std=gnu11 -Wall -Wextra -I$I -DSTB=ELSEWHERE $T/stb.c $O/stb-other-$c.o -pthread -o $O/stb-3-$c; timeout 60 $O/stb-3-$c"
done

# ---- what the object exports, and the stack of the program ----
for c in $ccs $cxxs; do
    check "symbols-$c" "nm -g --defined-only $O/impl-$c.o | awk 'NF == 3 && \$2 !~ /[WVu]/ && \$3 !~ /^conc_/ { print; bad = 1 } END { exit bad }'"
    check "undefined-$c" "nm -u $O/impl-$c.o | awk '\$2 ~ /^conc_|stbds/ { print; bad = 1 } END { exit bad }'"
    case $c in *++) x='-x c++ -std=c++11' ;; *) x='-std=c11' ;; esac
    check "static-symbols-$c" "$c $x -I$I -DCONC_IMPLEMENTATION -DCONC_STATIC -c $T/alone.c -o $O/static-$c.o
        nm -g --defined-only $O/static-$c.o | awk 'NF == 3 && \$2 !~ /[WVu]/ { print; bad = 1 } END { exit bad }'"
    check "stack-flags-$c" "readelf -SW $O/impl-$c.o | grep -q '.note.GNU-stack' && ! readelf -SW $O/impl-$c.o | grep '.note.GNU-stack' | grep -q X"
done

# ---- mistakes ----
wrong() { # NAME FAMILY PATTERN LINE FILE
    local c list x at=":$4:[0-9]+"
    case $2 in *elsewhere) at='' ;; esac
    case $2 in c++*) list=$cxxs x='-std=c++11 -x c++' ;; *) x=-std=c11; case $ccs in *$2*) list=$2 ;; *) list='' ;; esac ;; esac
    for c in $list; do
        check "wrong-$1-$c" "$c $x -Wall -Wextra -I$I -Ipatterns -DWRONG_$1 -fsyntax-only $T/$5.c > $O/log/w-$1-$c 2>&1 || :
            grep -E -q $(printf %q "${at:+$5\\.c}$at: (fatal )?(error|warning): .*$3") $O/log/w-$1-$c || { cat $O/log/w-$1-$c; false; }"
    done
}
for f in $(cd $T && echo wrong*.c); do
f=${f%.c}
for c in $ccs; do check "$f-nothing-$c" "$c -std=c11 $W -Ipatterns -fsyntax-only $T/$f.c"; done
for c in $cxxs; do check "$f-nothing-$c" "$c -std=c++11 $W -Ipatterns -x c++ -fsyntax-only $T/$f.c"; done
while IFS=$'\t' read -r name family pattern line; do wrong "$name" "$family" "$pattern" "$line" $f; done < <(awk '
    /^#ifdef WRONG_/ { name = substr($2, 7); n = 0; next }
    name && match($0, /^\/\/ (gcc|clang|c\+\+)( elsewhere)?: /) { fam[++n] = substr($0, 4, RLENGTH - 5); pat[n] = substr($0, RLENGTH + 1); next }
    name && /\/\/!$/ { for (i = 1; i <= n; i++) printf "%s\t%s\t%s\t%d\n", name, fam[i], pat[i], NR }
    /^#endif/ { name = "" }' "$T/$f.c")
done
flush

# ---- the floors of the implementation ----
[[ floors =~ $filter ]] && CC=${CC:-gcc} "$T/floors.sh" "$I/conc.h" | sed 's/^\([a-zA-Z]*\) /\1 floor-/' >> "$O/results"

grep -v '^ok ' "$O/results"
passed=$(grep -c '^ok ' "$O/results") failed=$(grep -c '^FAIL ' "$O/results")
echo "macros: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
