#!/bin/sh
# embed_lua.sh FILE.lua... - writes C on stdout: one row {name, sha1, text} per script.
#
# A file named common.lua is no script of its own: its text stands in front of every other
# one, but behind a first line that begins with "#!", which Redis wants first.  The sha1 is
# that of the text exactly as the C compiler will see it, because EVALSHA names it.
# The table ends with a row of NULLs, so it is valid C also when there is no script.
set -eu
LC_ALL=C
export LC_ALL

common=/dev/null
for f in "$@"; do
    case $f in common.lua | */common.lua) common=$f ;; esac
done

# The final text of script $1: every line ends in a newline, the last one as well.
compose() {
    awk 'FNR == 1 && $0 ~ /^#!/ { print; exit }' "$1"
    awk '{ print }' "$common"
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
    [ "$f" != "$common" ] || continue
    name=${f##*/}
    name=${name%.lua}
    sha1=$(compose "$f" | sha1sum | cut -d ' ' -f 1)
    printf '    {"%s", "%s",\n' "$name" "$sha1"
    compose "$f" | quote
    printf '    },\n'
done
echo '    {NULL, NULL, NULL},'
echo '};'
