"""A stream cut anywhere never passes for a whole answer.

The region cuts a stream of about 4 KiB at every byte of its body.  Faults are set for sixteen
offsets at a time, told apart by the model's name, so one answer costs one request.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sluice.client import Connection, chat_body

PATH = "/v1/chat/completions"
AT_ONCE = 16  # faults that a region keeps
# No budget: every stream is cut here, which is more retries than any share allows.
CALM = {"retry": {"num_retries": 2, "budget": 0, "backoff": "0s", "backoff_max": "0s"},
        "breaker": {"failure_threshold": 1000, "failure_rate": 0}}
SEED = {"text": "seed", "tokens": 14}


def ask(port, model):
    with Connection(port) as c:
        c.send_request("POST", PATH, json=chat_body("cut me", model, stream=True))
        return c.read_response(cut_ok=True)


def model(at):
    return f"cut-{at:06d}"  # equally long, so all answers are


def cut_everywhere(router, region, check):
    """check(offset, answer) for an answer cut at each offset of the body."""
    size = len(ask(router.port, model(0)).body) + 64  # ids of later answers are longer
    assert 3000 < size < 6000
    with ThreadPoolExecutor(3) as pool:
        for start in range(0, size + 1, AT_ONCE):
            offsets = range(start, min(start + AT_ONCE, size + 1))
            region.fault(*({"cut_at_byte": at, "match": {"model": model(at)}} for at in offsets))
            for at, answer in zip(offsets, pool.map(lambda at: ask(router.port, model(at)), offsets)):
                check(at, answer)
    return size


def is_whole(answer, text):
    events = answer.events()
    return (answer.complete and answer.content() == text and events[-1] == "[DONE]"
            and events.count("[DONE]") == 1
            and events[-2]["choices"][0]["finish_reason"] == "stop")


def test_without_recovery_a_cut_shows(fleet):
    f = fleet(1, 1, with_redis=False, region_flags=SEED, stream={"recover": "off"}, **CALM)
    text = f.router.chat("cut me", model(0)).content()
    found = {"whole": 0, "failed": 0, "refused": 0}

    def check(at, a):
        if a.status != 200:  # cut before its first content
            assert a.status == 503 and a.complete and a.json()["error"]["message"], (at, a)
            found["refused"] += 1
        elif is_whole(a, text):
            found["whole"] += 1
        else:
            events = a.events()
            assert not a.complete and "[DONE]" not in events, (at, a)
            assert list(events[-1]) == ["error"] and events[-1]["error"]["message"], (at, a)
            assert all("error" not in e for e in events[:-1]), (at, a)
            partial = "".join(e["choices"][0]["delta"].get("content") or ""
                              for e in events[:-1])
            assert text.startswith(partial), (at, a)
            found["failed"] += 1
    size = cut_everywhere(f.router, f.region("us-east"), check)
    assert sum(found.values()) == size + 1
    assert found["failed"] > size // 2 and found["refused"] > 100 and found["whole"] >= 3


def test_with_recovery_the_whole_text_arrives_once(fleet):
    f = fleet(2, 1, with_redis=False, region_flags=SEED, stream={"recover": "always"}, **CALM)
    text = f.router.chat("cut me", model(0)).content()

    def check(at, a):
        assert a.status == 200 and is_whole(a, text), (at, a)
    size = cut_everywhere(f.router, f.region("us-east"), check)
    assert f.region("eu-west").attempts() > size // 2


def test_an_answer_that_differs_is_never_joined(fleet, region, router):
    """recover: always, but the other region says something else."""
    one, two = region("us-east", **SEED), region("eu-west", text="other", tokens=14)
    r = router([one, two], stream={"recover": "always"}, **CALM)
    text = r.chat("cut me", model(0)).content()
    size = len(ask(r.port, model(0)).body)
    for at in range(size // 4, size - 300, 97):
        one.fault(cut_at_byte=at)
        a = ask(r.port, model(at))
        assert not a.complete and "[DONE]" not in a.events(), (at, a)
        assert "error" in a.events()[-1]
        partial = "".join(e["choices"][0]["delta"].get("content") or "" for e in a.events()[:-1])
        assert text.startswith(partial), (at, a)


@pytest.mark.parametrize("more, recovered", [({"temperature": 0}, True), ({"seed": 7}, True),
                                             ({}, False), ({"temperature": 0.7}, False)], ids=str)
def test_auto_recovers_what_asks_for_determinism(fleet, more, recovered):
    f = fleet(2, 1, with_redis=False, region_flags=SEED, stream={"recover": "auto"}, **CALM)
    text = f.router.chat("cut me").content()
    f.region("us-east").fault(cut_at_event=6)
    with f.router.connect() as c:
        a = c.request("POST", PATH, json=chat_body("cut me", stream=True, **more), cut_ok=True)
    assert is_whole(a, text) if recovered else not a.complete and "error" in a.events()[-1]
    assert f.region("eu-west").attempts() == (1 if recovered else 0)
