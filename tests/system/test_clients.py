"""Clients that are slow, gone, many, impatient, or no clients at all."""

import json
import resource
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
import time

import pytest

from sluice.client import Connection, Cut, Stream, chat_body
from sluice.proc import allow_descriptors, wait_for

PATH = "/v1/chat/completions"
MIB = 1 << 20


def check_error(a, status, code=None):
    """OpenAI's error shape, marked as ours."""
    assert a.status == status and a.complete, a
    assert a.headers["content-type"] == "application/json"
    error = a.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    assert a.headers["x-sluice-error"] == (code or error["code"])
    assert error["code"] == a.headers["x-sluice-error"]
    return error


# -- slow ---------------------------------------------------------------------


def sent_bytes(region):
    return region.log()[-1]["sent_bytes"]


def stands_still(read):
    """True once read() gives the same number for a while."""
    seen = []

    def same():
        seen.append(read())
        return len(seen) > 40 and len(set(seen[-40:])) == 1
    wait_for(same, what="the number to stand still")
    return seen[-1]


def test_a_client_that_does_not_read_pauses_its_region(fleet):
    f = fleet(1, 1, with_redis=False, http={"write_timeout": "5m", "max_output_bytes": "64KiB"})
    east = f.region("us-east")
    assert f.router.chat().status == 200
    [pid] = f.router.workers()
    before = f.router.process.rss_bytes(pid)
    east.fault({"match": {"model": "lazy"}, "endless": True, "chunk_bytes": 4096})
    with f.router.connect(receive_buffer=4096) as lazy:
        lazy.send_request("POST", PATH, json=chat_body(model="lazy", stream=True))
        east.wait_active()
        stands_still(lambda: sent_bytes(east))
        last = east.log()[-1]
        assert last["sent_bytes"] > 0 and last["ended"] == "active"
        for i in range(5):
            assert f.router.chat(f"n{i}").content().endswith(f"n{i}")
            assert f.router.chat(f"n{i}", stream=True).content().endswith(f"n{i}")
        assert f.router.process.rss_bytes(pid) - before < 8 * MIB
        assert last["n"] == 2 and east.log()[1]["ended"] == "active"
    east.wait_ended("client_gone")


def test_a_region_that_answers_at_once_is_not_cut(fleet):
    """It has sent more than one turn takes before the loop has waited for it even once."""
    f = fleet(1, 1, with_redis=False)
    east = f.region("us-east")
    east.fault(events=60, chunk_bytes=4096)

    def ask(n):
        return [f.router.chat("hi", stream=True, cut_ok=True).complete for _ in range(n)]
    with ThreadPoolExecutor(8) as pool:
        assert all(sum(pool.map(ask, [40] * 8), []))
    assert f.router.metrics()['sluice_region_attempts_total{region="us-east",outcome="ok"}'] == 320


def test_a_client_that_never_reads_is_dropped(fleet):
    """At write_timeout, and its region is told."""
    f = fleet(1, 1, with_redis=False, http={"write_timeout": "500ms", "max_output_bytes": "64KiB"})
    east = f.region("us-east")
    east.fault(endless=True, chunk_bytes=4096)
    with f.router.connect(receive_buffer=4096) as lazy:
        lazy.send_request("POST", PATH, json=chat_body(stream=True))
        east.wait_ended("client_gone")
        wait_for(lambda: f.router.metrics()["sluice_requests_in_flight"] == 0,
                 what="the request to end")
        with pytest.raises(Cut):
            Stream(lazy).rest()
    assert f.router.breaker("us-east") == "closed"


def test_a_slow_client_gets_everything(fleet):
    """Slower than the kernel's buffers drain within write_timeout, but never still."""
    f = fleet(1, 1, with_redis=False, http={"write_timeout": "2s", "max_output_bytes": "16KiB"})
    f.region("us-east").fault(events=800, chunk_bytes=4096)
    with f.router.connect(receive_buffer=4096) as slow:
        began = time.monotonic()
        slow.send_request("POST", PATH, json=chat_body(stream=True))
        pace = threading.Event()
        while slow.receive(size=8192) and not slow.data.endswith(b"\r\n0\r\n\r\n"):
            pace.wait(0.005)
        head = slow.read_response()
    assert time.monotonic() - began > 2
    assert head.complete and head.events()[-1] == "[DONE]"
    assert len(head.content()) == 800 * 4096


