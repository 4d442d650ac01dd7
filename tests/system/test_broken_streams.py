"""Every way a stream can break behind its first content: mended from another run, or visible."""

import json

import pytest

from sluice.client import chat_body

PATH = "/v1/chat/completions"
SEED = {"text": "seed", "tokens": 12}
CONFIG = {"retry": {"num_retries": 3, "backoff": "0s", "backoff_max": "0s"},
          "timeouts": {"idle": "1500ms"},
          "breaker": {"failure_threshold": 1000, "failure_rate": 0}}
BREAKS = {
    "cut after an event": {"cut_at_event": 5}, "cut inside an event": {"cut_at_byte": 1000},
    "reset": {"reset": "mid"}, "silence": {"hang_at_event": 5},
    "malformed event": {"malformed_event": 5}, "error event": {"error_event": 5},
    "clean end, no finish": {"end_at_event": 5}, "no finish, [DONE]": {"no_finish": True},
    "no finish, no [DONE]": {"no_finish": True, "no_done": True},
    "huge event": {"malformed_event": 5},  # its body is set below
}


def ask(f, text="break", **more):
    with f.router.connect() as c:
        return c.request("POST", PATH, cut_ok=True, json=chat_body(text, stream=True, **more))


def partial_text(events):
    return "".join((e["choices"][0]["delta"].get("content") or "")
                   for e in events if e != "[DONE]" and "choices" in e)


def check_whole(a, text):
    events = a.events()
    assert a.complete and partial_text(events) == text, a
    assert events[-1] == "[DONE]" and events.count("[DONE]") == 1
    finishes = [e["choices"][0]["finish_reason"] for e in events[:-1]]
    assert finishes[-1] == "stop" and not any(finishes[:-1])
    assert not any("error" in e for e in events)


def check_broken(a, text):
    events = a.events()
    assert not a.complete and "[DONE]" not in events, a
    assert list(events[-1]) == ["error"] and events[-1]["error"]["code"] in (
        "stream_broken", "event_too_large", "no_finish_reason")
    assert not any("error" in e for e in events[:-1])
    assert text.startswith(partial_text(events))


def break_it(region, name):
    if name == "huge event":
        body = 'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
        region.fault(status=200, headers={"Content-Type": "text/event-stream"},
                     body=body % "" + "data: " + "x" * 5000)
    else:
        region.fault(**BREAKS[name])


@pytest.mark.parametrize("name", BREAKS)
def test_with_recovery_one_answer_arrives_once(fleet, name):
    f = fleet(2, 1, with_redis=False, region_flags=SEED, **CONFIG,
              stream={"recover": "always", "event_max": "4KiB"})
    text = f.router.chat("break").content()
    break_it(f.region("us-east"), name)
    check_whole(ask(f), text)
    assert f.attempts() == [2, 1]


@pytest.mark.parametrize("name", BREAKS)
def test_without_recovery_it_shows(fleet, name):
    f = fleet(2, 1, with_redis=False, region_flags=SEED, **CONFIG,
              stream={"recover": "off", "event_max": "4KiB"})
    text = f.router.chat("break").content()
    break_it(f.region("us-east"), name)
    a = ask(f)
    if name == "huge event":  # it had shown nothing yet
        check_whole(a, text)
    else:
        check_broken(a, text)
        assert f.attempts() == [2, 0]
    assert f.router.metrics()['sluice_region_attempts_total{region="us-east",outcome="ok"}'] == 1


@pytest.mark.parametrize("name", [n for n in BREAKS if n != "huge event"])
def test_texts_that_differ_are_not_joined(region, router, name):
    """The other region answers in other words."""
    one, two = region("us-east", **SEED), region("eu-west", text="other", tokens=12)
    r = router([one, two], stream={"recover": "always"}, **CONFIG)
    text = r.chat("break").content()
    break_it(one, name)
    with r.connect() as c:
        a = c.request("POST", PATH, cut_ok=True, json=chat_body("break", stream=True))
    check_broken(a, text)
    assert two.attempts() >= 1


@pytest.mark.parametrize("more, mended", [({"temperature": 0}, True), ({"temperature": 0.0}, True),
                                          ({"seed": 7}, True), ({"temperature": 1}, False),
                                          ({"temperature": None, "seed": None}, False), ({}, False)],
                         ids=str)
