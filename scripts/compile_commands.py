#!/usr/bin/python3
"""compile_commands.py - turns what `make -nB` would run into a compilation database on stdout.

For clangd and its like: `make compile_commands.json`.  Where a file is compiled several times
(build/versions), the program's own compilation stands.
"""
import json
import os
import shlex
import sys


def main():
    here, entries = os.getcwd(), {}
    for line in sys.stdin:
        if " -c -o " not in line:
            continue
        words = shlex.split(line)
        source, target = words[-1], words[words.index("-o") + 1]
        if source not in entries or "/versions/" in entries[source]["output"]:
            entries[source] = {"directory": here, "file": source, "output": target, "arguments": words}
    if not entries:
        sys.exit("compile_commands: make said nothing that compiles")
    json.dump([entries[source] for source in sorted(entries)], sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
