"""Hedging: a second target for a silent first; the first content wins, an error never does."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sluice.client import chat_body
from sluice.proc import wait_for

PATH = "/v1/chat/completions"
AFTER_S = 0.45  # timers may fire some ms early: the clock that they read ticks at 4 ms or 10
HEDGE = {"hedge": {"after": "500ms", "max_share": 100}}


def outcomes(f, region):
    prefix = f'sluice_region_attempts_total{{region="{region}",outcome="'
    return {name[len(prefix):-2]: int(n) for name, n in f.router.metrics().items()
            if name.startswith(prefix) and n}


def hedges(f):
    return f.router.metrics()["sluice_hedges_total"]


class SavedUp:
    """A fresh router has no hedge in hand: each request earns its share of one.

    What comes after is counted from here.
    """

    def __init__(self, f, n=2):
        self.f = f
        while n > 0:  # one that a busy machine kept waiting was hedged itself, and earned nothing
            n -= f.router.chat().headers["x-sluice-attempts"] == "1"
        self.attempts_before, self.hedges_before = f.attempts(), hedges(f)
        self.before = {r.name: outcomes(f, r.name) for r in f.regions}

    def attempts(self):
        return [n - was for n, was in zip(self.f.attempts(), self.attempts_before)]

    def hedges(self):
        return hedges(self.f) - self.hedges_before

    def outcomes(self, region):
        was = self.before[region]
        more = {name: n - was.get(name, 0) for name, n in outcomes(self.f, region).items()}
        return {name: n for name, n in more.items() if n}

    def wait_outcome(self, region):
        """Until the router has taken note of how an attempt there ended."""
        return wait_for(lambda: self.outcomes(region), what=f"an attempt at {region} to end")


@pytest.fixture
def ask():
    """ask(router, ...): a chat under way in a thread."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda router, *args, **more: pool.submit(router.chat, *args, **more)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", [{"hang": True}, {"delay_head_ms": 600_000}], ids=str)
def test_the_second_answers_when_the_first_is_silent(fleet, fault, stream):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    saved = SavedUp(f)
    east = f.region("us-east")
    east.fault(**fault)
    began = time.monotonic()
    a = f.router.chat("hi", stream=stream)
    assert time.monotonic() - began >= AFTER_S
    assert a.complete and a.content() == "Hello from eu-west: hi"
    assert a.headers["x-sluice-region"] == "eu-west" and a.headers["x-sluice-attempts"] == "2"
    east.wait_ended("client_gone")  # the loser is cancelled
    assert saved.outcomes("us-east") == {"aborted": 1} and saved.outcomes("eu-west") == {"ok": 1}
    assert saved.hedges() == 1
    assert f.router.breaker("us-east") == "closed"


def test_off_by_default(fleet):
    f = fleet(2, 1, with_redis=False)
    f.region("us-east").fault(delay_head_ms=700)
    assert f.router.chat(stream=True).headers["x-sluice-region"] == "us-east"
    assert f.attempts() == [1, 0] and hedges(f) == 0


def test_heads_and_roles_do_not_win(fleet):
    """The first has sent its head and its role at once; only content counts."""
    f = fleet(2, 1, with_redis=False, **HEDGE)
    SavedUp(f)
    f.region("us-east").fault(hang_at_event=1)
    a = f.router.chat("hi", stream=True)
    assert a.complete and a.content() == "Hello from eu-west: hi" and b"us-east" not in a.body


def test_the_first_may_still_win(fleet, ask):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    saved = SavedUp(f)
    east, west = f.regions
    east.fault(hold_at_event=0)
    west.fault(hang=True)
    answer = ask(f.router, "hi", stream=True)
    west.wait_active()
    east.go()
    a = answer.result()
    assert a.complete and a.content() == "Hello from us-east: hi"
    assert a.headers["x-sluice-region"] == "us-east"
    west.wait_ended("client_gone")
    assert saved.outcomes("eu-west") == {"aborted": 1}


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"error_event": 0},
                                   {"cut_at_event": 1}, {"status": 400}], ids=str)
