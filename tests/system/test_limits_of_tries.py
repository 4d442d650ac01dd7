"""One budget of attempts per request, over all targets and fallbacks; nothing multiplies."""

import pytest

MANY = {"fast": {"targets": [{"region": "us-east"}, {"region": "eu-west"}],
                 "fallbacks": ["slow", "last"]},
        "slow": {"targets": [{"region": "ap-south"}, {"region": "us-west"}]},
        "last": {"targets": [{"region": "eu-north"}]}}
QUICK = {"backoff": "1ms", "backoff_max": "2ms"}
CALM = {"failure_threshold": 1000, "failure_rate": 0}


@pytest.mark.parametrize("tries, fault", [
    (0, {"status": 503}), (1, {"status": 500}), (1, {"reset": "before"}), (4, {"status": 503}),
    (4, {"status": 500}), (4, {"status": 429}), (4, {"cut_at_byte": 0}),
], ids=str)
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_the_sum_is_never_exceeded(fleet, tries, fault, streamed):
    f = fleet(5, 1, with_redis=False, models=MANY, breaker=CALM,
              retry={**QUICK, "num_retries": tries})
    for r in f.regions:
        r.fault(**fault)
    a = f.router.chat(model="fast", stream=streamed)
    if fault.get("status") == 429:  # said by all: the vendor's words
        assert a.status == 429 and a.headers["x-sluice-attempts"] == str(tries + 1)
    else:
        assert a.status == 503 and f"after {tries + 1} attempt" in a.json()["error"]["message"]
    assert sum(f.attempts()) == tries + 1
    m = f.router.metrics()
    assert (m["sluice_attempts_total"], m["sluice_retries_total"]) == (tries + 1, tries)


def test_a_lone_500_is_tried_again(fleet):
    f = fleet(2, 1, with_redis=False, retry={**QUICK, "num_retries": 2})
    f.region("us-east").fault(status=500, times=1)
    a = f.router.chat()
    assert a.headers["x-sluice-region"] == "us-east" and f.attempts() == [2, 0]


def test_a_500_that_stays_goes_on_to_others(fleet):
    f = fleet(2, 1, with_redis=False, retry={**QUICK, "num_retries": 2})
    f.region("us-east").fault(status=500)
    assert f.router.chat().headers["x-sluice-region"] == "eu-west"
    assert f.attempts() == [2, 1]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_a_reset_before_the_head_is_mended(fleet, streamed):
    """On a connection that has served before, and on a new one."""
    f = fleet(2, 1, with_redis=False, retry={**QUICK, "num_retries": 2}, breaker=CALM)
    for _ in range(2):
        f.region("us-east").fault(reset="before", times=1)
        a = f.router.chat("hi", stream=streamed)
        assert a.status == 200 and a.complete and a.content().endswith(": hi")
        assert f.router.chat().status == 200
    assert sum(f.attempts()) == 6  # four requests and two resets


def test_the_first_target_is_not_returned_to(fleet):
    f = fleet(3, 1, with_redis=False, retry={**QUICK, "num_retries": 9}, breaker=CALM)
    for r in f.regions:
        r.fault(status=503)
    assert f.router.chat().status == 503
    assert f.attempts() == [1, 1, 1]
