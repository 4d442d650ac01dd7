#!/usr/bin/python3
"""check_layers.py - says which file includes what it may not, or calls what nobody may.

ROOMS is the plan of the house: who may include whom.  An _impl.h belongs to the files of its
own prefix.  Inside a room no two files may need each other, over any number of steps, and no
room holds more than 20 .c files.  Each third-party library has one home, and so has each
vendor: lib/dialect/.
"""
import glob
import os
import re
import sys

ROOMS = {
    "base": "",
    "policy": "base",
    "redis": "base",
    "config": "base policy redis",
    "dialect": "base policy",
    "shared": "base policy redis",
    "http": "base",
    "upstream": "base config http",
    "fleet": "base policy config redis shared",
    "router": "base policy config dialect redis shared http upstream fleet router/request",
    "router/request": "base policy config dialect http upstream fleet router",
    "admin": "base config redis shared admin/output admin/doctor",
    "admin/output": "base redis shared",
    "admin/doctor": "base redis shared admin admin/output",
}
# (file, what it includes): why it may all the same.
EXCEPTIONS = {}
# Rooms whose files need each other, a line each: why the circle stays.
CIRCLES = {
    ("redis/link", "redis/sentinel"):
        "a Sentinel is asked over a link, with a link's bounds, and a link asks it where to go",
    # The parts are the inside of the type whose outside the header is; redis_* see both.
    ("fleet/shared_state", "fleet/shared_state_parts"): "outside and inside of one type",
}
FILES_MAX = 20

HOMES = [  # (header, where it may be included, what to say)
    (r"curl/", r"lib/upstream/", "curl has one home: lib/upstream/"),
    (r"zlib\.h", r"(lib/upstream/coding\.c|tests/)", "zlib has one home: lib/upstream/coding.c"),
    (r"hiredis/", r"lib/redis/", "hiredis has one home: lib/redis/"),
    (r"openssl/|event2/bufferevent_ssl", r"lib/redis/tls\.c", "OpenSSL has one home: lib/redis/tls.c"),
    (r"(sys/socket|netdb|pthread|time|sys/time)\.h", r"(?!lib/policy/)", "lib/policy/ does no I/O and reads no clock"),
    (r"event2/", r"(?!lib/(base/(?!loop\.h)|(policy|dialect|config)/))", "this room knows no event loop"),
]
VENDORS = re.compile(r"dialect/openai")  # known by their row in dialect/dialect.h alone
BANNED = re.compile(
    r"(?<![A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|gets|alloca|gmtime|localtime)[ \t]*\(")
# They may return NULL or -1; base/loop.h has those that do not.
FALLIBLE = re.compile(
    r"(?<![A-Za-z0-9_])(event_new|evtimer_new|evsignal_new|event_base_new)[ \t]*\(|^[ \t]*(ev(?:ent|timer|signal)_add)[ \t]*\(",
    re.M)
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)

found = []


def complain(path, line, what):
    found.append(f"{path}:{line}: {what}")


def room_of(path):
    path = path.removeprefix("lib/")
    return os.path.dirname(path)


def stem_of(path):
    """x.c, x.h and x_impl.h are one."""
    return os.path.splitext(path.removeprefix("lib/"))[0].removesuffix("_impl")


def blank(match):
    """Comments and what stands in quotes, as empty lines, so that numbers stay right."""
    return "\n" * match.group().count("\n")


def check_include(path, line, quote, to, edges):
    room = room_of(path)
    if room.startswith("tests"):
        return
    if quote == "<":
        for header, home, words in HOMES:
            if re.match(header, to) and not re.match(home, path):
                complain(path, line, f"{words} (<{to}>)")
        return
    if "/" not in to:
        complain(path, line, f'includes name their folder ("{to}")')
        return
    if VENDORS.match(to) and room != "dialect":
        complain(path, line, f'a vendor is known by dialect/dialect.h alone ("{to}")')
    other = room_of(to)
    if other not in ROOMS:
        complain(path, line, f'there is no room {other}/ ("{to}")')
    elif other == room:
        if stem_of(to) != stem_of(path):
            edges.setdefault(stem_of(path), set()).add(stem_of(to))
    elif other not in ROOMS[room].split() and (path, to) not in EXCEPTIONS:
        complain(path, line, f'{room}/ may not include {other}/ ("{to}")')
    if to.endswith("_impl.h") and not path.removeprefix("lib/").startswith(to.removesuffix("_impl.h")):
        complain(path, line, f'"{to}" belongs to {to.removesuffix("_impl.h")}*')


def check_file(path, edges):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    code = TOKEN.sub(blank, text)
    for m in BANNED.finditer(code):
        complain(path, code.count("\n", 0, m.start()) + 1, f"{m.group(1)}() is banned")
    if not path.startswith(("tests/", "lib/base/loop.h")):
        for m in FALLIBLE.finditer(code):
            complain(path, code.count("\n", 0, m.start()) + 1, f"{m.group(1) or m.group(2)}() may fail: take base/loop.h")
    comments = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    includes = [(comments.count("\n", 0, m.start()) + 1, m.group(1), m.group(2)) for m in INCLUDE.finditer(comments)]
    for line, quote, to in includes:
        check_include(path, line, quote, to, edges)
    if not path.startswith("tests/") and not re.match(r"lib/base/json\.[ch]", path):
        for line, _, to in includes:
            if to.startswith("jansson") and not any(t == "base/json.h" for _, _, t in includes):
                complain(path, line, "jansson only behind base/json.h")


def circles(edges):
    """Strongly connected files, by Tarjan's algorithm."""
    index, low, stack, out = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in sorted(edges.get(v, ())):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            part = stack[stack.index(v):]
            del stack[stack.index(v):]
            if len(part) > 1:
                out.append(sorted(part))

    for v in sorted(edges):
        if v not in index:
            visit(v)
    return out


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    files = sorted(f for top in ("lib", "router", "admin", "tests")
                   for f in glob.glob(f"{top}/**/*.[ch]", recursive=True))
    edges = {}
    if not files:
        sys.exit("check_layers: no sources found")
    for path in files:
        check_file(path, edges)
    for part in circles(edges):
        if tuple(part) not in CIRCLES:
            complain(part[0], 1, "these need each other: " + " ".join(part))
    for part in CIRCLES:
        if list(part) not in circles(edges):
            complain("scripts/check_layers.py", 1, "no circle any more: " + " ".join(part))
    for room in ROOMS:
        where = room if room.startswith(("router", "admin")) else "lib/" + room
        n = len(glob.glob(where + "/*.c"))
        if n > FILES_MAX:
            complain(where, 1, f"{n} .c files, at most {FILES_MAX} in a room")
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
