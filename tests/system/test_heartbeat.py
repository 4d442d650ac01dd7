"""Signs of life in silence, between events and never inside one."""

import time

import pytest

from sluice.client import chat_body

PATH = "/v1/chat/completions"
BEAT = b": keep-alive\n\n"
QUICK = {"stream": {"commit": "100ms", "heartbeat": "100ms", "recover": "off"}}


def ask(f, text="hi", **more):
    with f.router.connect() as c:
        return c.request("POST", PATH, cut_ok=True, json=chat_body(text, stream=True, **more))


def check(a, text):
    """Comments stand between events; without them the bytes are the vendor's."""
    assert a.complete and a.content() == text
    parts = a.body.split(b"\n\n")
    assert parts[-1] == b""
    for part in parts[:-1]:
        assert part == BEAT.strip() or (part.startswith(b"data: ") and b"keep-alive" not in part)
    return parts.count(BEAT.strip())


@pytest.mark.parametrize("fault, events", [({"hold": True}, 0), ({"hold_at_event": 0}, 0),
                                           ({"hold_at_event": 3}, 3)], ids=str)
def test_in_silence(fleet, fault, events):
    """The region says nothing more until five of them have come."""
    f = fleet(1, 1, with_redis=False, **QUICK)
    f.region("us-east").fault(**fault)
    with f.router.connect() as c:
        began = time.monotonic()
        c.send_request("POST", PATH, json=chat_body("hi", stream=True))
        a = c.read_head()
        held = True
        for piece in c.pieces(a):
            a.body += piece
            if held and a.body.count(BEAT) >= 5:
                assert a.body.count(b"data: ") == events
                f.region("us-east").go()
                held = False
    took_s = time.monotonic() - began
    assert 5 <= check(a, "Hello from us-east: hi") <= took_s / 0.08 + 1
    if not events:
        assert a.body.startswith(BEAT)


def test_none_while_events_flow(fleet):
    """Each event puts the next sign of life off: all of them take longer than it."""
    f = fleet(1, 1, with_redis=False, stream={"heartbeat": "1s"})
    f.region("us-east").fault(delay_event_ms=20, events=75, chunk_bytes=10)
    a = ask(f)
    assert a.complete and BEAT not in a.body


@pytest.mark.parametrize("line_end, split_bytes", [("lf", 40), ("cr", 3), ("crlf", 1),
                                                   ("crlf", 3), ("crlf", 40)])
def test_never_inside_an_event(fleet, line_end, split_bytes):
    """The vendor dribbles: for most of the time half an event has come."""
    f = fleet(1, 1, with_redis=False, **QUICK)
    f.region("us-east").fault(split_bytes=split_bytes, split_ms={1: 1, 3: 4, 40: 60}[split_bytes],
                              line_end=line_end, events=2)
    a = ask(f)
    end = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}[line_end]
    assert a.complete and a.body.count(BEAT) >= 2
    rest = a.body
    while rest:  # comments and whole events, one behind the other
        mark = BEAT if rest.startswith(b":") else end + end
        assert rest.startswith((b"data: ", BEAT)), rest[:80]
        rest = rest[rest.index(mark) + len(mark):]
    assert a.events()[-1] == "[DONE]"


def test_they_stop_with_the_stream(fleet):
    f = fleet(1, 1, with_redis=False, **QUICK)
    f.region("us-east").fault(delay_event_ms=120)
    with f.router.connect() as c:
        for _ in range(2):  # and the connection serves on
            a = c.request("POST", PATH, json=chat_body("hi", stream=True))
            assert a.complete and a.body.endswith(b"data: [DONE]\n\n")
        assert c.is_silent(0.3)


def test_none_for_plain_answers(fleet):
    f = fleet(1, 1, with_redis=False, **QUICK)
    f.region("us-east").fault(delay_head_ms=400)
    a = f.router.chat("hi")
    assert a.headers["content-type"] == "application/json" and b"keep-alive" not in a.body


def test_none_when_off(fleet):
    f = fleet(1, 1, with_redis=False, stream={**QUICK["stream"], "heartbeat": "0s"})
    f.region("us-east").fault(delay_head_ms=500)
    a = ask(f)
    assert check(a, "Hello from us-east: hi") <= 1  # the one that commits