def test_auto_mends_what_asks_for_a_repeatable_answer(fleet, more, mended):
    f = fleet(2, 1, with_redis=False, region_flags=SEED, stream={"recover": "auto"}, **CONFIG)
    text = f.router.chat("break", **more).content()
    f.region("us-east").fault(cut_at_event=5)
    (check_whole if mended else check_broken)(ask(f, **more), text)


@pytest.mark.parametrize("more", [{}, {"temperature": 1}, {"seed": 7}], ids=str)
@pytest.mark.parametrize("name", [n for n in BREAKS if n not in ("silence", "huge event")])
def test_two_regions_and_no_settings_mend_what_agrees(fleet, name, more):
    f = fleet(2, 1, with_redis=False, region_flags=SEED)
    text = f.router.chat("break", **more).content()
    f.region("us-east").fault(**BREAKS[name])
    check_whole(ask(f, **more), text)
    assert f.attempts() == [2, 1]


def test_mended_twice(fleet):
    f = fleet(3, 1, with_redis=False, region_flags=SEED, stream={"recover": "always"}, **CONFIG)
    text = f.router.chat("break").content()
    f.region("us-east").fault(cut_at_event=4)
    f.region("eu-west").fault(cut_at_event=8)
    check_whole(ask(f), text)
    assert f.attempts() == [2, 1, 1]


def test_a_second_run_that_breaks_earlier_is_no_end(fleet):
    f = fleet(3, 1, with_redis=False, region_flags=SEED, stream={"recover": "always"}, **CONFIG)
    text = f.router.chat("break").content()
    f.region("us-east").fault(cut_at_event=8)
    f.region("eu-west").fault(cut_at_event=4)
    check_whole(ask(f), text)


def test_nobody_left_to_mend_it(fleet):
    f = fleet(2, 1, with_redis=False, region_flags=SEED, stream={"recover": "always"}, **CONFIG)
    text = f.router.chat("break").content()
    f.region("us-east").fault(cut_at_event=5)
    f.region("eu-west").fault(status=503)
    check_broken(ask(f), text)


def written(text, size, ending):
    """The same words in events of another size; the end in an event of its own, or not."""
    pieces = [text[i:i + size] for i in range(0, len(text), size)]
    choices = [({"content": p}, None) for p in pieces]
    if ending == "alone":
        choices.append(({}, "stop"))
    else:
        choices[-1] = (choices[-1][0], "stop")
    return "".join("data: " + json.dumps({"id": "x", "object": "chat.completion.chunk",
                                          "created": 1, "model": "m", "choices": [
                                              {"index": 0, "delta": d, "finish_reason": f}]})
                   + "\n\n" for d, f in choices) + "data: [DONE]\n\n"


