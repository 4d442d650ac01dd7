"""Hedging: a second target for a silent first; the first content wins, an error never does."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sluice.client import chat_body
from sluice.proc import wait_for

PATH = "/v1/chat/completions"
HEDGE = {"hedge": {"after": "150ms", "max_share": 100}}


def outcomes(f, region):
    prefix = f'sluice_region_attempts_total{{region="{region}",outcome="'
    return {name[len(prefix):-2]: int(n) for name, n in f.router.metrics().items()
            if name.startswith(prefix) and n}


def save_up(f, n=2):
    """A fresh router has no hedge in hand: each request earns its share of one."""
    for _ in range(n):
        assert f.router.chat().headers["x-sluice-attempts"] == "1"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", [{"hang": True}, {"delay_head_ms": 5000}], ids=str)
def test_the_second_answers_when_the_first_is_silent(fleet, fault, stream):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    save_up(f)
    east, west = f.regions
    east.fault(**fault)
    began = time.monotonic()
    a = f.router.chat("hi", stream=stream)
    assert 0.15 <= time.monotonic() - began < 1
    assert a.complete and a.content() == "Hello from eu-west: hi"
    assert a.headers["x-sluice-region"] == "eu-west" and a.headers["x-sluice-attempts"] == "2"
    east.wait_ended("client_gone", seconds=1)  # the loser is cancelled
    assert outcomes(f, "us-east") == {"ok": 2, "aborted": 1} and outcomes(f, "eu-west") == {"ok": 1}
    assert f.router.metrics()["sluice_hedges_total"] == 1
    assert f.router.breaker("us-east") == "closed"


def test_off_by_default(fleet):
    f = fleet(2, 1, with_redis=False)
    f.region("us-east").fault(delay_head_ms=700)
    assert f.router.chat(stream=True).headers["x-sluice-region"] == "us-east"
    assert f.attempts() == [1, 0] and f.router.metrics()["sluice_hedges_total"] == 0


def test_heads_and_roles_do_not_win(fleet):
    """The first has sent its head and its role at once; only content counts."""
    f = fleet(2, 1, with_redis=False, **HEDGE)
    save_up(f)
    f.region("us-east").fault(hang_at_event=1)
    a = f.router.chat("hi", stream=True)
    assert a.complete and a.content() == "Hello from eu-west: hi" and b"us-east" not in a.body


def test_the_first_may_still_win(fleet):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    save_up(f)
    f.region("us-east").fault(delay_first_event_ms=400)
    f.region("eu-west").fault(hang=True)
    a = f.router.chat("hi", stream=True)
    assert a.complete and a.content() == "Hello from us-east: hi"
    assert a.headers["x-sluice-region"] == "us-east"
    f.region("eu-west").wait_ended("client_gone", seconds=1)
    assert outcomes(f, "eu-west") == {"aborted": 1}


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"error_event": 0},
                                   {"cut_at_event": 1}, {"status": 400}], ids=str)
def test_an_error_of_the_second_never_wins(fleet, fault):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    save_up(f)
    f.region("us-east").fault(delay_head_ms=500)
    f.region("eu-west").fault(**fault)
    a = f.router.chat("hi", stream=True)
    assert a.status == 200 and a.complete and a.content() == "Hello from us-east: hi"
    assert f.attempts() == [3, 1]


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut_at_event": 1}], ids=str)
def test_an_error_of_the_first_never_wins(fleet, fault):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    save_up(f)
    f.region("us-east").fault(delay_head_ms=300, **fault)
    f.region("eu-west").fault(delay_head_ms=500)
    a = f.router.chat("hi", stream=True)
    assert a.status == 200 and a.complete and a.content() == "Hello from eu-west: hi"
    assert f.attempts() == [3, 1]


def test_at_most_the_share_hedges(fleet):
    f = fleet(2, 1, with_redis=False, hedge={"after": "20ms", "max_share": 10})
    f.region("us-east").fault(delay_head_ms=60)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: f.router.chat(), range(200)))
    assert all(a.status == 200 for a in answers)
    m = f.router.metrics()
    assert 15 <= m["sluice_hedges_total"] <= 20
    assert m["sluice_attempts_total"] == 200 + m["sluice_hedges_total"]
    assert f.attempts() == [200, m["sluice_hedges_total"]]


def test_p95_follows_the_region(fleet):
    f = fleet(2, 1, with_redis=False, hedge={"after": "p95", "max_share": 100})
    east = f.region("us-east")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: f.router.chat(stream=True), range(40)))
    assert f.region("eu-west").attempts() <= 10
    before = f.region("eu-west").attempts()
    east.fault(hang=True)
    a = f.router.chat("hi", stream=True)
    assert a.content() == "Hello from eu-west: hi"
    assert f.region("eu-west").attempts() == before + 1


def test_hedges_count_against_the_tries(fleet):
    f = fleet(2, 1, with_redis=False, retry={"num_retries": 0}, **HEDGE)
    save_up(f)
    f.region("us-east").fault(delay_head_ms=400)
    assert f.router.chat().headers["x-sluice-region"] == "us-east"
    assert f.attempts() == [3, 0]


def test_a_client_that_leaves_ends_both(fleet):
    f = fleet(2, 1, with_redis=False, **HEDGE)
    save_up(f)
    for r in f.regions:
        r.fault(hang=True)
    c = f.router.connect()
    c.send_request("POST", PATH, json=chat_body(stream=True))
    for r in f.regions:
        r.wait_active()
    c.close()
    for r in f.regions:
        r.wait_ended("client_gone", seconds=1)
    wait_for(lambda: f.router.metrics()["sluice_requests_in_flight"] == 0, what="the request to end")


def test_a_winner_that_breaks_is_mended(fleet):
    """By whoever answers now: the silent one had not reached its limit, so it is asked, too."""
    f = fleet(3, 1, with_redis=False, stream={"recover": "always"}, retry={"num_retries": 3},
              timeouts={"first_byte": "400ms"}, region_flags={"text": "seed", "tokens": 12}, **HEDGE)
    save_up(f)
    text = f.router.chat("hi").content()
    f.region("us-east").fault(hang=True)
    f.region("eu-west").fault(cut_at_event=6)
    a = f.router.chat("hi", stream=True, cut_ok=True)
    assert a.complete and a.content() == text and a.events()[-1] == "[DONE]"
    assert f.region("ap-south").attempts() == 1
