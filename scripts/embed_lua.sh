#!/bin/sh
# embed_lua.sh FILE.lua... - writes C on stdout: one row {name, sha1, text} per script.
#
# Files named common*.lua are no scripts of their own: their texts, in the order given, stand in
# front of every other one, but behind a first line that begins with "#!", which Redis wants
# first.  The sha1 is that of the text exactly as the C compiler will see it, because EVALSHA
# names it.
# The table ends with a row of NULLs, so it is valid C also when there is no script.
set -eu
LC_ALL=C
export LC_ALL

is_common() {
    case ${1##*/} in common*.lua) return 0 ;; esac
    return 1
}

common=$(mktemp)
trap 'rm -f "$common"' EXIT
for f in "$@"; do
    if is_common "$f"; then awk '{ print }' "$f"; fi
done > "$common"

# The final text of script $1: every line ends in a newline, the last one as well.
compose() {
    awk 'FNR == 1 && $0 ~ /^#!/ { print; exit }' "$1"
    cat "$common"
    awk 'FNR == 1 && $0 ~ /^#!/ { next } { print }' "$1"
}

# One literal per line.  "?" is escaped so that no trigraph arises.
quote() {
    tab=$(printf '\t') cr=$(printf '\r')
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/?/\\?/g' -e "s/$tab/\\\\t/g" -e "s/$cr/\\\\r/g" \
        -e 's/^/     "/' -e 's/$/\\n"/'
}

echo '/* Made by scripts/embed_lua.sh: do not edit. */'
echo '#include "shared/scripts.h"'
echo
echo 'const struct redis_script scripts_table[] = {'
for f in "$@"; do
    ! is_common "$f" || continue
    name=${f##*/}
    name=${name%.lua}
    sha1=$(compose "$f" | sha1sum | cut -d ' ' -f 1)
    printf '    {"%s", "%s",\n' "$name" "$sha1"
    compose "$f" | quote
    printf '    },\n'
done
echo '    {NULL, NULL, NULL},'
echo '};'
