"""A network namespace of its own for one router: its way to a region can be cut for it alone."""

import ctypes
import os
import queue
import subprocess
import threading

import pytest

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*args):
    done = subprocess.run(["ip", *[str(a) for a in args]], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(map(str, args))}: {done.stderr.strip()}")


class Namespace:
    """ns(function, ...) calls it inside: sockets and processes made there belong there.

    The host is reached under the addresses in self.hosts; cut(address) makes one of them
    unreachable from inside, heal(address) ends that.
    """

    made = 0

    def __init__(self):
        if os.geteuid() != 0:
            pytest.skip("network namespaces need root")
        Namespace.made += 1
        tail = f"{os.getpid() % 100000}-{Namespace.made}"
        self.name, self.outer, self.inner = f"sluice-{tail}", f"so{tail}", f"si{tail}"
        third = (os.getpid() + Namespace.made) % 254
        self.hosts = [f"10.213.{third}.{i}" for i in (1, 2, 3)]
        self.calls, self.thread = queue.Queue(), None
        try:
            _ip("netns", "add", self.name)
        except (OSError, FileNotFoundError) as error:
            pytest.skip(f"no network namespace to be had: {error}")
        try:
            self._connect(f"10.213.{third}.9/28")
        except OSError:
            self.stop()
            raise
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _connect(self, inside):
        _ip("link", "add", self.outer, "type", "veth", "peer", "name", self.inner)
        _ip("link", "set", self.inner, "netns", self.name)
        for host in self.hosts:
            _ip("addr", "add", f"{host}/28", "dev", self.outer)
        _ip("link", "set", self.outer, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        _ip("-n", self.name, "addr", "add", inside, "dev", self.inner)
        _ip("-n", self.name, "link", "set", self.inner, "up")

    def _serve(self):
        fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        failed = _libc.setns(fd, _CLONE_NEWNET) != 0 and OSError(ctypes.get_errno(), "setns")
        os.close(fd)
        while (call := self.calls.get()) is not None:
            function, args, kwargs, answer = call
            try:
                if failed:
                    raise failed
                answer.put((function(*args, **kwargs), None))
            except BaseException as error:  # the caller raises it
                answer.put((None, error))

    def __call__(self, function, *args, **kwargs):
        answer = queue.Queue()
        self.calls.put((function, args, kwargs, answer))
        result, error = answer.get()
        if error is not None:
            raise error
        return result

    def cut(self, host):
        _ip("-n", self.name, "route", "add", "unreachable", f"{host}/32")

    def heal(self, host):
        _ip("-n", self.name, "route", "del", "unreachable", f"{host}/32")

    def stop(self):
        if self.thread is not None:
            self.calls.put(None)
            self.thread.join()
        for args in (["link", "del", self.outer], ["netns", "del", self.name]):
            try:
                _ip(*args)
            except OSError:
                pass
