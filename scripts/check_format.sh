#!/bin/sh
# check_format.sh - says which sources clang-format would change; `make format` changes them.
#
# The releases of clang-format disagree about details, so one of them is the judge.  With
# another one the differences are shown and are no error.
set -u
cd "$(dirname "$0")/.." || exit 2
judge=14

tool=clang-format
command -v clang-format-$judge >/dev/null && tool=clang-format-$judge
command -v $tool >/dev/null || { echo "check_format: clang-format is not installed" >&2; exit 2; }
version=$($tool --version | sed -n 's/.*version \([0-9]*\).*/\1/p')

find lib router admin tests -name '*.[ch]' -print0 |
    xargs -0 -n 16 -P "$(nproc)" "$tool" --dry-run -Werror && exit 0
[ "$version" = $judge ] && exit 1
echo "check_format: version $version is not the judge ($judge): the above is no error" >&2
