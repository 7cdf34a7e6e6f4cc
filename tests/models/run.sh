#!/usr/bin/env bash
# Protocols of conc.h as Promela models, checked whole by spin: tests/models/*.pml. Each lists edits that break it ("mutant: SED  what"); the
# checker must find an error in every one. Last line: "models: N passed, N failed".
set -u
export LC_ALL=C
O=${CONC_TEST_OUT:-$PWD/build/tests}/models
cd "$(dirname "$0")" || exit 2
mkdir -p "$O" || exit 2
command -v spin > /dev/null || { echo "models: 0 passed, 0 failed, 1 skipped"; exit 0; }
passed=0 failed=0
verify() { # MODEL: 0 if all of it was searched and nothing found, 1 if an error was found, else 2
    local dir=$O/$(basename "$1" .pml)
    mkdir -p "$dir" && cp "$1" "$dir/model.pml" || return 2
    (cd "$dir" && spin -a model.pml && gcc -O2 -w -DCOLLAPSE -o pan pan.c && ./pan -m2000000) > "$dir/log" 2>&1 || return 2
    grep -q 'max search depth too small' "$dir/log" && return 2
    grep -q 'errors: 0$' "$dir/log" && return 0
    grep -q 'errors: [1-9]' "$dir/log" && return 1
    return 2
}
expect() { # RESULT MODEL WHAT
    verify "$2"
    local got=$?
    if [ $got -eq "$1" ]; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    echo "FAIL $3: $([ "$1" -eq 0 ] && echo "not proved" || echo "the edit goes unnoticed") ($got)"
    tail -n 20 "$O/$(basename "$2" .pml)/log"
}
for model in *.pml; do
    expect 0 "$model" "$model"
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        edit=$(sed -E 's/^mutant: (s(.).*\2)  +.*$/\1/' <<< "$line")
        mutant=$O/${model%.pml}-$number.pml
        sed "/^mutant:/!$edit" "$model" > "$mutant"
        if cmp -s "$model" "$mutant"; then failed=$((failed + 1)); echo "FAIL $model: nothing to edit: $line"
        else expect 1 "$mutant" "$model, $line"; fi
    done < <(grep '^mutant: ' "$model")
done
echo "models: $passed passed, $failed failed"
[ $failed -eq 0 ]