def test_fifty_clients_that_do_not_read_cost_little(fleet):
    f = fleet(1, 1, with_redis=False, http={"max_output_bytes": "64KiB"})
    [pid] = f.router.workers()
    assert f.router.chat().status == 200
    before = f.router.process.rss_bytes(pid)
    f.region("us-east").fault(endless=True, chunk_bytes=4096)
    lazy = [f.router.connect(receive_buffer=4096) for _ in range(50)]
    for c in lazy:
        c.send_request("POST", PATH, json=chat_body(stream=True))
    f.region("us-east").wait_active(50)
    stands_still(lambda: sum(a["sent_bytes"] for a in f.region("us-east").log()))
    per_client = 320 + 256  # what is on its way, and what another run would be held against
    assert f.router.process.rss_bytes(pid) - before < 50 * per_client * 1024
    for c in lazy:
        c.close()
    f.region("us-east").wait_ended("client_gone", 50)


# -- gone ---------------------------------------------------------------------


@pytest.mark.parametrize("fault, stream, events", [
    ({"hang": True}, False, 0), ({"hang": True}, True, 0),
    ({"delay_event_ms": 5, "endless": True}, True, 5),
], ids=["plain, no head", "stream, no head", "mid-stream"])
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_is_noticed(fleet, fault, stream, events, leave):
    f = fleet(1, 1, with_redis=False, breaker={"failure_threshold": 3})
    east = f.region("us-east")
    east.fault(**fault)
    for i in range(5):
        c = f.router.connect()
        c.send_request("POST", PATH, json=chat_body(stream=stream))
        if events:
            s = Stream(c)
            for _ in range(events):
                assert s.next()
        east.wait_active()
        getattr(c, leave)()
        east.wait_ended("client_gone", i + 1)
    east.heal()
    wait_for(lambda: f.router.metrics()['sluice_requests_total{result="client_gone"}'] == 5,
             what="five to be counted as gone")
    metrics = f.router.metrics()
    assert metrics['sluice_region_attempts_total{region="us-east",outcome="aborted"}'] == 5
    assert f.router.breaker("us-east") == "closed" and f.router.chat().status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [{}, {"delay_head_ms": 800}], ids=["quick", "slow"])
def test_half_close_is_served_to_the_end(fleet, stream, fault):
    f = fleet(1, 1, with_redis=False)
    f.region("us-east").fault(delay_event_ms=30, **fault)
    with f.router.connect() as c:
        c.send_request("POST", PATH, json=chat_body("half", stream=stream))
        c.half_close()
        a = c.read_response()
        assert a.complete and a.content() == "Hello from us-east: half"
        assert c.read_all() == b""
    f.region("us-east").wait_ended("complete")


# -- many ----------------------------------------------------------------------


def test_a_thousand_kept_connections(fleet):
    allow_descriptors(4096)
    f = fleet(1, 1, with_redis=False)
    clients = [f.router.connect() for _ in range(1000)]
    for turn in range(3):
        for i, c in enumerate(clients):
            c.send_request("POST", PATH, json=chat_body(f"{turn}.{i}", stream=i % 2 == 1))
        for i, c in enumerate(clients):
            a = c.read_response()
            assert a.status == 200 and a.content() == f"Hello from us-east: {turn}.{i}"
    assert f.router.metrics()["sluice_client_connections"] == 1000
    assert f.region("us-east").attempts() == 3000
    for c in clients:
        c.close()
    wait_for(lambda: f.router.metrics()["sluice_client_connections"] == 0,
             what="the connections to be gone")


