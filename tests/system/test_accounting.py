"""What is counted is what was produced, and an answer names who gave it."""

import pytest

from sluice.client import Connection, Stream, chat_body
from sluice.proc import wait_for

PATH = "/v1/chat/completions"
USAGE = {"stream_options": {"include_usage": True}}
NO_RECOVERY = {"stream": {"recover": "off"}}


def of(router, what, region="us-east"):
    return int(router.metrics()[f'sluice_region_{what}_total{{region="{region}"}}'])


def tokens(router, region="us-east"):
    return of(router, "prompt_tokens", region), of(router, "completion_tokens", region)


def partial(router, region="us-east"):
    return of(router, "partial_streams", region), of(router, "partial_events", region)


def outcome(router, name, region="us-east"):
    return int(router.metrics()[
        f'sluice_region_attempts_total{{region="{region}",outcome="{name}"}}'])


def stream(router, text="one two three", **more):
    with router.connect() as c:
        return c.request("POST", PATH, cut_ok=True, json=chat_body(text, stream=True, **more))


@pytest.mark.parametrize("how", ["plain", "stream"])
def test_whole_answers_count_what_the_vendor_counted(fleet, how):
    f = fleet(1, 1, with_redis=False)
    want = [0, 0]
    for _ in range(3):
        if how == "plain":
            usage = f.router.chat("one two three").json()["usage"]
        else:
            usage = stream(f.router, **USAGE).events()[-2]["usage"]
        want[0] += usage["prompt_tokens"]
        want[1] += usage["completion_tokens"]
    assert tokens(f.router) == tuple(want) and want[1] > 0
    assert partial(f.router) == (0, 0)


def test_a_partial_stream_is_counted_as_one(fleet):
    f = fleet(1, 1, with_redis=False, **NO_RECOVERY)
    f.region("us-east").fault(cut_at_event=4)  # its role and three events of content
    a = stream(f.router, **USAGE)
    assert not a.complete and "error" in a.events()[-1]
    assert partial(f.router) == (1, 3) and tokens(f.router) == (0, 0)
    assert outcome(f.router, "broken") == 1 and outcome(f.router, "ok") == 0
    assert f.router.metrics()['sluice_requests_total{result="failed"}'] == 1


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut_at_event": 1}, {"error_event": 1},
                                   {"error_in_200": {"message": "x", "type": "server_error"}}],
                         ids=str)
def test_a_failure_without_content_produced_nothing(fleet, fault):
    f = fleet(2, 1, with_redis=False)
    f.region("us-east").fault(**fault)
    usage = stream(f.router, **USAGE).events()[-2]["usage"]
    assert tokens(f.router) == (0, 0) and partial(f.router) == (0, 0)
    assert tokens(f.router, "eu-west") == (usage["prompt_tokens"], usage["completion_tokens"])


def test_a_client_that_leaves_pays_for_what_was_produced(fleet):
    f = fleet(1, 1, with_redis=False)
    f.region("us-east").fault(endless=True, delay_event_ms=10)
    with Connection(f.router.port) as c:
        c.send_request("POST", PATH, json=chat_body(stream=True))
        s = Stream(c)
        seen = 0
        while seen < 5:
            seen += bool((s.next()["choices"][0]["delta"]).get("content"))
    wait_for(lambda: partial(f.router)[0] == 1, what="the partial stream to be counted")
    assert partial(f.router)[1] >= 5 and outcome(f.router, "aborted") == 1
    [seen_there] = f.region("us-east").log()
    assert partial(f.router)[1] <= seen_there["events"]


def test_a_recovered_stream_counts_both_runs(fleet):
    f = fleet(2, 1, with_redis=False, stream={"recover": "always"},
              region_flags={"text": "seed", "tokens": 12})
    f.region("us-east").fault(cut_at_event=6)
    a = stream(f.router, **USAGE)
    assert a.complete
    usage = a.events()[-2]["usage"]
    assert partial(f.router) == (1, 5) and tokens(f.router) == (0, 0)
    assert tokens(f.router, "eu-west") == (usage["prompt_tokens"], usage["completion_tokens"])
    assert partial(f.router, "eu-west") == (0, 0)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_usage_can_be_had_for_the_router_alone(fleet, streamed):
    f = fleet(1, 1, with_redis=False, stream={"usage": "on"})
    a = f.router.chat("one two", stream=streamed)
    if streamed:
        assert all(not e.get("usage") for e in a.events()[:-1])
    assert tokens(f.router)[1] > 0


def test_the_answer_names_who_gave_it(fleet):
    """x-sluice-region and -attempts, and the model as the vendor reported it."""
    f = fleet(3, 1, with_redis=False, models={
        "fast": {"targets": [{"region": "us-east", "model": "gpt-east"},
                             {"region": "eu-west", "model": "gpt-west"}],
                 "fallbacks": ["spare"]},
        "spare": {"targets": [{"region": "ap-south", "model": "gpt-spare"}]}})

    def check(region, attempts, model):
        for streamed in (False, True):
            a = f.router.chat(model="fast", stream=streamed)
            assert (a.headers["x-sluice-region"], a.headers["x-sluice-attempts"]) \
                == (region, str(attempts))
            models = {e["model"] for e in a.events()[:-1]} if streamed else {a.json()["model"]}
            assert models == {model}
    check("us-east", 1, "gpt-east")
    f.region("us-east").fault(status=503)
    check("eu-west", 2, "gpt-west")
    f.region("eu-west").fault(status=503)
    check("ap-south", 3, "gpt-spare")


def test_the_last_region_asked_is_named_when_all_fail(fleet):
    f = fleet(2, 1, with_redis=False)
    for r in f.regions:
        r.fault(status=503)
    a = f.router.chat()
    assert a.status == 503 and "eu-west" in a.json()["error"]["message"]
    assert tokens(f.router) == tokens(f.router, "eu-west") == (0, 0)
