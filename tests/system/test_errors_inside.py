"""An error that comes with a 200, whole or as a stream's first event, is the error it is."""

import pytest

from sluice.client import chat_body

PATH = "/v1/chat/completions"
RETRY = {"retry": {"num_retries": 2, "backoff": "0s", "backoff_max": "0s"}}
OVERLOADED = {"message": "The engine is currently overloaded.", "type": "server_error",
              "param": None, "code": "overloaded"}
THROTTLED = {"message": "Rate limit reached.", "type": "requests", "param": None,
             "code": "rate_limit_exceeded"}
BROKE = {"message": "You exceeded your quota.", "type": "insufficient_quota", "param": None,
         "code": "insufficient_quota"}
ERRORS = [(OVERLOADED, "server_error"), (THROTTLED, "throttled"), (BROKE, "quota"),
          ({"message": "Overloaded", "type": "overloaded_error"}, "server_error")]


def outcomes(router, region):
    """What its attempts ended as: {outcome: how many}."""
    out = {}
    for name, n in router.metrics().items():
        if name.startswith(f'sluice_region_attempts_total{{region="{region}"') and n:
            out[name.split('outcome="')[1].rstrip('"}')] = int(n)
    return out


@pytest.mark.parametrize("error, outcome", ERRORS, ids=[e["type"] for e, _ in ERRORS])
@pytest.mark.parametrize("how", ["plain", "instead of a stream", "first event", "after the role"])
def test_it_is_invisible_to_the_client(fleet, error, outcome, how):
    f = fleet(2, 1, with_redis=False, **RETRY)
    f.region("us-east").fault(**{
        "plain": {"error_in_200": error}, "instead of a stream": {"error_in_200": error},
        "first event": {"error_event": 0, "error": error},
        "after the role": {"error_event": 1, "error": error}}[how])
    a = f.router.chat("hi", stream=how != "plain")
    assert a.status == 200 and a.complete and a.content() == "Hello from eu-west: hi"
    assert b"us-east" not in a.body and error["message"].encode() not in a.body
    assert outcomes(f.router, "us-east") == {outcome: 1}
    assert outcomes(f.router, "eu-west") == {"ok": 1}


def test_everywhere_it_is_an_honest_refusal(fleet):
    f = fleet(2, 1, with_redis=False, **RETRY)
    for r in f.regions:
        r.fault(error_event=0, error=OVERLOADED)
    a = f.router.chat(stream=True)
    assert a.status == 503 and a.json()["error"]["code"] == "no_region_available"
    assert int(a.headers["retry-after"]) >= 1


@pytest.mark.parametrize("recover", ["off", "always"])
def test_behind_content_it_shows_or_is_mended(fleet, recover):
    f = fleet(2, 1, with_redis=False, stream={"recover": recover}, **RETRY,
              region_flags={"text": "seed", "tokens": 12})
    text = f.router.chat("hi").content()
    f.region("us-east").fault(error_event=4, error=OVERLOADED)
    with f.router.connect() as c:
        a = c.request("POST", PATH, json=chat_body("hi", stream=True), cut_ok=True)
    if recover == "always":
        assert a.complete and a.content() == text and a.events()[-1] == "[DONE]"
    else:
        assert not a.complete and "[DONE]" not in a.events()
        assert list(a.events()[-1]) == ["error"]


TOO_LONG = [
    {"error": {"message": "This model's maximum context length is 8192 tokens.",
               "type": "invalid_request_error", "param": "messages",
               "code": "context_length_exceeded"}},
    {"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum",
               "type": "invalid_request_error"}},
    {"error": {"message": "Input is too long for requested model.",
               "type": "invalid_request_error", "code": None}},
]
POLICY = {"error": {"message": "The response was filtered.", "type": "invalid_request_error",
                    "param": "prompt", "code": "content_filter", "status": 400}}


@pytest.mark.parametrize("body", TOO_LONG, ids=lambda b: b["error"]["message"][:20])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_too_long_goes_only_where_it_fits(fleet, body, streamed):
    f = fleet(3, 1, with_redis=False, **RETRY, models={"m": {"targets": [
        {"region": "us-east", "context_window": 8192},
        {"region": "eu-west", "context_window": 8192},
        {"region": "ap-south", "context_window": 200000}]}})
    f.region("us-east").fault(status=400, body=body)
    a = f.router.chat("hi", model="m", stream=streamed)
    assert a.status == 200 and a.content() == "Hello from ap-south: hi"
    assert f.attempts() == [1, 0, 1]
    f.region("ap-south").fault(status=400, body=body)
    a = f.router.chat("hi", model="m", stream=streamed)
    assert a.status == 400 and a.json() == body
    assert f.attempts() == [2, 0, 2]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_refusals_of_content_are_passed_on(fleet, streamed):
    f = fleet(2, 1, with_redis=False, **RETRY)
    f.region("us-east").fault(status=400, body=POLICY)
    a = f.router.chat(stream=streamed)
    assert a.status == 400 and a.json() == POLICY and f.attempts() == [1, 0]
    assert outcomes(f.router, "us-east") == {"client_fault": 1}
    assert f.router.breaker("us-east") == "closed"