@pytest.mark.parametrize("prompt_bytes", [800, 20000])
def test_open_streams_cost_little_memory(fleet, prompt_bytes):
    """While a stream flows its request is kept, and next to nothing else."""
    n = 500
    allow_descriptors(4096)
    f = fleet(1, 1, with_redis=False)
    f.region("us-east").fault(endless=True, delay_event_ms=20000)
    [pid] = f.router.workers()
    body = chat_body("x" * prompt_bytes, stream=True)
    before = f.router.process.rss_bytes(pid)
    clients = [f.router.connect(seconds=30) for _ in range(n)]
    for c in clients:
        c.send_request("POST", PATH, json=body)
    for c in clients:
        c.read_until(b"data:")
    assert f.router.process.rss_bytes(pid) - before < n * (24 * 1024 + prompt_bytes * 3 // 2)
    for c in clients:
        c.close()


def test_more_than_max_connections_wait_their_turn(fleet):
    f = fleet(1, 1, with_redis=False, http={"max_connections": 10})
    clients = [f.router.connect() for _ in range(15)]
    for c in clients:
        c.send_request("GET", "/v1/models", headers={"Connection": "close"})
    for c in clients:
        assert c.read_response().status == 200
        c.close()


def test_clients_leave_descriptors_for_regions(fleet):
    """A request holds two: more clients than half of what there is wait in the backlog."""
    f = fleet(1, 1, with_redis=False)
    east, files, own = f.region("us-east"), 150, 64
    room = (files - own) // 2
    resource.prlimit(f.router.process.pid, resource.RLIMIT_NOFILE, (files, files))
    [before] = f.router.workers()
    f.router.hup()
    wait_for(lambda: f.router.workers() != [before] and len(f.router.workers()) == 1,
             what="a worker with the new limit")
    east.fault(hang=True)
    clients = [f.router.connect() for _ in range(room + 60)]
    for c in clients:
        c.send_request("POST", PATH, json=chat_body())
    east.wait_active(room)
    for c in clients:
        c.close()
    east.wait_ended("client_gone", room)
    east.heal()
    assert f.router.chat().status == 200
    assert f.router.breaker("us-east") == "closed" and "outcome=connect" not in f.router.process.err()


def test_more_than_max_requests_are_told(fleet):
    f = fleet(1, 1, with_redis=False, http={"max_requests": 3})
    f.region("us-east").fault(hang=True)
    held = [f.router.connect() for _ in range(3)]
    for c in held:
        c.send_request("POST", PATH, json=chat_body())
    f.region("us-east").wait_active(3)
    a = f.router.chat()
    check_error(a, 503, "overloaded")
    assert int(a.headers["retry-after"]) >= 1
    for c in held:
        c.close()
    f.region("us-east").wait_ended("client_gone", 3)
    f.region("us-east").heal()
    wait_for(lambda: f.router.chat().status == 200, what="room for a request")


def test_pipelined_requests_are_answered_in_order(fleet):
    f = fleet(2, 1, with_redis=False)
    f.region("us-east").fault(delay_head_ms=20, times=3)
    with f.router.connect() as c:
        for i in range(20):
            c.send_request("POST", PATH, json=chat_body(f"n{i}", stream=i % 2 == 0))
        c.send_request("GET", "/v1/models")
        for i in range(20):
            assert c.read_response().content() == f"Hello from us-east: n{i}"
        assert c.read_response().status == 200
    wait_for(lambda: f.region("us-east").counts()["active"] == 0, what="the last chunks")


# -- no clients at all -----------------------------------------------------------


@pytest.mark.parametrize("raw, status", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400), (b"\x00" * 100, 400), (b"GET\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), (b"*1\r\n$4\r\nPING\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
     b"Content-Length: 4\r\n\r\n", 400),
    (b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
     b"Content-Length: 5\r\n\r\n", 400),
    (b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n"
     b"\r\n", 501),
    (b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: a.localhost\r\n"
     b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: " + b"y" * 40_000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: y\r\n" * 101 + b"\r\n", 431),
], ids=lambda v: repr(v[:28]) if isinstance(v, bytes) else str(v))
def test_garbage_is_refused_and_nobody_else_notices(fleet, raw, status):
    f = fleet(1, 1, with_redis=False)
    with f.router.connect() as good:
        assert good.request("POST", PATH, json=chat_body("one")).status == 200
        with f.router.connect() as c:
            c.send(raw)
            check_error(c.read_response(), status)
            c.half_close()
            assert c.read_all() == b""
        assert good.request("POST", PATH, json=chat_body("two")).status == 200
    assert f.region("us-east").attempts() == 2


