#!/bin/sh
# check_layers.sh - says which file includes what it may not, or calls what nobody may.
#
# Who may include whom: base <- policy <- provider <- config <- state <- router, admin.
# router/ and admin/ never include each other.  Each third-party library has one home.
set -u
cd "$(dirname "$0")/.." || exit 2

files=$(find lib router admin tests -name '*.[ch]' 2>/dev/null | sort)
[ -n "$files" ] || { echo "check_layers: no sources found" >&2; exit 2; }

# shellcheck disable=SC2086 # a list of our own file names: no spaces
awk '
function complain(what)
{
    printf "%s:%d: %s\n", FILENAME, FNR, what
    bad = 1
}

# The line without comments and without what stands in quotes; in_comment lasts over lines.
function code_of(s,   out, c, two, quote)
{
    out = ""
    quote = ""
    while (s != "") {
        c = substr(s, 1, 1)
        two = substr(s, 1, 2)
        s = substr(s, 2)
        if (in_comment) {
            if (two == "*/") {
                in_comment = 0
                s = substr(s, 2)
            }
        } else if (quote != "") {
            if (c == "\\")
                s = substr(s, 2)
            else if (c == quote)
                quote = ""
        } else if (two == "/*") {
            in_comment = 1
            s = substr(s, 2)
        } else if (two == "//") {
            break
        } else if (c == "\"" || c == "\047") {
            quote = c
        } else {
            out = out c
        }
    }
    return out
}

function check_ours(path,   to)
{
    to = path
    sub(/\/.*/, "", to)
    if (!(to in rank) || !(room in rank))
        return
    if (rank[to] > rank[room] || (rank[to] == rank[room] && to != room))
        complain(room "/ may not include " to "/ (\"" path "\")")
}

function check_library(path)
{
    if (path ~ /^curl\// && FILENAME !~ /^router\/upstream[a-z_]*\.[ch]$/ && room != "tests")
        complain("curl has one home: router/upstream*")
    if (path ~ /^hiredis\// && room != "state" && room != "tests")
        complain("hiredis has one home: lib/state/")
    if (path ~ /^(openssl\/|event2\/bufferevent_ssl)/ && FILENAME !~ /^lib\/state\/redis_tls\.c$/)
        complain("OpenSSL has one home: lib/redis/tls.c")
    if (path ~ /^jansson/ && room != "tests")
        wants_jansson = FNR
    if (path ~ /^event2\// && room ~ /^(base|policy|provider|config)$/)
        complain("lib/" room "/ knows no event loop")
    if (path ~ /^(sys\/socket|netdb|pthread|time|sys\/time)\.h$/ && room == "policy")
        complain("lib/policy/ does no I/O and reads no clock (<" path ">)")
}

function end_of_file()
{
    if (wants_jansson && !has_json_h)
        printf "%s:%d: jansson only behind base/json.h\n", last, wants_jansson
    if (wants_jansson && !has_json_h)
        bad = 1
}

BEGIN {
    rank["base"] = 1; rank["policy"] = 2; rank["provider"] = 3; rank["config"] = 4
    rank["state"] = 5; rank["router"] = 6; rank["admin"] = 6
    banned = "(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|gets|alloca|gmtime|localtime)[ \t]*[(]"
}

FNR == 1 {
    if (last != "")
        end_of_file()
    last = FILENAME
    in_comment = wants_jansson = 0
    has_json_h = FILENAME ~ /^lib\/base\/json\.[ch]$/
    room = FILENAME
    sub(/^lib\//, "", room)
    sub(/\/.*/, "", room)
}

{
    code = code_of($0)
    if (match(code, banned)) {
        word = substr(code, RSTART, RLENGTH)
        gsub(/[^a-z]/, "", word)
        complain(word "() is banned")
    }
    if (code !~ /^[ \t]*#[ \t]*include/ || !match($0, /["<][^">]+[">]/))
        next
    path = substr($0, RSTART + 1, RLENGTH - 2)
    if (path == "base/json.h")
        has_json_h = 1
    if (substr($0, RSTART, 1) == "\"") {
        if (path !~ /\// && room != "tests")
            complain("includes name their folder (\"" path "\")")
        check_ours(path)
    } else {
        check_library(path)
    }
}

END {
    end_of_file()
    exit bad
}
' $files
