"""A config of two regions and nothing else, against what vendors do at night: a row each.

The first region misbehaves, the second is well.  No client may fail, be told something wrong or
wait for longer than the row says, and the first region is used again when it is well.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sluice.load import Load
from sluice.proc import free_port, wait_for

SERVED_ELSEWHERE, SERVED_BY_ANY = ("eu-west",), ("eu-west", "us-east")

# What us-east does, for how many requests, how long one may take, who may have served it.
FAULTS = {
    "unavailable": ({"status": 503}, 40, 5, SERVED_ELSEWHERE),
    "errors of its own": ({"status": 500}, 40, 5, SERVED_ELSEWHERE),
    "a bad gateway's page": ({"status": 502, "body": "<html>", "headers":
                              {"content-type": "text/html"}}, 40, 5, SERVED_ELSEWHERE),
    "a third fails": ({"status": 503, "percent": 33}, 200, 5, SERVED_BY_ANY),
    "throttled": ({"status": 429, "headers": {"retry-after": "20"}}, 40, 5, SERVED_ELSEWHERE),
    "out of credit": ({"status": 429, "body": '{"error":{"message":"You exceeded your current '
                       'quota","type":"insufficient_quota","code":"insufficient_quota"}}'},
                      40, 5, SERVED_ELSEWHERE),
    "its key is refused": ({"status": 401}, 40, 5, SERVED_ELSEWHERE),
    "an error inside a 200": ({"error_in_200": {"error": {"message": "overloaded",
                                                          "type": "server_error"}}},
                              40, 5, SERVED_ELSEWHERE),
    "a 200 that answers nothing": ({"body": "{}"}, 40, 5, SERVED_ELSEWHERE),
    "a 200 of another service": ({"body": "<html>busy</html>", "headers":
                                  {"content-type": "text/html"}}, 40, 5, SERVED_ELSEWHERE),
    "framing that is none": ({"framing": "garbage"}, 40, 5, SERVED_ELSEWHERE),
    "resets": ({"reset": "before"}, 40, 5, SERVED_ELSEWHERE),
    # Asked elsewhere after 5 s, as often as it takes to trip it.
    "silence": ({"hang": True}, 12, 9, SERVED_ELSEWHERE),
    "slow answers": ({"delay_head_ms": 3000}, 8, 9, SERVED_BY_ANY),
}
STREAMS = {
    "cut": ({"cut_at_event": 3}, 12, 5, SERVED_BY_ANY),
    "an error inside": ({"error_event": 3}, 12, 5, SERVED_BY_ANY),
    "a malformed event": ({"malformed_event": 3}, 12, 5, SERVED_BY_ANY),
    "no end": ({"no_finish": True}, 12, 5, SERVED_BY_ANY),
    "its usage is cut off": ({"usage": True, "cut_at_event": 15}, 6, 5, SERVED_BY_ANY),
    "stalls": ({"hang_at_event": 3}, 3, 40, SERVED_BY_ANY),  # timeouts.idle, then a rescue
}
NOTHING_ELSE = {"breaker": None, "health": None}
TEXT = {"text": "seed", "tokens": 12}


def two(fleet, flags=TEXT):
    return fleet(2, 1, region_flags=flags, **NOTHING_ELSE)


def ask(f, n, stream, threads=4):
    """(answer, seconds) of n requests."""
    def one(_):
        began = time.monotonic()
        a = f.router.chat("hi", stream=stream, cut_ok=True)
        return a, time.monotonic() - began
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(n)))


def check(f, text, answers, within_s, served_by):
    for a, took_s in answers:
        assert a.status == 200 and a.complete and a.content() == text, (a.status, a.body)
        assert took_s < within_s and a.headers["x-sluice-region"] in served_by


def warm(f):
    """Both kinds of answers are known; what they say is the same everywhere."""
    return {a.content() for stream in (False, True) for a, _ in ask(f, 24, stream)}.pop()


def back_in_use(f):
    before = f.region("us-east").attempts()
    f.router.chat("hi")
    return f.region("us-east").attempts() > before


@pytest.mark.parametrize("fault,n,within_s,served_by", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_no_client_notices(fleet, fault, n, within_s, served_by, stream):
    f = two(fleet)
    text = warm(f)
    f.region("us-east").fault(**fault)
    check(f, text, ask(f, n, stream), within_s, served_by)


@pytest.mark.parametrize("fault,n,within_s,served_by", STREAMS.values(), ids=STREAMS)
def test_no_stream_shows_it(fleet, fault, n, within_s, served_by):
    f = two(fleet)
    text = warm(f)
    f.region("us-east").fault(**fault)
    check(f, text, ask(f, n, True, threads=3), within_s, served_by)


@pytest.mark.parametrize("base_url", ["http://no-such-host.invalid/v1", "http://127.0.0.1:{port}/v1",
                                      "https://127.0.0.1:{plain}/v1"],
                         ids=["no such name", "nobody listens", "no TLS there"])
def test_a_region_that_cannot_be_reached(region, redis, router, base_url):
    west = region("eu-west", "key-eu-west", **TEXT)
    url = base_url.format(port=free_port(), plain=west.port)
    r = router([{"name": "us-east", "base_url": url, "api_key": "k"}, west], redis.url, **NOTHING_ELSE)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: r.chat("hi"), range(20)))
    assert [a.headers["x-sluice-region"] for a in answers] == ["eu-west"] * 20


@pytest.mark.parametrize("fault", [{"status": 503}, {"hang": True}], ids=str)
def test_a_region_that_is_well_again_is_used_again(fleet, fault):
    """Within half a minute, though it failed its probes; and its probes keep nobody waiting."""
    f = two(fleet, flags=None)
    warm(f)
    f.region("us-east").fault(**fault)
    ask(f, 12, False)
    wait_for(lambda: f.router.breaker("us-east") == "open", what="the trip")
    with Load(f.router, pause_s=0.05) as load:
        wait_for(lambda: f.router.metrics()['sluice_region_probes_total{region="us-east"}'] >= 2,
                 what="probes in vain")
        f.region("us-east").heal()
        wait_for(lambda: back_in_use(f), seconds=45, what="us-east to be used again")
    assert not load.failures and load.slowest_s < 9


def test_a_region_that_comes_and_goes(fleet):
    f = two(fleet, flags=None)
    warm(f)
    with Load(f.router) as load:
        for _ in range(4):
            f.region("us-east").fault(status=503)
            load.more(100)
            f.region("us-east").heal()
            load.more(100)
    load.check()


def test_the_other_dies_when_one_is_just_back(fleet):
    """It is open still, and the only one that is well: who has nobody else to ask waits for those
    who try it."""
    f = two(fleet)
    text = warm(f)
    east, west = f.regions
    east.fault(status=503)
    ask(f, 8, False)
    wait_for(lambda: f.router.breaker("us-east") == "open", what="the trip")
    east.fault(delay_head_ms=200)
    west.fault(status=503)
    check(f, text, ask(f, 20, False, threads=10), 5, ("us-east",))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_region_hangs_when_nothing_is_known_of_it(fleet, stream):
    """A new router: the first to be overtaken tells all that wait there."""
    f = two(fleet)
    f.region("us-east").fault(hang=True)
    answers = []
    with ThreadPoolExecutor(20) as pool:
        for _ in range(10):
            answers.append(pool.submit(ask, f, 1, stream))
            time.sleep(0.5)  # they come one by one
    took = sorted(took_s for a in answers for _, took_s in a.result())
    assert all(a.status == 200 for x in answers for a, _ in x.result())
    assert took[-1] < 14, took
    check(f, ask(f, 1, stream)[0][0].content(), ask(f, 4, stream), 5, SERVED_ELSEWHERE)


def test_a_region_hangs_after_a_reload(fleet):
    """What the fleet knows of its times is known to the new workers."""
    f = two(fleet)
    text = warm(f)
    f.region("us-east").fault(delay_head_ms=20)
    ask(f, 30, False)
    wait_for(lambda: f.admin.json("region", "show", "us-east")["first_byte_us"] is not None,
             what="the fleet to be told of its times")
    old = f.router.workers()
    f.router.hup()
    wait_for(lambda: f.router.workers() and not set(old) & set(f.router.workers()),
             what="new workers")
    wait_for(f.router.is_attached, what="the fleet's state to be read")
    f.region("us-east").fault(hang=True)
    check(f, text, ask(f, 8, False), 9, SERVED_ELSEWHERE)


def test_all_regions_are_out_and_one_returns(fleet):
    f = two(fleet)
    warm(f)
    for r in f.regions:
        r.fault(status=503)
    for a, took_s in ask(f, 40, False):
        assert a.status == 503 and 1 <= int(a.headers["retry-after"]) <= 60 and took_s < 5
    f.region("eu-west").heal()
    wait_for(lambda: f.router.chat("hi").status == 200, seconds=3, what="service")


def test_redis_dies_as_well(fleet):
    f = two(fleet)
    text = warm(f)
    f.redis.kill()
    f.region("us-east").fault(status=503)
    check(f, text, ask(f, 40, False), 5, SERVED_ELSEWHERE)
