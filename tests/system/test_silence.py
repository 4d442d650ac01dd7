"""Regions that say nothing, or nothing more: bounded waiting, and somebody else answers."""

import time

import pytest

from sluice.client import chat_body

PATH = "/v1/chat/completions"
LIMITS = {"first_byte": "300ms", "first_content": "400ms", "idle": "300ms"}
RETRY = {"num_retries": 3, "backoff": "0s", "backoff_max": "0s"}


def timed_chat(f, **more):
    began = time.monotonic()
    with f.router.connect() as c:
        a = c.request("POST", PATH, cut_ok=True, json=chat_body("hi", stream=True, **more))
    return a, time.monotonic() - began


@pytest.mark.parametrize("fault, limit_s", [({"hang": True}, 0.3), ({"hang_at_event": 0}, 0.4),
                                            ({"hang_at_event": 1}, 0.4)],
                         ids=["no head", "no event", "no content"])
def test_each_limit_fires_once_then_another_target(fleet, fault, limit_s):
    f = fleet(2, 1, with_redis=False, timeouts=LIMITS, retry=RETRY)
    f.region("us-east").fault(**fault)
    a, took_s = timed_chat(f)
    assert a.complete and a.content() == "Hello from eu-west: hi"
    assert f.attempts() == [1, 1] and a.headers["x-sluice-attempts"] == "2"
    assert limit_s <= took_s < limit_s + 0.3
    f.region("us-east").wait_ended("client_gone")


@pytest.mark.parametrize("fault", [{"hang": True}, {"hang_at_event": 0}], ids=str)
def test_a_silent_target_is_not_asked_again(fleet, fault):
    """Not by the same request, though it has attempts left and no other target."""
    f = fleet(2, 1, with_redis=False, timeouts=LIMITS, retry=RETRY)
    for r in f.regions:
        r.fault(**fault)
    a, _ = timed_chat(f)
    assert a.status == 503 and "timeout" in a.json()["error"]["message"]
    assert f.attempts() == [1, 1]


def test_nothing_but_comments_before_the_answer(fleet):
    """The head is committed during the silence; the failover stays invisible."""
    f = fleet(2, 1, with_redis=False, retry=RETRY,
              timeouts={**LIMITS, "first_content": "700ms"},
              stream={"commit": "100ms", "heartbeat": "100ms"})
    f.region("us-east").fault(hang_at_event=1)
    a, _ = timed_chat(f)
    assert a.complete and a.content() == "Hello from eu-west: hi"
    first = a.body.index(b"data:")
    beats = a.body[:first].split(b"\n\n")
    assert len(beats) >= 4 and set(beats) == {b": keep-alive", b""}
    assert b"us-east" not in a.body and a.events()[-1] == "[DONE]"


def test_comments_of_the_vendor_do_not_put_off_the_limit(fleet):
    """Role events without content are no sign of an answer either."""
    f = fleet(2, 1, with_redis=False, timeouts=LIMITS, retry=RETRY)
    f.region("us-east").fault(delay_first_event_ms=100, hang_at_event=1)
    a, took_s = timed_chat(f)
    assert a.content() == "Hello from eu-west: hi" and took_s < 0.8


def test_a_committed_stream_ends_visibly_when_nobody_answers(fleet):
    f = fleet(2, 1, with_redis=False, timeouts=LIMITS, retry=RETRY,
              stream={"commit": "100ms", "heartbeat": "100ms"})
    for r in f.regions:
        r.fault(hang=True)
    a, took_s = timed_chat(f)
    assert a.status == 200 and not a.complete and took_s < 1.2
    assert [list(e) for e in a.events()] == [["error"]]


def test_total_time_bounds_everything(fleet):
    f = fleet(3, 1, with_redis=False, retry=RETRY,
              timeouts={"first_byte": "400ms", "first_content": "400ms", "total": "1s",
                        "connect": "1s"})
    for r in f.regions:
        r.fault(hang=True)
    began = time.monotonic()
    a = f.router.chat(stream=True)
    assert a.status == 504 and a.json()["error"]["code"] == "deadline_exceeded"
    assert 0.9 <= time.monotonic() - began < 1.4
    began = time.monotonic()
    assert f.router.chat().status == 504
    assert 0.9 <= time.monotonic() - began < 1.4


def test_a_silent_plain_region_leaves_time_for_another(fleet):
    f = fleet(2, 1, with_redis=False, retry=RETRY, timeouts={"answer": "400ms"})
    f.region("us-east").fault(hang=True)
    began = time.monotonic()
    a = f.router.chat("hi")
    assert a.status == 200 and a.content() == "Hello from eu-west: hi"
    assert 0.4 <= time.monotonic() - began < 0.9 and f.attempts() == [1, 1]
    f.region("us-east").wait_ended("client_gone")


def test_a_silent_region_trips_its_breaker(fleet):
    f = fleet(2, 1, with_redis=False, timeouts=LIMITS, retry=RETRY,
              breaker={"failure_threshold": 2, "recovery_timeout": "60s"})
    f.region("us-east").fault(hang=True)
    for _ in range(2):
        assert timed_chat(f)[0].headers["x-sluice-attempts"] == "2"
    assert f.router.breaker("us-east") == "open"
    a, took_s = timed_chat(f)
    assert a.headers["x-sluice-attempts"] == "1" and took_s < 0.3
