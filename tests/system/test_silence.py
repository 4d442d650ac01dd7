"""Regions that say nothing, or nothing more: bounded waiting, and somebody else answers."""

import time

import pytest

from sluice.client import chat_body

PATH = "/v1/chat/completions"
# Long enough for a healthy region on a busy machine; each test sets the limit it is about, and
# the others are two minutes.
LIMIT = "1500ms"
LIMIT_S = 1.4  # a timer may fire some ms early
RETRY = {"num_retries": 3, "backoff": "0s", "backoff_max": "0s"}
SILENCES = pytest.mark.parametrize("fault, limit", [
    ({"hang": True}, "first_byte"), ({"hang_at_event": 0}, "first_content"),
    ({"hang_at_event": 1}, "first_content")], ids=["no head", "no event", "no content"])


def timed_chat(f, **more):
    began = time.monotonic()
    with f.router.connect() as c:
        a = c.request("POST", PATH, cut_ok=True, json=chat_body("hi", stream=True, **more))
    return a, time.monotonic() - began


@SILENCES
def test_each_limit_fires_once_then_another_target(fleet, fault, limit):
    f = fleet(2, 1, with_redis=False, timeouts={limit: LIMIT}, retry=RETRY)
    f.region("us-east").fault(**fault)
    a, took_s = timed_chat(f)
    assert a.complete and a.content() == "Hello from eu-west: hi"
    assert f.attempts() == [1, 1] and a.headers["x-sluice-attempts"] == "2"
    assert took_s >= LIMIT_S
    f.region("us-east").wait_ended("client_gone")


@SILENCES
def test_a_silent_target_is_not_asked_again(fleet, fault, limit):
    """Not by the same request, though it has attempts left and no other target."""
    f = fleet(2, 1, with_redis=False, timeouts={limit: "500ms"}, retry=RETRY)
    for r in f.regions:
        r.fault(**fault)
    a, _ = timed_chat(f)
    assert a.status == 503 and "timeout" in a.json()["error"]["message"]
    assert f.attempts() == [1, 1]


def test_nothing_but_comments_before_the_answer(fleet):
    """The head is committed during the silence; the failover stays invisible."""
    f = fleet(2, 1, with_redis=False, retry=RETRY,
              timeouts={"first_content": LIMIT},
              stream={"commit": "100ms", "heartbeat": "100ms"})
    f.region("us-east").fault(hang_at_event=1)
    a, _ = timed_chat(f)
    assert a.complete and a.content() == "Hello from eu-west: hi"
    first = a.body.index(b"data:")
    beats = a.body[:first].split(b"\n\n")
    assert len(beats) >= 2 and set(beats) == {b": keep-alive", b""}
    assert b"us-east" not in a.body and a.events()[-1] == "[DONE]"


def test_comments_of_the_vendor_do_not_put_off_the_limit(fleet):
    """Role events without content are no sign of an answer either."""
    f = fleet(2, 1, with_redis=False, timeouts={"first_content": LIMIT}, retry=RETRY)
    role = ': ping\n\ndata: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},' \
           '"finish_reason":null}]}\n\n'
    f.region("us-east").fault(status=200, headers={"Content-Type": "text/event-stream"},
                              body=role * 400, split_bytes=len(role), split_ms=50)
    a, took_s = timed_chat(f)
    assert a.content() == "Hello from eu-west: hi"
    assert LIMIT_S <= took_s < 400 * 0.05  # before the vendor falls silent


def test_a_committed_stream_ends_visibly_when_nobody_answers(fleet):
    f = fleet(2, 1, with_redis=False, timeouts={"first_byte": "500ms"}, retry=RETRY,
              stream={"commit": "100ms", "heartbeat": "100ms"})
    for r in f.regions:
        r.fault(hang=True)
    a, _ = timed_chat(f)
    assert a.status == 200 and not a.complete
    assert [list(e) for e in a.events()] == [["error"]]


def test_total_time_bounds_everything(fleet):
    f = fleet(3, 1, with_redis=False, retry=RETRY,
              timeouts={"first_byte": "400ms", "first_content": "400ms", "total": "1s",
                        "connect": "1s"})
    for r in f.regions:
        r.fault(hang=True)
    for stream in (True, False):  # three limits of 400 ms, or one of two minutes
        began = time.monotonic()
        a = f.router.chat(stream=stream)
        assert a.status == 504 and a.json()["error"]["code"] == "deadline_exceeded"
        assert time.monotonic() - began >= 0.9


def test_a_silent_plain_region_leaves_time_for_another(fleet):
    f = fleet(2, 1, with_redis=False, retry=RETRY, timeouts={"answer": LIMIT})
    f.region("us-east").fault(hang=True)
    began = time.monotonic()
    a = f.router.chat("hi")
    assert a.status == 200 and a.content() == "Hello from eu-west: hi"
    assert time.monotonic() - began >= LIMIT_S and f.attempts() == [1, 1]
    f.region("us-east").wait_ended("client_gone")


def test_a_silent_plain_region_is_waited_for_where_no_other_is_left(fleet):
    f = fleet(1, 1, with_redis=False, retry=RETRY, timeouts={"answer": "200ms"})
    f.region("us-east").fault(delay_head_ms=1000)
    a = f.router.chat("hi")
    assert a.status == 200 and a.content() == "Hello from us-east: hi"
    assert a.headers["x-sluice-attempts"] == "1"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
def test_a_model_that_thinks_has_a_limit_of_its_own(fleet, stream):
    targets = [{"region": "us-east"}, {"region": "eu-west"}]
    f = fleet(2, 1, with_redis=False, retry=RETRY, timeouts={"first_byte": "300ms", "answer": "300ms"},
              models={"quick": {"targets": targets},
                      "thinks": {"targets": targets,
                                 "timeouts": {"first_byte": "1m", "answer": "1m"}}})
    f.region("us-east").fault(delay_head_ms=1000)
    assert f.router.chat("hi", model="thinks", stream=stream).content() == "Hello from us-east: hi"
    assert f.router.chat("hi", model="quick", stream=stream).content() == "Hello from eu-west: hi"


def test_a_finished_stream_is_not_held_open_by_comments(fleet):
    f = fleet(1, 1, with_redis=False, timeouts={"idle": "10m"})
    said = 'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
    ping = ":" + "-" * (len(said) - 3) + "\n\n"
    f.region("us-east").fault(status=200, headers={"Content-Type": "text/event-stream"},
                              body=said + ping * 1000, split_bytes=len(said), split_ms=50)
    a, _ = timed_chat(f)  # the vendor would comment for 50 s
    assert a.complete and a.content() == "a" and a.events()[-1] == "[DONE]"
    assert a.body.count(ping.encode()) < 500
    f.region("us-east").wait_ended("client_gone")


def test_a_silent_region_trips_its_breaker(fleet):
    f = fleet(2, 1, with_redis=False, timeouts={"first_byte": "1s"}, retry=RETRY,
              breaker={"failure_threshold": 2, "recovery_timeout": "5m"})
    f.region("us-east").fault(hang=True)
    for _ in range(2):
        assert timed_chat(f)[0].headers["x-sluice-attempts"] == "2"
    assert f.router.breaker("us-east") == "open"
    assert timed_chat(f)[0].headers["x-sluice-attempts"] == "1"
    assert f.attempts() == [2, 3]
