"""429: honoured to the millisecond where a time is stated, backed off from where none is."""

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from sluice.proc import wait_for

PATIENT = {"num_retries": 2, "backoff": "20ms", "backoff_max": "40ms", "wait": "5s"}
HASTY = {**PATIENT, "wait": "0s"}
BROKE = {"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota",
                   "param": None, "code": "insufficient_quota"}}


def gaps_ms(region):
    """Between the end of each attempt and the start of the next, on the region's own clock."""
    log = region.log()
    return [b["mono_ms"] - (a["mono_ms"] + a["ms"]) for a, b in zip(log, log[1:])]


def in_seconds(n):
    return formatdate(time.time() + n, usegmt=True)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("headers", [{"Retry-After": "5"}, {"retry-after-ms": "4900"},
                                     {"Retry-After": "30", "retry-after-ms": "4900"}], ids=str)
def test_another_target_answers_at_once(fleet, headers, stream):
    f = fleet(2, 1, with_redis=False, retry=PATIENT)
    f.region("us-east").fault(status=429, headers=headers, times=1)
    began = time.monotonic()
    a = f.router.chat(stream=stream)
    assert time.monotonic() - began < 4.9
    assert a.status == 200 and a.headers["x-sluice-region"] == "eu-west"
    assert f.attempts() == [1, 1]


