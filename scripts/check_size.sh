#!/bin/sh
# check_size.sh [LINES] - lists the source files that are longer than LINES (default 500).
set -u
cd "$(dirname "$0")/.." || exit 2
max=${1:-500}

find ./lib ./router ./admin ./tests ./scripts \( -name '*.[ch]' -o -name '*.lua' -o -name '*.py' -o -name '*.sh' \) \
    -not -path '*/node_modules/*' -print0 2>/dev/null | xargs -0 awk -v max="$max" '
    FNR == 1 && last != "" && n > max { printf "%s: %d lines, at most %d\n", last, n, max; bad = 1 }
    { last = FILENAME; n = FNR }
    END {
        if (n > max) { printf "%s: %d lines, at most %d\n", last, n, max; bad = 1 }
        exit bad
    }'
