#!/bin/bash
# run.sh - checks fleet.pml exhaustively in every configuration below, and that each mutant fails.
#
# Prints a table and ends with "N passed, N failed"; a history that breaks an invariant is shown
# in full.  With a name, runs that row only.  JOBS (number of processors) run at a time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
MEMORY_MB=1900
DEPTH=100000

# name | what is defined | what must come out: ok, ends (ok, and no history is endless), endless (one
# is: routers that are never level), or the name of the invariant that breaks, as in fleet.pml.
rows()
{
    cat <<'ROWS'
late news         | SLOW_POLL LOSSES=0                                               | ok
lost news         | LOSSES=2 FAILS=1                                                 | ends
probes            | ATTEMPTS=3 THRESHOLD=2 MAX=2 SUCCESSES=2 DEATHS=1                | ends
restart           | RESTARTS=1 ATTEMPTS=1 FAILS=1                                    | ok
flush             | FLUSHES=1 LOSSES=0 ATTEMPTS=1 FAILS=1                            | ends
probes+failover   | FAILOVERS=1 LOSSES=0 ATTEMPTS=1 FAILS=1                          | ok
failover+force    | FAILOVERS=1 OPS=2 ATTEMPTS=0                                     | ends
flush+force       | FLUSHES=1 OPS=2 ATTEMPTS=0 DEATHS=1                              | ends
restart+force     | RESTARTS=1 OPS=1 ATTEMPTS=1 FAILS=1 LOSSES=0                     | ok
demotion+force    | DEMOTIONS=1 OPS=2 ATTEMPTS=0 LOSSES=0                            | ends
probes+demotion   | DEMOTIONS=1 LOSSES=0 ATTEMPTS=1 FAILS=1                          | ok
three routers     | R=3 FAILOVERS=1 OPS=2 ATTEMPTS=0 LOSSES=0                        | ok
no epoch check    | NO_EPOCH SLOW_POLL LOSSES=0                                      | current
no lease expiry   | NO_EXPIRY ATTEMPTS=3 THRESHOLD=2 MAX=2 SUCCESSES=2 DEATHS=1      | heals
no polling        | NO_POLL LOSSES=2 ATTEMPTS=1 FAILS=1                              | converged
no generation     | NO_GEN FAILOVERS=1 LOSSES=0 ATTEMPTS=1 FAILS=1                   | converged
no re-assertion   | NO_REASSERT FAILOVERS=1 OPS=2 ATTEMPTS=0                         | word
no obedience      | NO_OBEY OPS=1 ATTEMPTS=1 FAILS=1 LOSSES=0                        | obeyed
run id alone      | RUN_ID DEMOTIONS=1 OPS=2 ATTEMPTS=0 LOSSES=0                     | endless
late force        | LATE_FORCE FAILOVERS=1 OPS=2 ATTEMPTS=0                          | word
ROWS
}

# check DIR "DEFINES" WANT: leaves DIR/got and DIR/states.
check()
{
    local d=$1 want=$3 options=() mode=-DSAFETY search=() word
    for word in $2; do options+=("-D$word"); done
    case $want in ends | endless) mode=-DNP search=(-l) ;; esac
    cd "$d" || return
    echo broken >got
    echo - >states
    spin "${options[@]}" -a "$here/fleet.pml" >log 2>&1 || return
    gcc -O2 -w "$mode" -DCOLLAPSE -DNOFAIR -DMEMLIM=$MEMORY_MB -o pan pan.c >>log 2>&1 || return
    ./pan -n -m$DEPTH "${search[@]}" >>log 2>&1
    sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' log >states
    if [ ! -e fleet.pml.trail ]; then
        # An unfinished search is no proof.
        if grep -q 'errors: 0' log && ! grep -qE 'max search depth too small|out of memory' log; then
            if [ "$mode" = -DNP ]; then echo ends >got; else echo ok >got; fi
        fi
        return
    fi
    cp "$here/fleet.pml" .
    spin "${options[@]}" -t fleet.pml >trail 2>&1
    if grep -q 'non-progress cycle' log; then
        echo endless >got
        return
    fi
    # The comment on the line of the assertion names the invariant.
    sed -n 's/^spin: fleet.pml:\([0-9]*\), Error: assertion violated.*/\1/p' trail | head -n 1 >line
    [ -s line ] && sed -n "$(cat line)s,.*/\* \([a-z]*\) \*/.*,\1,p" "$here/fleet.pml" >got
}

only=${1:-}
passed=0 failed=0 n=0
names=() wants=()
while IFS='|' read -r name defines want; do
    read -r name <<<"$name" # without the blanks around it
    read -r want <<<"$want"
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    mkdir "$dir/$n"
    names+=("$name") wants+=("$want")
    while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-$(nproc)}" ]; do wait -n; done
    (check "$dir/$n" "$defines" "$want") &
    n=$((n + 1))
done < <(rows)
wait

printf '%-17s %10s  %-10s %-10s\n' configuration states result expected
for ((i = 0; i < n; i++)); do
    got=$(cat "$dir/$i/got") states=$(cat "$dir/$i/states")
    if [ "$got" = "${wants[i]}" ]; then
        passed=$((passed + 1)) mark=
    else
        failed=$((failed + 1)) mark='  <-- not as expected'
    fi
    printf '%-17s %10s  %-10s %-10s%s\n' "${names[i]}" "${states:--}" "$got" "${wants[i]}" "$mark"
    if [ -n "$mark" ]; then
        cat "$dir/$i/trail" 2>/dev/null || tail -n 20 "$dir/$i/log"
    elif [ -n "$only" ] && [ -e "$dir/$i/trail" ]; then
        sed '/^#processes/,$d' "$dir/$i/trail"
    fi
done
printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
