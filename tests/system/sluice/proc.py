"""One child process: started, watched and ended by its pid."""

import os
import random
import re
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = (ROOT / os.environ.get("SLUICE_BUILD", "build")).resolve()
# How long a condition is waited for.  Only a test that fails waits so long: no verdict may
# depend on how fast the machine is.
PATIENCE_S = float(os.environ.get("SLUICE_TEST_PATIENCE", "30"))

# The kernel kills a child whose parent is gone.  Not by a preexec_fn, which is Python code in a
# forked process: other threads of a test may hold any lock then.
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]


def program(name, version=None):
    """version: older or newer, to be had from build/versions."""
    path = BUILD / "versions" / version / name if version else BUILD / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: run make all tests first")
    return str(path)


def wait_for(condition, seconds=PATIENCE_S, what="the condition"):
    """The first true value of condition(); AssertionError when the deadline passes first.

    An OSError counts as "not yet": the thing waited for may still be coming up.
    """
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except OSError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s; last seen: {last!r}")
        time.sleep(0.005)


def is_gone(pid):
    """Has it ended, and with it closed its sockets?  Nobody may have taken note of its end yet."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill_all(pids):
    """Kills those that still run and waits for their end: no port of theirs is taken any more."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for(lambda: all(map(is_gone, pids)), what=f"{pids} to end")


_given = set()


def _first_ephemeral():
    """Outgoing connections take their ports from here on: one may hold what a server wants."""
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    return max(int(text.split()[0]), 12000)


def free_port():
    """A port that nobody had a moment ago.  The caller retries when somebody was faster.

    Never the same twice: programs that share ports on purpose would not notice.
    """
    while True:
        port = random.randrange(10000, _first_ephemeral())
        if port in _given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def allow_descriptors(n):
    """So many open files for this process, or the test is skipped."""
    import pytest  # here alone: scripts/demo runs where there is none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n:
        pytest.skip(f"needs {n} descriptors, the hard limit is {hard}")
    if soft < n:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


class Process:
    """argv, running; stdout and stderr go to files in folder."""

    started = []  # all of them, so that a fixture that failed halfway leaves none behind

    def __init__(self, argv, folder, name, env=None):
        self.argv, self.name, self.folder = [str(a) for a in argv], name, Path(folder)
        self.env = dict(os.environ, **(env or {}))
        self.starts = 0
        self.popen = None
        self.start()

    def start(self):
        self.starts += 1
        stem = f"{self.name}.{self.starts}"
        self.out_path, self.err_path = self.folder / f"{stem}.out", self.folder / f"{stem}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = subprocess.Popen(
                [*DIE_WITH_PARENT, *self.argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                cwd=self.folder, env=self.env)
        Process.started.append(self)
        return self

    @classmethod
    def stop_all_of(cls, folder):
        for process in cls.started:
            if process.folder == folder:
                process.stop()
        cls.started = [p for p in cls.started if p.folder != folder]

    @property
    def pid(self):
        return self.popen.pid

    @property
    def rc(self):
        """Exit status, negative for a signal; None while it runs."""
        return self.popen.poll()

    def alive(self):
        return self.rc is None

    def out(self):
        return self.out_path.read_text(errors="replace")

    def err(self):
        return self.err_path.read_text(errors="replace")

    def wait_output(self, pattern, seconds=PATIENCE_S):
        """The match of pattern in stdout; fails at once when the program ends without it."""
        def look():
            found = re.search(pattern, self.out(), re.M)
            if not found and not self.alive():
                raise RuntimeError(f"{self.name} ended with {self.rc}: {self.err().strip()}")
            return found
        return wait_for(look, seconds, f"{self.name} to print {pattern!r}")

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def wait_end(self, seconds=PATIENCE_S):
        self.popen.wait(seconds)
        return self.rc

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait_end()

    def stop(self, seconds=PATIENCE_S):
        """Asks politely, then insists: for clean-up."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.wait_end(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def children(self):
        """Pids of its living children: a supervisor's workers."""
        try:
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return []  # it has just ended
        return [int(pid) for pid in text.split()]

    def rss_bytes(self, pid=None):
        fields = Path(f"/proc/{pid or self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
