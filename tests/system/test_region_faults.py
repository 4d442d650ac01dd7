"""The simulated region's faults: what each puts on the wire, seen as raw bytes."""

import re
import time

import pytest

from sluice.client import Broken, Connection, Cut, chat, chat_body, open_stream
from sluice.proc import wait_for

CHAT = "/v1/chat/completions"


@pytest.fixture
def r(region):
    return region("us-east")


# -- other answers -----------------------------------------------------------


def test_status_headers_body(r):
    r.fault(status=429, headers={"Retry-After": "7", "x-n": 3}, body={"error": {"code": "z"}})
    a = chat(r.port, stream=True)
    assert a.status == 429 and a.headers["retry-after"] == "7" and a.headers["x-n"] == "3"
    assert a.json() == {"error": {"code": "z"}}
    r.fault(status=502, body="<html>", headers={"Content-Type": "text/html"})
    a = chat(r.port)
    assert a.body == b"<html>" and a.all("content-type") == ["text/html"]
    r.fault(headers={"x-ratelimit-remaining-requests": "9"})
    a = chat(r.port)
    assert a.status == 200 and a.headers["x-ratelimit-remaining-requests"] == "9"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529, 599])
def test_status_alone_has_the_vendors_error(r, status):
    r.fault(status=status)
    a = chat(r.port)
    assert a.status == status and a.json()["error"]["message"]


def test_error_in_200(r):
    r.fault(error_in_200={"message": "boom", "type": "server_error"})
    for stream in (False, True):
        a = chat(r.port, stream=stream)
        assert a.status == 200 and a.json() == {"error": {"message": "boom",
                                                         "type": "server_error"}}


# -- time ----------------------------------------------------------------------


def test_delays(r):
    r.fault(delay_head_ms=120)
    t = time.monotonic()
    s = open_stream(r.port)
    assert time.monotonic() - t >= 0.1
    assert s.rest()[-1] == "[DONE]"
    s.close()
    r.fault(delay_first_event_ms=120)
    t = time.monotonic()
    s = open_stream(r.port)
    assert s.raw == b"" and s.next() and time.monotonic() - t >= 0.1
    s.close()
    r.fault(delay_event_ms=20, events=5)
    t = time.monotonic()
    assert len(chat(r.port, stream=True).events()) == 8
    assert time.monotonic() - t >= 0.1


@pytest.mark.parametrize("stream", [False, True])
def test_hold(r, stream):
    r.fault(hold=True)
    with Connection(r.port) as c:
        c.send_request("POST", CHAT, json=chat_body(stream=stream))
        r.wait_active()
        assert c.is_silent(0.15)
        r.go()
        assert c.read_response().content() == "Hello from us-east: hello"
        c.send_request("POST", CHAT, json=chat_body(stream=stream))  # each is held for itself
        r.wait_active()
        assert c.is_silent(0.15)
        r.heal()
        r.go()
        assert c.read_response().status == 200


def test_hold_at_event(r):
    r.fault(hold_at_event=2)
    s = open_stream(r.port)
    assert s.next() and s.next() and s.is_silent(0.15)
    r.go()
    assert s.rest()[-1] == "[DONE]"
    s.close()


def test_hang_at_event(r):
    r.fault(hang_at_event=2)
    s = open_stream(r.port)
    assert s.next() and s.next() and s.is_silent(0.15)
    s.close()
    r.wait_ended("client_gone")


# -- ends ------------------------------------------------------------------------


def test_reset_before(r):
    r.fault(reset="before")
    with Connection(r.port) as c:
        c.send_request("POST", CHAT, json=chat_body())
        assert c.read_all() == b"" and c.was_reset
    assert r.counts()["reset"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_reset_mid(r, stream):
    r.fault(reset="mid", events=20)
    with Connection(r.port) as c:
        c.send_request("POST", CHAT, json=chat_body(stream=stream))
        a = c.read_response(cut_ok=True)
        assert a.status == 200 and a.body and not a.complete
        assert c.read_all() == b"" and c.was_reset
    assert r.counts()["reset"] == 1


@pytest.mark.parametrize("n", [0, 1, 3])
def test_cut_at_event(r, n):
    r.fault(cut_at_event=n)
    with Connection(r.port) as c:
        c.send_request("POST", CHAT, json=chat_body(stream=True))
        a = c.read_response(cut_ok=True)
        assert not a.complete and not c.was_reset and len(a.events()) == n
    assert r.log()[0]["ended"] == "cut" and r.log()[0]["events"] == n


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [0, 1, 100])
def test_cut_at_byte(r, stream, n):
    r.fault(cut_at_byte=n)
    a = chat(r.port, stream=stream, cut_ok=True)
    assert a.status == 200 and not a.complete and len(a.body) == n


def test_end_at_event_is_clean(r):
    r.fault(end_at_event=2)
    a = chat(r.port, stream=True)
    assert a.complete and len(a.events()) == 2


# -- a stream's content ----------------------------------------------------------


def test_malformed_event(r):
    r.fault(malformed_event=2)
    events = chat(r.port, stream=True).events()
    assert isinstance(events[2], str) and events[2].startswith("{") and events[-1] == "[DONE]"
    assert all(isinstance(e, dict) for i, e in enumerate(events[:-1]) if i != 2)


