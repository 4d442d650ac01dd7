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

# shellcheck disable=SC2016 # the quoted program sees the tool as $0, the file as $1
find lib router admin tests -name '*.[ch]' 2>/dev/null | sort |
    xargs -n 1 -P "$(nproc)" sh -c '"$0" --dry-run -Werror "$1" >/dev/null 2>&1 ||
        { echo "$1: not as clang-format writes it"; exit 1; }' "$tool" && exit 0
[ "$version" = $judge ] && exit 1
echo "check_format: version $version is not the judge ($judge): the above is no error" >&2
