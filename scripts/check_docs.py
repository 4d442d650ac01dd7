#!/usr/bin/python3
"""check_docs.py - says where a page speaks of a file, a link, a setting, a make target or a
commit that is not there, or quotes a line of C that nobody wrote.

Looks at what stands in backquotes, in links and in C blocks of every .md file.  A path may begin
at the top or at the page's folder; a bare file name may be anywhere in the tree; * stands for
anything.  Commits are looked up only where the whole history is here.
"""
import glob
import os
import re
import subprocess
import sys

ENDS = r"\.(?:c|h|lua|py|sh|md|pml|sed|js|json|service|[1-8])"
PATH = re.compile(rf"(?:[\w.*<>-]+/)*[\w.*-]+{ENDS}|(?:[\w.*-]+/)+")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)?(?:#[^)]*)?\)")
SETTING = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
MADE = ("build/", "/")  # what only a build, or another machine, has
ANY = re.compile(r"(?:.*/)?(?:.*_)?(?:NAME|x)(?:_.*)?\.[a-z]+")  # NAME.lua, x.c: no file is meant

found = []


def git(*args):
    out = subprocess.run(["git", *args], capture_output=True, text=True, check=False)
    return out.stdout.strip() if out.returncode == 0 else ""


def is_there(word, folder, names):
    if word.startswith(MADE) or "<" in word or ANY.fullmatch(word):
        return True
    if "/" not in word:
        return any(re.fullmatch(word.replace(".", r"\.").replace("*", ".*"), n) for n in names)
    return bool(glob.glob(word) or glob.glob(os.path.join(folder, word)))


def check_word(where, word, folder, known):
    if PATH.fullmatch(word):
        if not is_there(word, folder, known["names"]):
            found.append(f"{where}: there is no {word}")
    elif SETTING.fullmatch(word) and word.split(".")[0] in known["sections"]:
        if word not in known["settings"]:
            found.append(f"{where}: there is no setting {word}")
    elif m := re.match(r"make ([a-z_.-]+)(?![a-z_./-])", word):
        if m.group(1) not in known["targets"]:
            found.append(f"{where}: there is no target '{m.group(1)}'")
    elif re.fullmatch(r"[0-9a-f]{7,40}", word) and known["history"]:
        if not git("cat-file", "-t", word):
            found.append(f"{where}: there is no commit {word}")


def check_page(page, known):
    folder, block = os.path.dirname(page), None
    with open(page, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            where = f"{page}:{number}"
            if line.startswith("```"):
                block = line[3:].strip() if block is None else None
            elif block == "c" and line.strip() not in known["lines"]:
                found.append(f"{where}: no source has the line '{line.strip()}'")
            elif block is None:
                for word in CODE.findall(line):
                    check_word(where, word, folder, known)
                for to in LINK.findall(line):
                    if to and "://" not in to and not os.path.exists(os.path.join(folder, to)):
                        found.append(f"{where}: the link to {to} leads nowhere")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    with open("lib/config/settings.c", encoding="utf-8") as f:
        settings = set(re.findall(r'\{"([a-z_.]+)", KEY_', f.read()))
    with open("Makefile", encoding="utf-8") as f:
        targets = set(re.findall(r"^([a-z_.-]+):", f.read(), re.M))
    pages, names, lines = [], set(), set()
    for top, folders, files in os.walk("."):
        folders[:] = [d for d in folders if d not in ("build", "node_modules", ".git")]
        names.update(files)
        pages += [os.path.join(top, f)[2:] for f in files if f.endswith(".md")]
        for name in files:
            if name.endswith((".c", ".h")):
                with open(os.path.join(top, name), encoding="utf-8") as f:
                    lines.update(line.strip() for line in f)
    known = {"names": names, "lines": lines, "settings": settings, "targets": targets,
             "sections": {s.split(".")[0] for s in settings if "." in s},
             "history": git("rev-parse", "--is-shallow-repository") == "false"}
    for page in sorted(pages):
        check_page(page, known)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
