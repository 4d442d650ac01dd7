"""The promises a fleet keeps whatever Redis does, checked around one trouble.

That no request is slower for it is judged beside a control: a router that needs no Redis, asked
as often, at the same time, on the same machine.
"""

import re
import time

from .load import Load
from .proc import wait_for

GROWTH_BYTES = 8 << 20
CONVERGE_S = 10.0  # twice the longest back-off with a last try that fails
# Of so many requests none takes longer than three times what the control's take, and so much.  A
# wait for one of Redis' deadlines (300 ms here) is more, and so is a loop that stands still.
NOISE_S = ((0.5, 0.02), (0.9, 0.05), (0.99, 0.25))
MODE = r"(shared state away|attached to the fleet's shared state)"


class Steady:
    """with Steady(fleet, control) as s: <trouble>; s.healed()  - leaving it checks the rest.

    control: a router without Redis, with a region of its own.
    changes: how often each router may say that its mode changed; an int or a range.
    connections: how many a router may have made in all, from the first trouble to the end, and
    one more a second; twice as many it may have tried.  Two that back off from 0.1 s with full
    jitter try a closed port some 16 times in 10 s; without back-off it would be hundreds.
    """

    def __init__(self, fleet, control, changes=2, connections=24):
        self.f = fleet
        self.beside = Load(*[control] * len(fleet.routers))  # as many threads of each kind
        self.changes = range(changes, changes + 1) if isinstance(changes, int) else changes
        self.connections = connections
        self.load = Load(*fleet.routers)

    def __enter__(self):
        self.said = [len(self._modes(r)) for r in self.f.routers]
        self.pids = [r.workers()[0] for r in self.f.routers]
        self.load.__enter__()
        self.beside.__enter__()
        self.load.more(40)
        self.tried = [self._tries(r) for r in self.f.routers]
        self.began = time.monotonic()
        self.rss = self._rss()
        self.server, self.received = self._received()
        return self

    def __exit__(self, kind, *_):
        self.load.__exit__()
        self.beside.__exit__()
        if kind is None:
            self._check()

    def _rss(self):
        return [r.process.rss_bytes(pid) for r, pid in zip(self.f.routers, self.pids)]

    def _received(self):
        """(which server, connections of others that it has taken)."""
        text = self.f.redis("INFO")
        n = int(re.search(r"total_connections_received:(\d+)", text)[1])
        return re.search(r"run_id:(\w+)", text)[1], n - self.f.redis.clients_made

    @staticmethod
    def _tries(router):
        """Connections that ended or never came to be."""
        return router.metrics()["sluice_store_reconnects_total"]

    @staticmethod
    def _modes(router):
        return re.findall(MODE, router.process.err())

    def mode(self, router):
        return router.admin("/readyz").json()["shared_state"]

    def wait_away(self):
        self.load.more(20)  # nobody waits for a Redis that has just fallen silent
        for r in self.f.routers:
            wait_for(lambda r=r: self.mode(r) == "away", what=f"{r.name} to be away")

    def during(self, seconds):
        """Traffic for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.load.more(5)

    def _views(self):
        views = [r.state()["shared_state"] for r in self.f.routers]
        return {(v["mode"], v["generation"], v["version"]) for v in views}

    def is_one_view(self):
        meta = self.f.redis("HMGET", "{sluice:test}:meta", "gen", "ver")
        return meta[0] and self._views() == {("attached", meta[0], int(meta[1]))}

    def healed(self):
        """Redis serves again: soon everybody has its view, and hears of what comes."""
        began = time.monotonic()
        wait_for(self.is_one_view, what="all routers to have Redis' view")
        # Ten steps lead there; each may have met what the control's slowest request met.
        late_s = time.monotonic() - began - 10 * max(self.beside.seconds(began), default=0)
        assert late_s < CONVERGE_S, f"{late_s:.1f} s until all had one view"
        server, received = self._received()
        made = received - (self.received if server == self.server else 0)
        self.made = made / len(self.f.routers)
        self.connections += time.monotonic() - self.began
        said = self.f.admin("region", "drain", self.f.regions[-1].name, "--for", "1m", "--wait")
        assert said.rc == 0, said
        assert len(self._views()) == 1
        self.load.more(40)

    def _check_latency(self):
        ours, theirs = self.load.seconds(self.began), self.beside.seconds(self.began)
        for share, noise_s in NOISE_S:
            a, b = (found[int(share * (len(found) - 1))] for found in (ours, theirs))
            assert a < 3 * b + noise_s, (
                f"{share:.0%} of {len(ours)} took {a:.3f} s at most, of the control's {b:.3f} s")
        asked = {i for i, when, _ in self.load.took if when >= self.began}
        assert len(asked) == len(self.load.threads), "some kind of request was never asked"

    def _check(self):
        self.load.check()
        self.beside.check()
        self._check_latency()
        assert self.made <= self.connections, f"{self.made} connections per router"
        for r, n in zip(self.f.routers, self.tried):
            tries = self._tries(r) - n
            assert tries <= 2 * self.connections, f"{r.name}: {tries} tries"
        for r, pid, before, after in zip(self.f.routers, self.pids, self.rss, self._rss()):
            assert r.workers() == [pid], f"{r.name}'s worker died"
            assert after - before < GROWTH_BYTES, f"{r.name} grew by {after - before} bytes"
        for r, n in zip(self.f.routers, self.said):
            new = self._modes(r)[n:]
            assert len(new) in self.changes, f"{r.name} said {new}: {r.process.err()[-2000:]}"
            assert all(a != b for a, b in zip(new, new[1:])), new
            rest = [l for l in r.process.err().splitlines() if " request req_" not in l]
            assert len(rest) < 40, rest[:60]
