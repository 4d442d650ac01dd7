#!/bin/sh
# check_reference.sh [--update] [ROUTER] - the keys in sluice.json(5) are those of the code.
#
# Compares the part between the BEGIN SETTINGS and END SETTINGS comments with what the router prints
# for --reference (default build/sluice-router); --update writes it into the page instead.
set -eu
cd "$(dirname "$0")/.."
update=
[ "${1:-}" != --update ] || { update=1; shift; }
router=${1:-build/sluice-router}
page=router/sluice.json.5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$router" --reference > "$work/code"
[ -s "$work/code" ] || { echo "check_reference: $router --reference printed nothing" >&2; exit 1; }
if [ -n "$update" ]; then
    awk -v code="$work/code" '
        /^\.\\" BEGIN SETTINGS/ { print; while ((getline line < code) > 0) print line; skip = 1; next }
        /^\.\\" END SETTINGS/   { skip = 0 }
        !skip' "$page" > "$work/page"
    cat "$work/page" > "$page"
    exit 0
fi
awk '/^\.\\" END SETTINGS/ { in_settings = 0 } in_settings; /^\.\\" BEGIN SETTINGS/ { in_settings = 1 }' \
    "$page" > "$work/page"
if ! diff -u "$work/page" "$work/code" >&2; then
    echo "check_reference: $page differs from the code: run scripts/check_reference.sh --update" >&2
    exit 1
fi
