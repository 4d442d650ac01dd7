"""A Redis behind a wire of its own, which can swallow every packet.  Needs root."""

import os
import subprocess

import pytest

from .redis import Redis


def ip(*args):
    return subprocess.run(["ip", *args], capture_output=True, text=True)


class Far:
    """A network namespace and a pair of interfaces; near and there are its two addresses."""

    def __init__(self):
        if os.geteuid() != 0:
            pytest.skip("needs root for a network namespace")
        word = os.urandom(3).hex()
        self.name, self.outer, self.inner = f"sluice-{word}", f"sl{word}o", f"sl{word}i"
        # 198.18.0.0/15 is for tests between two networks (RFC 2544): no route of ours is there.
        net = f"198.{18 + os.urandom(1)[0] % 2}.{os.urandom(1)[0]}"
        self.near, self.there = f"{net}.1", f"{net}.2"
        inside = ("-n", self.name)
        for args in (["netns", "add", self.name],
                     ["link", "add", self.outer, "type", "veth", "peer", self.inner],
                     ["link", "set", self.inner, "netns", self.name],
                     ["addr", "add", f"{self.near}/30", "dev", self.outer],
                     ["link", "set", self.outer, "up"],
                     [*inside, "addr", "add", f"{self.there}/30", "dev", self.inner],
                     [*inside, "link", "set", self.inner, "up"],
                     [*inside, "link", "set", "lo", "up"]):
            done = ip(*args)
            if done.returncode != 0:
                self.stop()
                pytest.skip(f"this kernel lets nobody build a network: ip {' '.join(args)}: "
                            f"{done.stderr.strip()}")

    def swallow(self):
        """Every packet towards it goes to a station that nobody is, so no error comes back."""
        self._neighbour("replace", "lladdr", "02:00:00:00:00:01", "nud", "permanent")

    def mend(self):
        self._neighbour("del")

    def _neighbour(self, act, *more):
        done = ip("neigh", act, self.there, *more, "dev", self.outer)
        assert done.returncode == 0, done.stderr

    def stop(self):
        ip("link", "del", self.outer)
        ip("netns", "del", self.name)


class FarRedis(Redis):
    def __init__(self, folder, far, *options):
        self.host, self.inside = far.there, ("ip", "netns", "exec", far.name)
        super().__init__(folder, "--protected-mode", "no", *options)
