"""SIGTERM: what runs is finished, what comes is refused, and patience has an end."""

import json
import signal
import time
import zlib

import pytest

from sluice.client import Connection, Cut, chat_body
from sluice.proc import wait_for


def refuses(port):
    try:
        Connection(port).close()
    except ConnectionRefusedError:
        return True
    return False


def says_draining(router):
    try:
        return router.admin("/readyz").json()["status"] == "draining"
    except (Cut, ConnectionError):  # asked a worker that was ending
        return False


def drain(router):
    router.term()
    wait_for(lambda: says_draining(router), what="the router to drain")


def test_a_stream_under_way_is_finished(fleet):
    f = fleet(1, 1)
    f.region("us-east").fault(hold_at_event=30, events=60)
    s = f.router.stream("long")
    assert s.next()
    drain(f.router)
    ready = f.router.admin("/readyz")
    assert ready.json()["status"] == "draining" and ready.json()["in_flight"] == 1
    assert f.router.admin("/livez").status == 200
    wait_for(lambda: refuses(f.router.port), what="new connections to be refused")
    f.region("us-east").go()
    events = s.rest()
    assert events[-1] == "[DONE]" and s.response.headers["x-sluice-region"] == "us-east"
    assert f.router.process.wait_end() == 0
    assert f.region("us-east").attempts() == 1
    assert refuses(f.router.port)


def test_no_worker_lets_clients_wait_for_the_end(fleet):
    """Each has a socket of its own: one that went on listening would take its share of them."""
    f = fleet(1, 1, workers=3)
    f.region("us-east").fault(hold_at_event=3)
    s = f.router.stream()
    assert s.next()
    f.router.process.signal(signal.SIGHUP)
    wait_for(lambda: "reloaded" in f.router.process.err(), what="a second generation")
    drain(f.router)
    wait_for(lambda: all(refuses(f.router.port) for _ in range(30)), what="all to be refused")
    wait_for(lambda: len(f.router.workers()) == 1, what="the workers without a client to end")
    assert says_draining(f.router), "the earlier generation answers for the control port"
    f.region("us-east").go()
    assert s.rest()[-1] == "[DONE]"
    assert f.router.process.wait_end() == 0
    assert "not accepting" not in f.router.process.err()


def test_orphans_leave_the_port(fleet):
    """Their supervisor was killed: they finish what they have, and a successor may start."""
    f = fleet(1, 1, workers=2)
    f.region("us-east").fault(hold_at_event=3)
    s = f.router.stream()
    assert s.next()
    f.router.process.signal(signal.SIGKILL)
    wait_for(lambda: all(refuses(f.router.port) for _ in range(30)), what="all to be refused")
    f.region("us-east").go()
    assert s.rest()[-1] == "[DONE]"


def test_nothing_to_finish_ends_at_once(fleet):
    f = fleet(1, 1)
    with f.router.connect() as idle:
        assert idle.request("GET", "/v1/models").status == 200
        f.router.term()
        assert idle.read_all() == b""
        assert f.router.process.wait_end() == 0


def test_a_request_on_a_kept_connection_is_the_last(fleet):
    f = fleet(1, 1)
    f.region("us-east").fault(hold=True)
    with f.router.connect() as c:
        c.send_request("POST", "/v1/chat/completions",
                       json={"model": "m", "messages": [{"role": "user", "content": "hello"}]})
        f.region("us-east").wait_active()
        drain(f.router)
        f.region("us-east").go()
        a = c.read_response()
        assert a.status == 200 and a.headers["connection"] == "close"
        assert c.read_all() == b""
    assert f.router.process.wait_end() == 0


UPLOAD = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
          b"Content-Type: application/json\r\n")


def begin_upload(router, body, framing="length", asked=False):
    """A connection that has sent a request's head and half its body."""
    half = len(body) // 2
    lines = {"length": b"Content-Length: %d\r\n" % len(body),
             "chunked": b"Transfer-Encoding: chunked\r\n"}
    c = router.connect()
    c.send(UPLOAD + lines[framing]
           + (b"Expect: 100-continue\r\n" if asked else b"") + b"\r\n")
    if asked:
        c.read_until(b"HTTP/1.1 100 Continue\r\n\r\n")
    c.send(framed(body[:half], framing))
    wait_for(lambda: router.metrics()["sluice_client_connections"] == 1, what="the router to accept it")
    return c, body[half:]


def framed(piece, framing):
    return b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("asked", [False, True])
def test_an_upload_under_way_is_served(fleet, framing, asked):
    """Its client learns nothing of the end but that this answer is the last one here."""
    f = fleet(1, 1)
    body = json.dumps(chat_body("x" * 300_000)).encode()
    c, rest = begin_upload(f.router, body, framing, asked)
    with c, f.router.connect() as idle:
        drain(f.router)
        wait_for(lambda: refuses(f.router.port), what="new connections to be refused")
        assert idle.read_all() == b"", "who has nothing under way is let go"
        assert f.region("us-east").attempts() == 0
        for at in range(0, len(rest), 20_000):
            assert says_draining(f.router), "it waits for the rest"
            c.send(framed(rest[at:at + 20_000], framing))
        if framing == "chunked":
            c.send(b"0\r\n\r\n")
        a = c.read_response()
        assert a.status == 200 and a.headers["connection"] == "close"
        assert c.read_all() == b"" and not c.was_reset
    assert f.router.process.wait_end() == 0
    assert "drain timeout passed" not in f.router.process.err()
    [attempt] = f.region("us-east").log()
    assert (attempt["body_bytes"], attempt["body_crc32"]) == (len(body), zlib.crc32(body))