def test_deadlines_for_heads_bodies_and_idleness(fleet):
    f = fleet(1, 1, with_redis=False, http={"header_timeout": "1500ms", "body_timeout": "1500ms",
                                            "idle_timeout": "1500ms"})
    with f.router.connect() as head, f.router.connect() as body, f.router.connect() as idle:
        head.send("GET / HTTP/1.1\r\nHost:")
        body.send(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Content-Length: 100\r\n\r\n{")
        assert idle.request("GET", "/v1/models").status == 200
        check_error(head.read_response(), 408)
        check_error(body.read_response(), 408)
        assert idle.read_all() == b""
    assert f.region("us-east").attempts() == 0


# -- wrong requests ------------------------------------------------------------------


@pytest.mark.parametrize("body, param", [
    ("{", None), ("", None), ("[]", None), ('{"model": 7, "messages": []}', "model"),
    ('{"messages": []}', "model"), ('{"model": "m"}', "messages"),
    ('{"model": "m", "messages": {}}', "messages"), ('{"model": "m", "messages": []} x', None),
    ('{"model": "m", "model": "n", "messages": []}', None),
    ('{"model": "m", "messages": ' + "[" * 100 + "]" * 100 + "}", None),
    ('{"model": "m", "messages": [], "stream": "yes"}', "stream"),
    (b'{"model": "m\xff", "messages": []}', None),
], ids=lambda v: repr(v)[:40])
def test_bad_bodies(fleet, body, param):
    f = fleet(1, 1, with_redis=False)
    with f.router.connect() as c:
        a = c.request("POST", PATH, body=body, headers={"Content-Type": "application/json"})
        error = check_error(a, 400)
        assert error["type"] == "invalid_request_error"
        assert param is None or error["param"] == param
        assert c.request("GET", "/v1/models").status == 200  # the connection is fine
    assert f.region("us-east").attempts() == 0


def test_wrong_paths_methods_and_types(fleet):
    f = fleet(1, 1, models={"gpt-4.1": {"targets": [{"region": "us-east"}]}}, with_redis=False)
    with f.router.connect() as c:
        check_error(c.request("GET", "/v2/nothing"), 404, "unknown_path")
    with f.router.connect() as c:
        a = c.request("GET", PATH)
        check_error(a, 405, "method_not_allowed")
        assert "POST" in a.headers["allow"]
    with f.router.connect() as c:
        a = c.request("POST", PATH, body="a=b",
                      headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert "application/json" in check_error(a, 415)["message"]
    with f.router.connect() as c:
        a = c.request("POST", PATH, body=json.dumps(chat_body()))
        assert "application/json" in check_error(a, 415)["message"]
    error = check_error(f.router.chat(model="gpt-9"), 404, "model_not_found")
    assert "gpt-9" in error["message"] and error["param"] == "model"
    assert f.region("us-east").attempts() == 0


def test_body_limits(fleet):
    f = fleet(1, 1, with_redis=False, http={"max_body_bytes": "64KiB"})

    def padded(size):
        body = json.dumps(chat_body("x"))
        return body[:-1] + " " * (size - len(body)) + "}"
    for size, status in ((65535, 200), (65536, 200), (65537, 413)):
        with f.router.connect() as c:
            a = c.request("POST", PATH, body=padded(size),
                          headers={"Content-Type": "application/json"})
            assert a.status == status
        with f.router.connect() as c:
            c.send_request("POST", PATH, headers={"Transfer-Encoding": "chunked",
                                                  "Content-Type": "application/json"})
            text = padded(size)
            c.send(f"{size:x}\r\n{text}\r\n0\r\n\r\n")
            a = c.read_response()
            assert a.status == status
    check_error(a, 413, "request_too_large")
    assert f.region("us-east").attempts() == 4


# -- curl, Expect ---------------------------------------------------------------------


def curl(router, path, *args):
    out = subprocess.run(["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code} %{size_upload}",
                          "--noproxy", "*", *args, router.url + path],
                         capture_output=True, text=True, timeout=90)
    assert out.returncode == 0, out.stderr
    body, _, numbers = out.stdout.rpartition("\n")
    status, sent = numbers.split()
    return int(status), int(sent), body


def test_curl_expects_100_continue(fleet, folder):
    f = fleet(1, 1, with_redis=False)
    path = folder / "body.json"
    path.write_text(json.dumps(chat_body("x" * (2 * MIB))))
    status, sent, body = curl(f.router, PATH, "-H", "Content-Type: application/json",
                              "-H", "Expect: 100-continue", "--data-binary", f"@{path}")
    assert status == 200 and sent == path.stat().st_size
    [seen] = f.region("us-east").log()
    assert seen["body_bytes"] == sent and "expect" not in seen.headers
    assert json.loads(body)["object"] == "chat.completion"


def test_curl_does_not_send_what_is_too_large(fleet, folder):
    f = fleet(1, 1, with_redis=False, http={"max_body_bytes": "1MiB"})
    path = folder / "body.json"
    path.write_text(json.dumps(chat_body("x" * (2 * MIB))))
    status, sent, body = curl(f.router, PATH, "-H", "Content-Type: application/json",
                              "-H", "Expect: 100-continue", "--expect100-timeout", "60",
                              "--data-binary", f"@{path}")
    assert status == 413 and sent == 0
    assert json.loads(body)["error"]["code"] == "request_too_large"


def test_expect_by_hand(fleet):
    f = fleet(1, 1, with_redis=False)
    body = json.dumps(chat_body("later"))
    with f.router.connect() as c:
        c.send_request("POST", PATH, headers={"Expect": "100-continue",
                                              "Content-Type": "application/json",
                                              "Content-Length": str(len(body))})
        assert c.read_head().status == 100
        c.send(body)
        assert c.read_response().content() == "Hello from us-east: later"
    with f.router.connect() as c:
        c.send_request("POST", PATH, headers={"Expect": "the moon", "Content-Length": "1"})
        check_error(c.read_response(), 417)


def test_connections_without_a_byte_leave_nothing(fleet):
    """Connections that come and go without a byte."""
    f = fleet(1, 1, with_redis=False)
    for i in range(200):
        c = Connection(f.router.port)
        c.reset() if i % 2 else c.close()
    assert f.router.chat().status == 200
    wait_for(lambda: f.router.metrics()["sluice_client_connections"] == 0,
             what="all of them to be gone")