@pytest.mark.parametrize("headers, least_ms", [
    ({"Retry-After": "1"}, 1000), ({"retry-after-ms": "300"}, 300),
    ({"retry-after-ms": "250", "Retry-After": "9"}, 250),
    ({"x-ratelimit-reset-requests": "400ms", "x-ratelimit-remaining-requests": "0"}, 400),
], ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_lone_target_is_waited_for_and_never_early(fleet, headers, least_ms, stream):
    f = fleet(1, 1, with_redis=False, retry=PATIENT)
    f.region("us-east").fault(status=429, headers=headers, times=1)
    a = f.router.chat(stream=stream)
    assert a.status == 200 and a.headers["x-sluice-attempts"] == "2"
    [gap] = gaps_ms(f.region("us-east"))
    assert least_ms - 1 <= gap < least_ms + 4000  # each time is cut to a whole ms


def test_an_http_date_is_waited_for(fleet):
    f = fleet(1, 1, with_redis=False, retry=PATIENT)
    stated = int(time.time()) + 2
    f.region("us-east").fault(status=429, headers={"Retry-After": formatdate(stated, usegmt=True)},
                              times=1)
    assert f.router.chat().status == 200
    assert time.time() >= stated
    assert f.region("us-east").log()[1]["time_ms"] >= stated * 1000


@pytest.mark.parametrize("headers", [
    {"Retry-After": "6"}, {"retry-after-ms": "5001"}, {"Retry-After": "99999999999999999999"},
    {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
], ids=str)
def test_longer_than_we_wait_is_told_to_the_client(fleet, headers):
    f = fleet(1, 1, with_redis=False, retry=PATIENT)
    f.region("us-east").fault(status=429, headers=headers)
    began = time.monotonic()
    a = f.router.chat()
    assert a.status == 429 and f.attempts() == [1] and time.monotonic() - began < 5
    assert 1 <= int(a.headers["retry-after"]) <= 600  # absurd values are capped
    assert f.router.chat().status == 429 and f.attempts() == [1]  # and it is left alone


@pytest.mark.parametrize("value", ["-1", "soon", "", "1e308", "1;2", in_seconds(-3600)])
def test_rubbish_and_the_past_make_nobody_wait(fleet, value):
    f = fleet(1, 1, with_redis=False, retry=PATIENT)
    f.region("us-east").fault(status=429, headers={"Retry-After": value}, times=1)
    began = time.monotonic()
    assert f.router.chat().status == 200
    assert f.attempts() == [2] and time.monotonic() - began < 4


def test_without_a_header_a_lone_target_is_backed_off_from(fleet):
    f = fleet(1, 1, with_redis=False, retry={**HASTY, "backoff": "200ms", "backoff_max": "400ms"})
    f.region("us-east").fault(status=429, times=2)
    a = f.router.chat()
    assert a.status == 200 and a.headers["x-sluice-attempts"] == "3"
    assert all(gap < bound + 4000 for gap, bound in zip(gaps_ms(f.region("us-east")), (200, 400)))


def test_backing_off_has_full_jitter(fleet):
    """The first waits of many requests lie all over 0..300 ms."""
    f = fleet(1, 1, with_redis=False,
              retry={"num_retries": 1, "backoff": "300ms", "backoff_max": "300ms"})
    east = f.region("us-east")
    n = 12
    east.fault(*({"match": {"model": f"m{i}"}, "status": 429, "delay_head_ms": 150, "times": 1}
                 for i in range(n)))
    with ThreadPoolExecutor(n) as pool:
        answers = list(pool.map(lambda i: f.router.chat(model=f"m{i}"), range(n)))
    assert [a.status for a in answers] == [200] * n
    by_model = {}
    for attempt in east.log():
        by_model.setdefault(attempt.json()["model"], []).append(attempt)
    waits = sorted(b["mono_ms"] - a["mono_ms"] - a["ms"] for a, b in by_model.values())
    assert waits[0] >= -1 and waits[-1] < 300 + 4000
    assert waits[-1] - waits[0] > 60  # 12 draws from 0..300 within 60 ms: 1 in 4 million


def test_without_a_header_for_ever(fleet):
    f = fleet(1, 1, with_redis=False, retry=HASTY)
    f.region("us-east").fault(status=429)
    a = f.router.chat()
    assert a.status == 429 and int(a.headers["retry-after"]) >= 1
    assert f.attempts() == [3]  # the configured tries
    assert f.router.breaker("us-east") == "closed"  # a vendor that says "later" works


def test_without_a_header_for_ever_another_target_answers(fleet):
    f = fleet(2, 1, with_redis=False, retry=HASTY)
    f.region("us-east").fault(status=429)
    for _ in range(3):
        assert f.router.chat().headers["x-sluice-region"] == "eu-west"
    east, west = f.attempts()
    assert east == 1 and west == 3


@pytest.mark.parametrize("status", [429, 403])
def test_quota_is_lasting(fleet, status):
    f = fleet(2, 1, with_redis=False, retry=PATIENT)
    f.region("us-east").fault(status=status, body=BROKE, times=1)
    for _ in range(3):
        a = f.router.chat()
        assert a.status == 200 and a.headers["x-sluice-region"] == "eu-west"
    assert f.attempts() == [1, 3]
    m = f.router.metrics()
    assert m['sluice_region_attempts_total{region="us-east",outcome="quota"}'] == 1
    assert m['sluice_region_attempts_total{region="us-east",outcome="throttled"}'] == 0
    assert f.router.breaker("us-east") == "closed"


def test_quota_alone_is_not_waited_for(fleet):
    f = fleet(1, 1, with_redis=False, retry=PATIENT)
    f.region("us-east").fault(status=429, body=BROKE)
    a = f.router.chat()
    assert a.status == 429 and int(a.headers["retry-after"]) > 300
    assert a.json() == BROKE and a.headers["x-should-retry"] == "false"
    assert f.attempts() == [1]


def test_why_a_region_cools_is_everybodys(fleet):
    """A router that asked nobody says the same as the one that did."""
    f = fleet(1, 2, retry=PATIENT)
    f.region("us-east").fault(status=402, body=BROKE)
    assert f.routers[0].chat().status == 402
    wait_for(lambda: f.routers[1].state()["shared_state"]["regions"][0]["cooling_for_ms"],
             what="the other router to know")
    a = f.routers[1].chat()
    assert a.status == 429 and a.headers["x-sluice-error"] == "insufficient_quota"
    assert a.headers["x-should-retry"] == "false" and f.attempts() == [1]


def test_one_hosts_429_is_everybodys(fleet):
    f = fleet(2, 2, retry=PATIENT)
    f.region("us-east").fault(status=429, headers={"Retry-After": "30"})
    assert f.routers[0].chat().headers["x-sluice-region"] == "eu-west"
    wait_for(lambda: f.routers[1].state()["shared_state"]["regions"][0]["cooling_for_ms"],
             what="the other router to know")
    for _ in range(5):
        assert f.routers[1].chat().headers["x-sluice-attempts"] == "1"
    assert f.attempts() == [1, 6]
