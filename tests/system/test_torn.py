"""Some hosts' way to a region is broken: those leave it, and nobody else loses it.

A torn router asks, under the region's name, a server that fails; the others ask one that is well.
Which fault it is, and how many of how many routers are torn, are rows.
"""

import threading

import pytest

from sluice.admin import Admin
from sluice.proc import wait_for
from sluice.router import region_entry

EAST, WEST = "us-east", "eu-west"


class Torn:
    """n routers, of which the last k reach a bad us-east."""

    def __init__(self, region, router, redis, n, k, **config):
        self.good, self.west = region(EAST), region(WEST)
        self.bad = region(EAST)
        fine, broken = [self.good, self.west], [self.bad, self.west]
        self.routers = [router(fine if i < n - k else broken, redis.unix_url, name=f"r{i}", **config)
                        for i in range(n)]
        self.well, self.torn = self.routers[:n - k], self.routers[n - k:]
        self.redis, self.admin = redis, Admin(redis.unix_url)
        for r in self.routers:
            wait_for(r.is_attached, what=f"{r.name} to reach Redis")
        self.ask(1)  # who uses a region has a say
        wait_for(lambda: redis("ZCARD", "{sluice:test}:ok:" + EAST) == n, what="it to be known")

    def ask(self, rounds):
        """Each router in turn from a thread of its own: (router, region, status) of all."""
        out = []

        def run(router):
            for _ in range(rounds):
                answer = router.chat()
                out.append((router.name, answer.headers.get("x-sluice-region"), answer.status))

        askers = [threading.Thread(target=run, args=(r,)) for r in self.routers]
        for a in askers:
            a.start()
        for a in askers:
            a.join()
        return out


def share(answers, routers, region):
    """What part of these routers' answers came from region."""
    mine = [r for name, r, _ in answers if name in {r.name for r in routers}]
    return sum(r == region for r in mine) / len(mine)


FAULTS = {"all fail": {"status": 503}, "most fail": {"status": 500, "percent": 70}}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("n,k", [(2, 1), (8, 1), (8, 4), (8, 7)])
def test_who_can_use_a_region_keeps_it(region, router, redis, n, k, fault):
    t = Torn(region, router, redis, n, k)
    t.bad.fault(FAULTS[fault])
    first = t.ask(100)
    assert {s for _, _, s in first} == {200}
    before = t.bad.attempts()
    later = t.ask(150)
    assert {s for _, _, s in later} == {200}
    # one probe of a second opinion is all that a good host may lose
    assert share(later, t.well, EAST) > 0.9
    assert share(later, t.torn, EAST) < 0.1
    assert t.bad.attempts() - before < 10 * k, "a torn router only probes"


def test_operators_see_which_host_is_torn(region, router, redis):
    t = Torn(region, router, redis, 3, 1, breaker={"recovery_timeout": "2s"})
    t.bad.fault(status=503)
    bad = t.torn[0]

    def left():
        assert {s for _, _, s in t.ask(3)} == {200}
        row = next(r for r in t.admin.json("status")["regions"] if r["region"] == EAST)
        return row["state"] == "closed" and row["left_by"]
    names = wait_for(left, what="the fleet to keep what one of three has left")
    assert names == [bad.state()["router"]]
    assert f"left by 1 of 3 routers: {names[0]}" in t.admin("status").out
    assert "left by 1 of 3 routers" in t.admin("region", "show", EAST).out
    told = t.admin("doctor").out
    assert f"{EAST} is closed, but left by 1 of 3 routers" in told and names[0] in told
    assert "left by this router alone" in bad.process.err()
    assert next(r for r in bad.state()["shared_state"]["regions"] if r["name"] == EAST)["alone"]

    t.bad.heal()

    def back():
        assert {s for _, _, s in t.ask(1)} == {200}
        row = next(r for r in t.admin.json("status")["regions"] if r["region"] == EAST)
        return row["state"] == "closed" and not row["left_by"]
    wait_for(back, what="the torn host to be back by its own probes", seconds=60)
