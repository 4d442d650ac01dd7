#!/bin/sh
# run_tests.sh BINARY... - runs Criterion test binaries, prints one line each, and ends with
# "N passed, N failed" over all of them.  A failing binary's whole output is shown.
set -u
passed=0 failed=0 broken=0
for t in "$@"; do
    out=$("$t" --color=never 2>&1)
    rc=$?
    # Criterion's last line: [====] Synthesis: Tested: 3 | Passing: 3 | Failing: 0 | Crashing: 0
    line=$(printf '%s\n' "$out" | grep -a 'Synthesis: Tested:' | tail -n 1)
    p=$(printf '%s\n' "$line" | sed -n 's/.*Passing: \([0-9]*\).*/\1/p')
    f=$(printf '%s\n' "$line" | sed -n 's/.*Tested: \([0-9]*\).*/\1/p')
    passed=$((passed + ${p:-0}))
    failed=$((failed + ${f:-0} - ${p:-0}))
    if [ $rc -ne 0 ] || [ -z "$line" ] || [ "${f:-0}" -eq 0 ]; then
        broken=1
        [ "${f:-0}" -eq "${p:-0}" ] && failed=$((failed + 1))
        printf 'FAIL %s (exit %d)\n%s\n' "$t" "$rc" "$out"
    else
        printf 'ok   %s (%s)\n' "$t" "$p"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$broken" -eq 0 ]
