#!/bin/sh
# run_pytest.sh PYTHON [FOLDER...] - runs pytest over the folders, two files at a time, and ends
# with "N passed, N failed"; an error in a fixture is a failure, as is a run that tested nothing.
#
#   JOBS=2          files at a time: tests wait for time limits more than they compute
set -u
[ $# -ge 1 ] || { echo "usage: run_pytest.sh PYTHON [FOLDER...]" >&2; exit 2; }
python=$1
shift
[ $# -gt 0 ] || { echo "0 passed, 0 failed"; exit 0; }
log=build/pytest.log
mkdir -p build
rm -f "$log.rc"
{
    PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest -p no:cacheprovider -q -ra --color=no \
        -n "${JOBS:-2}" --dist loadfile "$@" 2>&1
    echo $? >"$log.rc"
} | tee "$log"
rc=$(cat "$log.rc")
summary=$(grep -E '[0-9]+ (passed|failed|error)' "$log" | tail -n 1)
number()
{
    n=$(printf '%s\n' "$summary" | sed -n "s/.*\(^\|[^0-9]\)\([0-9][0-9]*\) $1.*/\2/p")
    echo "${n:-0}"
}
passed=$(number passed)
failed=$(($(number failed) + $(number error)))
[ "$rc" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
