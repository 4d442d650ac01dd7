#!/bin/sh
# run_tests.sh BINARY... - runs Criterion test binaries, JOBS (number of processors) at a time,
# prints one line each, and ends with "N passed, N failed" over all of them.  A failing binary's
# whole output is shown.
set -u

# one DIR BINARY: prints its line, and leaves "passed failed" in DIR.
one()
{
    dir=$1 t=$2
    out=$("$t" --color=never 2>&1)
    rc=$?
    # Criterion's last line: [====] Synthesis: Tested: 3 | Passing: 3 | Failing: 0 | Crashing: 0
    line=$(printf '%s\n' "$out" | grep -a 'Synthesis: Tested:' | tail -n 1)
    p=$(printf '%s\n' "$line" | sed -n 's/.*Passing: \([0-9]*\).*/\1/p')
    n=$(printf '%s\n' "$line" | sed -n 's/.*Tested: \([0-9]*\).*/\1/p')
    f=$((${n:-0} - ${p:-0}))
    if [ $rc -ne 0 ] || [ "${n:-0}" -eq 0 ]; then
        [ $f -eq 0 ] && f=1
        flock "$dir" printf 'FAIL %s (exit %d)\n%s\n' "$t" "$rc" "$out"
    else
        flock "$dir" printf 'ok   %s (%s)\n' "$t" "$p"
    fi
    printf '%d %d\n' "${p:-0}" $f >"$(mktemp "$dir/XXXXXXXX")"
}

if [ "${1:-}" = --one ]; then
    one "$2" "$3"
    exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -n 1 "$0" --one "$dir"
find "$dir" -type f -exec cat {} + | awk -v want=$# '
    { passed += $1; failed += $2 }
    END {
        if (NR != want)
            failed += want - NR
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0
    }'
