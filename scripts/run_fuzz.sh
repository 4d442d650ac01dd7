#!/bin/sh
# run_fuzz.sh SECONDS DIR BINARY... - runs each libFuzzer target SECONDS long over the seeds in
# tests/fuzz/corpus/NAME (target fuzz_NAME) and what earlier runs found (DIR/corpus/NAME).
# SECONDS 0 replays the seeds once.  A crashing input stays in DIR/crashes.  Ends with
# "N passed, N failed".
set -u
[ $# -ge 2 ] || { echo "usage: run_fuzz.sh SECONDS DIR BINARY..." >&2; exit 2; }
seconds=$1
dir=$2
shift 2
passed=0 failed=0
mkdir -p "$dir/crashes"
for t in "$@"; do
    target=$(basename "$t")
    name=${target#fuzz_}
    seeds=tests/fuzz/corpus/$name
    log=$dir/$target.log
    set -- -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$dir/crashes/$name-"
    [ ! -e "tests/fuzz/$name.dict" ] || set -- "$@" -dict="tests/fuzz/$name.dict"
    if [ "$seconds" -eq 0 ]; then
        set -- "$@" -runs=0
    else
        mkdir -p "$dir/corpus/$name" # the first folder takes what is found, the seeds stay as they are
        set -- "$@" -max_total_time="$seconds" "$dir/corpus/$name"
    fi
    [ ! -d "$seeds" ] || set -- "$@" "$seeds"
    if "$t" "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok   %s (%s)\n' "$target" "$(grep -aE '^(Done|#[0-9]+.*DONE)' "$log" | tail -n 1)"
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "$target"
        tail -n 60 "$log"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
