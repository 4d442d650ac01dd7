#!/bin/sh
# check_headers.sh - compiles every header alone, twice in one file, with each compiler there is.
set -u
cd "$(dirname "$0")/.." || exit 2

flags="-std=c11 -D_GNU_SOURCE -Ilib -I. -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror"
flags="$flags $(pkg-config --cflags libevent libevent_openssl openssl libcurl jansson hiredis | sed 's/-I/-isystem /g')" || exit 2
found=0
bad=0
for cc in gcc clang; do
    command -v "$cc" >/dev/null || continue
    found=1
    # The quoted program sees a header as $0, the compiler as $1 and the flags behind it.
    # shellcheck disable=SC2016,SC2086
    find lib router admin tests -name '*.h' 2>/dev/null | sort |
        xargs -P "$(nproc)" -I '{}' sh -c '
            cc=$1
            shift
            printf "#include \"%s\"\n#include \"%s\"\n" "$0" "$0" |
                "$cc" "$@" -fsyntax-only -x c - || { echo "$0: does not stand alone with $cc"; exit 1; }
        ' '{}' "$cc" $flags || bad=1
done
[ $found -eq 1 ] || { echo "check_headers: neither gcc nor clang is installed" >&2; exit 2; }
exit $bad