def test_an_error_of_the_second_never_wins(fleet, ask, fault):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    saved = SavedUp(f)
    east, west = f.regions
    east.fault(hold=True)
    west.fault(**fault)
    answer = ask(f.router, "hi", stream=True)
    saved.wait_outcome("eu-west")
    east.go()
    a = answer.result()
    assert a.status == 200 and a.complete and a.content() == "Hello from us-east: hi"
    assert saved.attempts() == [1, 1]


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut_at_event": 1}], ids=str)
def test_an_error_of_the_first_never_wins(fleet, ask, fault):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    saved = SavedUp(f)
    east, west = f.regions
    east.fault(hold=True, **fault)
    west.fault(hold=True)
    answer = ask(f.router, "hi", stream=True)
    west.wait_active()
    east.go()
    saved.wait_outcome("us-east")
    west.go()
    a = answer.result()
    assert a.status == 200 and a.complete and a.content() == "Hello from eu-west: hi"
    assert saved.attempts() == [1, 1]


def test_at_most_the_share_hedges(fleet):
    """Every request would like to: the first target is slower than the time to hedge after."""
    f = fleet(2, 1, with_redis=False, hedge={"after": "20ms", "max_share": 10})
    f.region("us-east").fault(delay_head_ms=200)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: f.router.chat(), range(200)))
    assert all(a.status == 200 for a in answers)
    m = f.router.metrics()
    assert 10 <= m["sluice_hedges_total"] <= 20
    assert m["sluice_attempts_total"] == 200 + m["sluice_hedges_total"]
    wait_for(lambda: f.region("us-east").attempts() == 200, what="the first target to see all")
    assert f.region("eu-west").attempts() <= m["sluice_hedges_total"]


SLOW_MS = 2000  # far above what a busy machine adds to a quick answer


def test_p95_follows_the_region(fleet):
    """Nobody hedges before twenty answers are known, then only who waits longer than most did."""
    f = fleet(2, 1, with_redis=False, hedge={"after": "p95", "max_share": 100})
    east, west = f.regions

    def ask(models):
        with ThreadPoolExecutor(4) as pool:
            for a in pool.map(lambda model: f.router.chat("hi", model, stream=True), models):
                assert a.status == 200 and a.complete

    def hedged_after_ms():
        """By the regions' clock, which is one."""
        east.fault(hang=True)
        assert f.router.chat("hi", stream=True).content() == "Hello from eu-west: hi"
        return west.log()[-1]["mono_ms"] - east.log()[-1]["mono_ms"]

    slow = {"match": {"model": "slow"}, "delay_head_ms": SLOW_MS}
    east.fault(slow)
    ask(["slow"] * 4 + ["quick"] * 16)
    ask(["quick"] * 20)  # of forty answers 10 % were slow: the quick ones never wait that long
    assert f.attempts() == [40, 0]
    assert hedged_after_ms() >= SLOW_MS * 0.95
    assert f.attempts() == [41, 1]
    east.fault(slow)
    ask(["quick"] * 70)  # less than 5 % were slow
    assert hedged_after_ms() < SLOW_MS


def test_hedges_count_against_the_tries(fleet):
    f = fleet(2, 1, with_redis=False, retry={"num_retries": 0}, **HEDGE)
    saved = SavedUp(f)
    f.region("us-east").fault(delay_head_ms=1000)
    assert f.router.chat().headers["x-sluice-region"] == "us-east"
    assert saved.attempts() == [1, 0] and hedges(f) == 0


def test_a_client_that_leaves_ends_both(fleet):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    SavedUp(f)
    for r in f.regions:
        r.fault(hang=True)
    c = f.router.connect()
    c.send_request("POST", PATH, json=chat_body(stream=True))
    for r in f.regions:
        r.wait_active()
    c.close()
    for r in f.regions:
        r.wait_ended("client_gone")
    wait_for(lambda: f.router.metrics()["sluice_requests_in_flight"] == 0, what="the request to end")


def test_a_winner_that_breaks_is_mended(fleet):
    """By whoever answers now: the silent one had not reached its limit, so it is asked, too."""
    f = fleet(3, 1, with_redis=False, stream={"recover": "always"}, retry={"num_retries": 3},
              timeouts={"first_byte": "2s"}, region_flags={"text": "seed", "tokens": 12}, **HEDGE)
    SavedUp(f)
    text = f.router.chat("hi").content()
    f.region("us-east").fault(hang=True)
    f.region("eu-west").fault(cut_at_event=6)
    a = f.router.chat("hi", stream=True, cut_ok=True)
    assert a.complete and a.content() == text and a.events()[-1] == "[DONE]"
    assert f.region("ap-south").attempts() == 1
