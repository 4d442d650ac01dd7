"""Makes one allocation of one process fail: tests/shim/fail_alloc.c, steered through a file."""

import mmap
import struct

from .proc import program

FORMAT = "=qqq"  # pid, left, failed_bytes


class FailAlloc:
    def __init__(self, folder, name):
        path = folder / name
        path.write_bytes(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), mmap.PAGESIZE)
        self.env = {"LD_PRELOAD": program("tests/shim/fail_alloc.so"), "FAIL_ALLOC": str(path)}

    def arm(self, pid, n):
        """The n-th allocation of pid from now on fails."""
        struct.pack_into(FORMAT, self.map, 0, 0, n, 0)
        struct.pack_into("=q", self.map, 0, pid)

    def left(self):
        return struct.unpack_from(FORMAT, self.map)[1]

    def failed_bytes(self):
        """How much the allocation that failed asked for; None before one did."""
        found = struct.unpack_from(FORMAT, self.map)[2]
        return found - 1 if found else None