@pytest.mark.parametrize("n", [0, 2])
def test_error_event(r, n):
    r.fault(error_event=n, error={"message": "late", "code": "x"})
    events = chat(r.port, stream=True).events()
    assert len(events) == n + 1 and events[n] == {"error": {"message": "late", "code": "x"}}


def test_no_done_no_finish(r):
    r.fault(no_done=True)
    a = chat(r.port, stream=True)
    assert a.complete and a.events()[-1]["choices"][0]["finish_reason"] == "stop"
    r.fault(no_finish=True)
    a = chat(r.port, stream=True)
    assert a.events()[-1] == "[DONE]"
    assert all(e["choices"][0]["finish_reason"] is None for e in a.events()[:-1])
    r.fault(no_finish=True, no_done=True)
    a = chat(r.port, stream=True)
    assert a.complete and a.events()[-1]["choices"][0]["delta"]["content"] == "hello"


def test_endless(r):
    r.fault(endless=True)
    s = open_stream(r.port)
    for _ in range(3000):
        assert s.next()["choices"]
    s.close()
    r.wait_ended("client_gone")


def test_events_chunk_bytes_usage(r):
    r.fault(events=7, chunk_bytes=50, usage=False)
    a = chat(r.port, stream=True, stream_options={"include_usage": True})
    content = [e for e in a.events()[:-1] if e["choices"][0]["delta"].get("content")]
    assert [len(e["choices"][0]["delta"]["content"]) for e in content] == [50] * 7
    assert "usage" not in chat(r.port).json()
    assert chat(r.port).content() == a.content()
    r.fault(events=0)
    assert chat(r.port).content() == ""


@pytest.mark.parametrize("name, end", [("lf", b"\n"), ("crlf", b"\r\n"), ("cr", b"\r")])
def test_line_end(r, name, end):
    r.fault(line_end=name)
    a = chat(r.port, stream=True)
    assert a.body.endswith(b"[DONE]" + end + end)
    assert set(re.findall(rb"[\r\n]+", a.body)) == {end * 2}
    assert a.content() == "Hello from us-east: hello"


def test_stamp(region):
    r = region(stamp=True)
    stamps = [e["x_sent_us"] for e in chat(r.port, stream=True).events()[:-1]]
    assert stamps == sorted(stamps) and abs(stamps[0] / 1e6 - time.monotonic()) < 60


# -- bytes -------------------------------------------------------------------------


def raw_answer(r, stream):
    with Connection(r.port) as c:
        c.send_request("POST", CHAT, json=chat_body(stream=stream), headers={"Connection": "close"})
        return c.read_all()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how, error", [
    ("bad_chunk", Broken), ("two_lengths", Broken), ("te_and_cl", Broken), ("garbage", None),
    ("long_length", Cut), ("http09", None), ("lf_only", None), ("short_length", None),
])
def test_framing(r, how, error, stream):
    want = chat(r.port, stream=stream).content().encode().split()[0]
    r.fault(framing=how)
    raw = raw_answer(r, stream)
    head, _, body = raw.partition(b"\r\n\r\n")
    if how == "garbage":
        assert len(raw) == 512 and min(raw) >= 0x80
        return
    assert want in raw
    if error:
        with pytest.raises(error):
            chat(r.port, stream=stream)
    if how == "two_lengths":
        assert len(set(re.findall(rb"content-length: (\d+)", head))) == 2
    elif how == "te_and_cl":
        assert b"content-length: " in head and b"transfer-encoding: chunked" in head
    elif how == "lf_only":
        assert b"\r" not in raw and raw.startswith(b"HTTP/1.1 200 OK\n")
    elif how == "http09":
        assert raw.startswith(b"data: " if stream else b"{")
    elif how == "short_length":
        assert int(re.search(rb"content-length: (\d+)", head)[1]) == len(body) // 2


def test_huge_head(r):
    r.fault(framing="huge_head", head_bytes=200_000)
    raw = raw_answer(r, False)
    assert 200_000 <= raw.index(b"\r\n\r\n") < 210_000 and raw.endswith(b"}")


def test_split_bytes(r):
    want = chat(r.port)
    r.fault(split_bytes=40, split_ms=20)
    t = time.monotonic()
    assert chat(r.port).content() == want.content()
    assert time.monotonic() - t >= len(want.body) // 40 * 0.01


# -- refusing ------------------------------------------------------------------------


def refuses(port):
    try:
        Connection(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_refuse_closes_the_door_and_idle_connections(r):
    with Connection(r.port) as c:
        assert c.request("POST", CHAT, json=chat_body()).status == 200
        r.fault(refuse=True)
        assert c.read_all() == b""
    assert refuses(r.port)
    assert r.attempts() == 1
    r.heal()
    assert chat(r.port).status == 200


def test_refuse_ends_by_itself(r):
    r.fault(refuse=True, for_ms=1500)
    assert refuses(r.port)
    wait_for(lambda: not refuses(r.port), what="the door to open")
    assert chat(r.port).status == 200


def test_a_stream_under_way_goes_on_behind_a_closed_door(r):
    r.fault(delay_event_ms=20, events=10)
    s = open_stream(r.port)
    r.fault(refuse=True)
    assert refuses(r.port)
    assert s.rest()[-1] == "[DONE]"
    s.close()


def test_killed_region_comes_back_on_its_port(r):
    port = r.port
    r.kill()
    assert refuses(port)
    r.start()
    assert r.port == port and chat(port).status == 200