def test_what_follows_the_last_upload_is_not_taken(fleet):
    """The answer before it says so: a client may send it again elsewhere without a doubt."""
    f = fleet(1, 1)
    c, rest = begin_upload(f.router, json.dumps(chat_body("one")).encode())
    with c:
        drain(f.router)
        two = json.dumps(chat_body("two")).encode()
        c.send(rest + UPLOAD + b"Content-Length: %d\r\n\r\n%s" % (len(two), two))
        a = c.read_response()
        assert a.status == 200 and a.headers["connection"] == "close"
        assert c.read_all() == b"" and not c.was_reset
    assert f.router.process.wait_end() == 0
    [attempt] = f.region("us-east").log()
    assert attempt.json()["messages"][0]["content"] == "one"


def test_an_upload_that_stalls_is_told_so(fleet):
    f = fleet(1, 1, drain_timeout="600s", http={"body_timeout": "1s"})
    c, _ = begin_upload(f.router, json.dumps(chat_body()).encode())
    with c:
        f.router.term()
        a = c.read_response()
        assert a.status == 408 and a.headers["connection"] == "close"
        assert c.read_all() == b""
    assert f.router.process.wait_end() == 0
    assert f.region("us-east").attempts() == 0


def test_patience_with_an_upload_has_an_end(fleet):
    """Its client is told nothing, which is safe to try again: no region was asked."""
    f = fleet(1, 1, drain_timeout="300ms")
    c, _ = begin_upload(f.router, json.dumps(chat_body()).encode())
    with c:
        began = time.monotonic()
        f.router.term()
        assert c.read_all() == b""
        assert f.router.process.wait_end() == 0
    assert time.monotonic() - began >= 0.25  # a timer may fire some ms early
    assert "drain timeout passed" in f.router.process.err()
    assert f.region("us-east").attempts() == 0


def test_patience_has_an_end(fleet):
    f = fleet(1, 1, drain_timeout="300ms")
    f.region("us-east").fault(endless=True, delay_event_ms=5)
    s = f.router.stream()
    assert s.next()
    began = time.monotonic()
    f.router.term()
    with pytest.raises(Cut):
        s.rest()
    assert f.router.process.wait_end() == 0
    assert time.monotonic() - began >= 0.25  # a timer may fire some ms early
    assert "drain timeout passed" in f.router.process.err()
    f.region("us-east").wait_ended("client_gone")


def test_a_second_sigterm_is_final(fleet):
    f = fleet(1, 1, drain_timeout="600s")
    f.region("us-east").fault(endless=True, delay_event_ms=5)
    s = f.router.stream()
    assert s.next()
    drain(f.router)
    assert s.next()
    f.router.term()
    with pytest.raises(Cut):
        s.rest()
    f.router.process.wait_end()
    f.region("us-east").wait_ended("client_gone")


def test_a_drain_delay_serves_on(fleet):
    """Not ready any more, for whoever asks before sending clients here, and serving all the same."""
    f = fleet(1, 1, workers=2, drain_delay="1h")
    drain(f.router)
    assert f.router.admin("/readyz").status == 503 and f.router.admin("/livez").status == 200
    for _ in range(10):  # each on a connection of its own
        a = f.router.chat("hi")
        assert a.status == 200 and a.headers.get("connection") != "close"
    f.router.process.signal(signal.SIGHUP)  # comes too late
    f.router.term()  # enough of the delay
    assert f.router.process.wait_end() == 0
    assert "reloaded" not in f.router.process.err()
    assert refuses(f.router.port)


def test_who_dies_in_a_drain_delay_is_replaced(fleet):
    f = fleet(1, 1, drain_delay="1h")
    drain(f.router)
    f.router.kill_worker()
    assert f.router.chat().status == 200
    wait_for(lambda: f.router.admin("/readyz").status == 503, what="the new one to say so")
    assert f.router.chat().status == 200


def test_a_drain_delay_ends_by_itself(fleet):
    f = fleet(1, 1, drain_delay="500ms")
    began = time.monotonic()
    f.router.term()
    assert f.router.process.wait_end() == 0
    assert time.monotonic() - began >= 0.45


@pytest.mark.parametrize("how", ["killed", "second sigterm"])
def test_http_1_0_sees_a_reset(fleet, how):
    """Its answer ends with the connection: a proper close would make the cut stream look whole."""
    f = fleet(1, 1, with_redis=False, drain_timeout="600s")
    f.region("us-east").fault(hang_at_event=3)
    with f.router.connect() as c:
        body = json.dumps(chat_body(stream=True)).encode()
        c.send(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json\r\n"
               b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        c.read_until(b'"content":"')
        if how == "killed":
            f.router.kill_worker()
        else:
            drain(f.router)
            f.router.term()
        c.read_all()
        assert c.was_reset


def test_ctrl_c_drains_too(fleet):
    f = fleet(1, 1)
    f.router.process.signal(signal.SIGINT)
    assert f.router.process.wait_end() == 0


def test_a_drained_router_leaves_the_fleet(fleet):
    f = fleet(1, 2)
    assert f.admin.json("routers")["live_routers"] == 2
    f.routers[0].term()
    assert f.routers[0].process.wait_end() == 0
    wait_for(lambda: f.admin.json("routers")["live_routers"] == 1, what="it to be gone")
    assert f.routers[1].chat().status == 200