@pytest.mark.parametrize("ending", ["alone", "with the last words"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_another_run_may_be_cut_into_other_events(fleet, size, ending):
    f = fleet(2, 1, with_redis=False, region_flags=SEED, stream={"recover": "always"}, **CONFIG)
    text = f.router.chat("break").content()
    f.region("us-east").fault(cut_at_event=6)
    f.region("eu-west").fault(status=200, body=written(text, size, ending),
                              headers={"Content-Type": "text/event-stream"})
    check_whole(ask(f), text)


def delta(i=0, finish=None, **members):
    return {"index": i, "delta": members, "finish_reason": finish}


def call(i, arguments, **begins):
    return {"index": i, **begins, "function": {"arguments": arguments}}


CITE = {"type": "url_citation", "url_citation": {"url": "http://x/", "title": "x"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
# The first region is cut behind one of these events, the second one says all of them.
KINDS = {
    "reasoning": [delta(reasoning_content=t) for t in ("Let ", "me ", "see.")]
    + [delta(content="So "), delta(content="what?")],
    "reasoning by another name": [delta(reasoning="Let "), delta(reasoning="me "), delta(content="So")],
    "a refusal": [delta(refusal=t) for t in ("I ", "can't ", "do that.")],
    "tool calls": [delta(content="Wait. "), delta(tool_calls=[call(0, "", id="ID", type="function")]),
                   *(delta(tool_calls=[call(0, t)]) for t in ('{"ci', 'ty": "P', 'aris"}')),
                   delta(tool_calls=[call(1, "{}", id="ID", type="function")])],
    "citations": [delta(content="See "), delta(content="x.", annotations=[CITE]),
                  delta(annotations=[CITE, CITE]), delta(content=" And.")],
    "images": [delta(content="Here: "), delta(images=[IMAGE]), delta(images=[IMAGE]), delta(content=".")],
    "what nobody knows": [delta(content="a", x=7, y={"z": [1]}), delta(y={"z": [2]}), delta(v="b")],
    "two choices": [delta(content="a"), delta(1, content="x"), delta(1, content="y"), delta(content="b"),
                    delta(1, "stop"), delta(content="c")],
}


def kind_body(kind, run, until=None):
    """A run of it: its ids are its own."""
    choices = KINDS[kind] + [delta(finish="stop")]
    events = [{"id": f"id-{run}", "object": "chat.completion.chunk", "created": run, "model": "m",
               "choices": [c]} for c in choices]
    body = "".join(f"data: {json.dumps(e)}\n\n" for e in events[:until]).replace('"ID"', f'"call-{run}"')
    return body + ("" if until else "data: [DONE]\n\n")


def put_together(events):
    """What the official Python client makes of them, and every id that was seen."""
    whole, ids = {}, set()
    for event in events:
        if event == "[DONE]":
            continue
        ids.add((event["id"], event["created"]))
        for c in event["choices"]:
            if c["finish_reason"]:
                whole[c["index"], "finish"] = c["finish_reason"]
            accumulate(whole, (c["index"],), c["delta"])
    return whole, ids


def accumulate(whole, at, members):
    for name, value in members.items():
        where = (*at, name)
        if isinstance(value, str) and name != "type":
            whole[where] = whole.get(where, "") + value
        elif isinstance(value, dict) and name == "function":
            accumulate(whole, where, value)
        elif isinstance(value, list) and name == "tool_calls":
            for item in value:
                accumulate(whole, (*where, item["index"]), item)
        elif isinstance(value, list):
            whole.setdefault(where, []).extend(value)
        elif name not in ("index", "type"):
            whole.setdefault(where, []).append(value)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_was_delivered_is_held_against_the_other_run(fleet, kind):
    f = fleet(2, 1, with_redis=False, stream={"recover": "always"}, **CONFIG)
    sse = {"Content-Type": "text/event-stream"}
    n = 2 if kind == "two choices" else 1
    whole, _ = put_together([json.loads(line[6:]) for line in kind_body(kind, 1).splitlines()
                             if line.startswith("data: {")])
    for until in range(1, len(KINDS[kind]) + 1):
        f.region("us-east").fault(status=200, headers=sse, body=kind_body(kind, 1, until))
        f.region("eu-west").fault(status=200, headers=sse, body=kind_body(kind, 2))
        a = ask(f, n=n)
        assert a.complete and a.events()[-1] == "[DONE]", (until, a)
        got, ids = put_together(a.events())
        begun = [k for k in whole if k[-1] == "id"]
        for k in begun:  # a call that had begun keeps its id, another one has the second run's
            assert got[k] in ("call-1", "call-2"), (until, got)
        assert {**got, **{k: 0 for k in begun}} == {**whole, **{k: 0 for k in begun}}, until
        assert ids == {("id-1", 1)}, until


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_differs_ends_visibly(fleet, kind):
    """The second region says the same but for one piece that was delivered."""
    f = fleet(2, 1, with_redis=False, stream={"recover": "always"}, **CONFIG)
    sse = {"Content-Type": "text/event-stream"}
    other = kind_body(kind, 2).splitlines(keepends=True)
    del other[{"citations": 2, "tool calls": 4}.get(kind, 0)]
    f.region("us-east").fault(status=200, headers=sse, body=kind_body(kind, 1, len(KINDS[kind])))
    f.region("eu-west").fault(status=200, headers=sse, body="".join(other))
    a = ask(f, n=2 if kind == "two choices" else 1)
    assert not a.complete and list(a.events()[-1]) == ["error"], a
    assert f.attempts() == [1, 1]


def test_many_broken_at_once_each_get_their_own(fleet):
    """A region that dies with many streams on it: every client has its own whole text."""
    f = fleet(2, 1, with_redis=False, region_flags=SEED, stream={"recover": "always"},
              **{**CONFIG, "timeouts": {"idle": "5m"}})
    texts = [f.router.chat(f"n{i}").content() for i in range(20)]
    assert len(set(texts)) == 20
    f.region("us-east").fault(hang_at_event=5)
    streams = [f.router.stream(f"n{i}") for i in range(20)]
    events = [[] for _ in streams]
    for s, got in zip(streams, events):
        while not partial_text(got):
            got.append(s.next())
    f.region("us-east").kill()
    for s, got, text in zip(streams, events, texts):
        got += s.rest()
        assert partial_text(got) == text and got[-1] == "[DONE]"
        s.close()
    assert f.region("eu-west").attempts() == 20
