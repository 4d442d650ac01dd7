"""The main job: answers through a router, and around a region that fails."""

import pytest

from sluice.client import Cut, chat_body
from sluice.proc import wait_for

QUICK_RETRY = {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"}


@pytest.fixture
def three(fleet):
    """Three regions, one router; a breaker that stays out of the way."""
    return fleet(3, 1, retry=QUICK_RETRY, breaker={"failure_threshold": 1000,
                                                   "failure_rate": 100,
                                                   "minimum_requests": 1000})


def check_plain(f, region, attempts, text="hello"):
    a = f.router.chat(text)
    assert a.status == 200, a
    assert a.content() == f"Hello from {region}: {text}"
    assert a.headers["x-sluice-region"] == region
    assert a.headers["x-sluice-attempts"] == str(attempts)
    return a


def check_stream(f, region, attempts, text="hello", **more):
    a = f.router.chat(text, stream=True, **more)
    assert a.status == 200 and a.complete, a
    assert a.content() == f"Hello from {region}: {text}"
    assert a.headers["content-type"].startswith("text/event-stream")
    assert a.headers["x-sluice-region"] == region
    assert a.headers["x-sluice-attempts"] == str(attempts)
    events = a.events()
    assert events[-1] == "[DONE]" and events.count("[DONE]") == 1
    return a


def test_plain_and_stream(three):
    check_plain(three, "us-east", 1)
    check_stream(three, "us-east", 1)
    assert three.attempts() == [2, 0, 0]


def test_body_and_secrets_reach_the_region_as_they_should(three):
    body = '{"model": "gpt-4.1", "temperature":0.7,\n "messages":[{"role":"user","content":"\\u00e9"}]}'
    with three.router.connect() as c:
        a = c.request("POST", "/v1/chat/completions", body=body,
                      headers={"Authorization": "Bearer client-secret", "X-Api-Key": "other",
                               "Content-Type": "application/json"})
    assert a.status == 200
    [seen] = three.region("us-east").log()
    assert seen.body == body.encode()
    assert seen.headers["authorization"] == "Bearer key-us-east"
    assert "x-api-key" not in seen.headers
    assert "client-secret" not in str(seen["headers"])
    assert seen["path"] == "/v1/chat/completions"


def test_keep_alive_on_both_sides(three):
    with three.router.connect() as c:
        for i in range(20):
            a = c.request("POST", "/v1/chat/completions", json=chat_body(f"n{i}", stream=i % 2 == 1))
            assert a.content() == f"Hello from us-east: n{i}"
    log = three.region("us-east").log()
    # A stream is over for its client at [DONE]; the next request may come before its last chunk
    # has freed its connection.
    assert len(log) == 20 and len({a["conn"] for a in log}) <= 3


def test_usage_chunk_only_when_asked_for(three):
    asked = check_stream(three, "us-east", 1, stream_options={"include_usage": True})
    assert asked.events()[-2]["usage"]["completion_tokens"] == 4
    assert all(not e.get("usage") for e in check_stream(three, "us-east", 1).events()[:-1])


def test_killed_region(three):
    three.region("us-east").kill()
    check_plain(three, "eu-west", 2)
    check_stream(three, "eu-west", 2)
    three.region("eu-west").kill()
    check_plain(three, "ap-south", 3)
    assert three.region("ap-south").attempts() == 1


def test_refusing_region(three):
    check_plain(three, "us-east", 1)
    three.region("us-east").fault(refuse=True)
    check_plain(three, "eu-west", 2)
    three.region("us-east").heal()
    check_plain(three, "us-east", 1)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_server_errors_go_on(three, status):
    three.region("us-east").fault(status=status)
    check_plain(three, "eu-west", 2)
    check_stream(three, "eu-west", 2)
    assert three.attempts() == [2, 2, 0]


def test_a_lone_500_is_tried_once_more_at_the_same_region(three):
    three.region("us-east").fault(status=500, times=1)
    check_plain(three, "us-east", 2)
    three.region("us-east").fault(status=500, times=2)
    check_plain(three, "eu-west", 3)
    assert three.attempts() == [4, 1, 0]


def test_rate_limited_region_is_left_alone(three):
    three.region("us-east").fault(status=429, headers={"Retry-After": "30"})
    check_plain(three, "eu-west", 2)
    check_plain(three, "eu-west", 1)
    assert three.attempts() == [1, 2, 0]


def test_reset_regions(three):
    three.region("us-east").fault(reset="before")
    a = three.router.chat()
    assert a.content() == "Hello from eu-west: hello"
    assert three.region("eu-west").attempts() == 1


def test_errors_of_the_request_itself_are_not_retried(three):
    error = {"error": {"message": "no", "type": "invalid_request_error", "param": None,
                       "code": None}}
    three.region("us-east").fault(status=422, body=error)
    a = three.router.chat()
    assert a.status == 422 and a.json() == error
    assert three.attempts() == [1, 0, 0]


@pytest.mark.parametrize("fault", [
    {"hang": True}, {"delay_head_ms": 60_000}, {"hang_at_event": 0}, {"hang_at_event": 1},
], ids=str)
def test_silent_stream_goes_on_before_its_first_content(fleet, fault):
    f = fleet(2, 1, retry=QUICK_RETRY,
              timeouts={"first_byte": "1500ms", "first_content": "1500ms"})
    f.region("us-east").fault(**fault)
    check_stream(f, "eu-west", 2)
    assert f.attempts() == [1, 1]
    f.region("us-east").wait_ended("client_gone")  # and nothing is left running there


@pytest.mark.parametrize("fault", [
    {"error_event": 0}, {"error_event": 1}, {"malformed_event": 0}, {"cut_at_event": 0},
    {"cut_at_event": 1}, {"error_in_200": {"message": "x", "type": "server_error"}},
    {"framing": "bad_chunk", "events": 0}, {"framing": "garbage"}, {"framing": "te_and_cl"},
], ids=str)
def test_stream_that_fails_before_its_first_content(three, fault):
    three.region("us-east").fault(**fault)
    check_stream(three, "eu-west", 2)
    assert three.attempts() == [1, 1, 0]


@pytest.mark.parametrize("fault", [
    {"cut_at_byte": 100}, {"reset": "mid"}, {"framing": "long_length"}, {"framing": "bad_chunk"},
    {"framing": "two_lengths"}, {"framing": "te_and_cl"}, {"framing": "garbage"},
    {"framing": "http09"}, {"framing": "huge_head"},
    {"error_in_200": {"message": "x", "type": "server_error"}},
], ids=str)
def test_plain_answer_that_is_broken(three, fault):
    three.region("us-east").fault(**fault)
    a = three.router.chat()
    assert a.status == 200 and a.content() == "Hello from eu-west: hello"
    assert three.region("eu-west").attempts() == 1


def test_stream_cut_behind_its_content_ends_visibly(fleet):
    f = fleet(2, 1, stream={"recover": "off"})
    f.region("us-east").fault(cut_at_event=3)
    with f.router.connect() as c:
        c.send_request("POST", "/v1/chat/completions", json=chat_body(stream=True))
        a = c.read_head()
        with pytest.raises(Cut):
            for piece in c.pieces(a):
                a.body += piece
    events = a.events()
    assert "".join(e["choices"][0]["delta"]["content"] for e in events[:3]) == "Hello from "
    assert "error" in events[-1] and "[DONE]" not in events


def test_clean_end_without_a_finish_reason_is_no_success(fleet):
    f = fleet(1, 1, stream={"recover": "off"})
    f.region("us-east").fault(no_finish=True, no_done=True)
    with f.router.connect() as c:
        c.send_request("POST", "/v1/chat/completions", json=chat_body(stream=True))
        a = c.read_response(cut_ok=True)
    assert not a.complete and "error" in a.events()[-1] and "[DONE]" not in a.events()


def test_forgotten_done_is_added(three):
    three.region("us-east").fault(no_done=True)
    check_stream(three, "us-east", 1)


def test_all_regions_down(three):
    for r in three.regions:
        r.fault(status=503)
    for stream in (False, True):
        a = three.router.chat(stream=stream)
        assert a.status == 503 and a.json()["error"]["message"]
        assert int(a.headers["retry-after"]) >= 1 and "x-sluice-error" in a.headers
    assert three.attempts() == [2, 2, 2]


def test_client_that_leaves_cancels_the_region(three):
    three.region("us-east").fault(endless=True, delay_event_ms=5)
    s = three.router.stream()
    for _ in range(5):
        assert s.next()
    s.close()
    three.region("us-east").wait_ended("client_gone")
    three.region("us-east").heal()
    check_plain(three, "us-east", 1)


def test_without_redis(fleet):
    f = fleet(2, 1, with_redis=False, retry=QUICK_RETRY)
    check_plain(f, "us-east", 1)
    f.region("us-east").kill()
    check_plain(f, "eu-west", 2)


def test_two_routers_share_what_one_saw(fleet):
    f = fleet(2, 2, retry=QUICK_RETRY,
              breaker={"failure_threshold": 3, "recovery_timeout": "60s"})
    first, second = f.routers
    f.region("us-east").fault(status=503)
    for _ in range(3):
        assert first.chat().content().startswith("Hello from eu-west")
    assert f.attempts() == [3, 3]
    wait_for(lambda: second.breaker("us-east") == "open", what="the second router to know")
    for _ in range(5):
        a = second.chat()
        assert (a.headers["x-sluice-region"], a.headers["x-sluice-attempts"]) == ("eu-west", "1")
    assert f.attempts() == [3, 8]
