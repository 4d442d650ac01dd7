"""The simulated region itself: every other system test trusts what it says and logs."""

import json
import time
import zlib

import pytest

from sluice.client import Connection, chat, chat_body, open_stream, request
from sluice.proc import allow_descriptors, wait_for

CHAT = "/v1/chat/completions"


@pytest.fixture
def r(region):
    return region("us-east")


# -- healthy ---------------------------------------------------------------


def test_plain_answer(r):
    a = chat(r.port, "how are you", model="gpt-4.1-eu")
    assert a.status == 200 and a.headers["x-region"] == "us-east"
    body = a.json()
    assert body["object"] == "chat.completion" and body["model"] == "gpt-4.1-eu"
    assert a.content() == "Hello from us-east: how are you"
    assert body["choices"][0]["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == 6


def test_stream_says_the_same_as_the_plain_answer(r):
    text = "a \"quoted\" line\nwith \\ and é"
    plain = chat(r.port, text)
    a = chat(r.port, text, stream=True, stream_options={"include_usage": True})
    assert a.headers["content-type"].startswith("text/event-stream")
    assert a.headers["transfer-encoding"] == "chunked"
    events = a.events()
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert a.content() == plain.content() == "Hello from us-east: " + text
    assert events[-3]["choices"][0]["finish_reason"] == "stop"
    assert events[-2]["choices"] == [] and events[-2]["usage"] == plain.json()["usage"]
    assert events[-1] == "[DONE]"


def test_no_usage_chunk_unless_asked_for(r):
    assert all("usage" not in e for e in chat(r.port, stream=True).events()[:-1])


def test_max_tokens_cuts(r):
    plain, streamed = chat(r.port, "x", max_tokens=2), chat(r.port, "x", max_tokens=2, stream=True)
    assert plain.content() == streamed.content() == "Hello from "
    assert plain.json()["choices"][0]["finish_reason"] == "length"
    assert streamed.events()[-2]["choices"][0]["finish_reason"] == "length"


def test_seeded_text_is_the_same_everywhere(region):
    one, two = region("us-east", text="s1"), region("eu-west", text="s1")
    other = region("ap-south", text="s2")
    said = chat(one.port, "q").content()
    assert len(said.split()) == 32
    assert chat(two.port, "q", model="another", stream=True).content() == said
    assert chat(other.port, "q").content() != said
    assert chat(one.port, "another question").content() != said


def test_other_endpoints(r):
    a = request(r.port, "POST", "/base/v1/completions", json={"model": "m", "prompt": "p q"})
    assert a.json()["object"] == "text_completion" and a.content() == "Hello from us-east: p q"
    a = request(r.port, "POST", "/v1/completions",
                json={"model": "m", "prompt": "p q", "stream": True})
    assert a.content() == "Hello from us-east: p q"
    a = request(r.port, "POST", "/v1/embeddings", json={"model": "m", "input": ["a", "b"]}).json()
    assert [len(d["embedding"]) for d in a["data"]] == [8, 8]
    a = request(r.port, "GET", "/v1/models?limit=5").json()
    assert [m["id"] for m in a["data"]] == ["gpt-4.1", "small"]
    assert request(r.port, "GET", "/v1/nothing").status == 404
    assert request(r.port, "GET", CHAT).status == 405


@pytest.mark.parametrize("body, words", [
    (b"", "parse"), (b"{", "parse"), (b"[]", "object"), (b"{}", "model"),
    (b'{"model":1,"messages":[]}', "model"), (b'{"model":"m"}', "messages"),
    (b'{"model":"m","messages":{}}', "array"), (b'{"model":"m","messages":[]}', "empty"),
    (b'{"model":"m","messages":[{}]}', "role"),
    (b'{"model":"m","messages":[{"role":"user"}],"max_tokens":0}', "max_tokens"),
])
def test_bad_bodies_are_400(r, body, words):
    a = request(r.port, "POST", CHAT, body=body)
    assert a.status == 400 and words in a.json()["error"]["message"]


def test_key(region):
    r = region(key="k1")
    for headers in [{"Authorization": "Bearer k1"}, {"x-api-key": "k1"}, {"api-key": "k1"}]:
        assert chat(r.port, headers=headers).status == 200
    for headers in [{}, {"Authorization": "Bearer k"}, {"Authorization": "k1"},
                    {"Authorization": "Bearer k12"}, {"x-api-key": ""}]:
        a = chat(r.port, headers=headers)
        assert a.status == 401 and a.json()["error"]["code"] == "invalid_api_key"


def test_any_split_of_the_request_gives_the_same_answer(r):
    body = json.dumps(chat_body())
    raw = f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    want = chat(r.port).content()
    with Connection(r.port) as c:
        for at in range(1, len(raw), 7):
            c.send(raw[:at])
            c.send(raw[at:])
            assert c.read_response().content() == want


def test_chunked_request_and_expect(r):
    body = json.dumps(chat_body("chunky"))
    with Connection(r.port) as c:
        c.send(f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(body), 10):
            c.send(f"{len(body[i:i + 10]):x}\r\n{body[i:i + 10]}\r\n")
        c.send("0\r\n\r\n")
        assert c.read_response().content() == "Hello from us-east: chunky"
        c.send(f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
               "Expect: 100-continue\r\n\r\n")
        assert c.read_head().status == 100
        c.send(body)
        assert c.read_response().status == 200
    assert [a.body for a in r.log()] == [body.encode()] * 2


def test_pipelined_requests_are_answered_in_order(r):
    with Connection(r.port) as c:
        for i in range(20):
            c.send_request("POST", CHAT, json=chat_body(f"n{i}", stream=i % 2 == 0))
        for i in range(20):
            assert c.read_response().content() == f"Hello from us-east: n{i}"


def test_http10_and_close(r):
    body = json.dumps(chat_body(stream=True))
    with Connection(r.port) as c:
        c.send(f"POST {CHAT} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        a = c.read_response()
        assert "transfer-encoding" not in a.headers and a.body.endswith(b"[DONE]\n\n")
        assert c.ended
    with Connection(r.port) as c:
        a = c.request("POST", CHAT, json=chat_body(), headers={"Connection": "close"})
        assert a.headers["connection"] == "close" and c.read_all() == b""


@pytest.mark.parametrize("raw", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"x" * 70_000,
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 129 + b"\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
], ids=lambda raw: str(raw[-24:]))
def test_rubbish_ends_the_connection_and_nothing_else(r, raw):
    with Connection(r.port) as c:
        c.send(raw)
        assert c.read_all() == b""
    assert chat(r.port).status == 200 and r.counts()["active"] == 0


# -- the journal -----------------------------------------------------------


def test_log_has_every_byte_that_matters(r):
    with Connection(r.port) as c:
        c.send_request("POST", CHAT + "?x=1", body=json.dumps(chat_body("né")),
                       headers=[("Authorization", "Bearer s"), ("X-Two", "1"), ("X-Two", "2")])
        c.read_response()
    [a] = r.log()
    assert (a["n"], a["method"], a["path"]) == (1, "POST", CHAT + "?x=1")
    assert a.headers["authorization"] == "Bearer s"
    assert [v for n, v in a["headers"] if n == "X-Two"] == ["1", "2"]
    assert a.json() == chat_body("né") and a.headers["content-length"] == str(len(a.body))
    assert (a["stream"], a["status"], a["ended"]) == (False, 200, "complete")


def test_bodies_come_back_byte_by_byte(r):
    body = bytes(range(256)) * 4
    request(r.port, "POST", CHAT, body=body)
    big = b"x" * 300_000
    request(r.port, "POST", CHAT, body=big)
    first, second = r.log()
    assert first.body == body
    assert second["body_bytes"] == len(big) and len(second.body) == 256 << 10
    assert second["body_crc32"] == zlib.crc32(big)


def test_counts_and_reset(r):
    chat(r.port)
    request(r.port, "GET", "/v1/models")
    want = {"attempts": 1, "checks": 1, "active": 0, "complete": 2, "client_gone": 0,
            "cut": 0, "reset": 0}
    assert r.counts() == want
    r.fault(status=500)
    r.reset()
    assert r.counts() == dict.fromkeys(want, 0) and r.log() == []
    assert chat(r.port).status == 200


def test_client_that_leaves_is_noticed(r):
    r.fault(endless=True, delay_event_ms=5)
    s = open_stream(r.port)
    for _ in range(5):
        assert s.next()
    assert r.counts()["active"] == 1
    s.close()
    r.wait_ended("client_gone")
    [a] = r.log()
    assert a["ended"] == "client_gone" and a["events"] >= 5 and a["stream"]


def test_client_that_leaves_a_hanging_region_is_noticed(r):
    r.fault(hang=True)
    with Connection(r.port) as c:
        c.send_request("POST", CHAT, json=chat_body())
        r.wait_active()
        assert c.is_silent(0.2)
        assert r.log()[0]["ended"] == "active"
        c.reset()
    r.wait_ended("client_gone")


def test_log_file(region, folder):
    r = region(log=folder / "attempts.jsonl")
    chat(r.port)
    chat(r.port, stream=True)

    def lines():
        return (folder / "attempts.jsonl").read_text().splitlines()
    wait_for(lambda: len(lines()) == 2, what="two lines")
    assert [json.loads(line)["stream"] for line in lines()] == [False, True]


# -- which requests a fault hits ---------------------------------------------


def statuses(r, n, **what):
    return [chat(r.port, **what).status for _ in range(n)]


def test_times_and_after(r):
    r.fault(status=503, times=2)
    assert statuses(r, 4) == [503, 503, 200, 200]
    r.fault(status=503, times=1, after=2)
    assert statuses(r, 4) == [200, 200, 503, 200]
    r.fault({"status": 500, "times": 1}, {"status": 429, "times": 1})
    assert statuses(r, 3) == [500, 429, 200]


def test_heals_by_itself_and_by_word(r):
    r.fault(status=503, for_ms=1500)
    assert chat(r.port).status == 503
    wait_for(lambda: chat(r.port).status == 200, what="the region to heal")
    r.fault(status=503)
    assert chat(r.port).status == 503
    r.heal()
    assert chat(r.port).status == 200


def test_match(r):
    r.fault(status=503, match={"model": "m2"})
    assert statuses(r, 1, model="m1") == [200] and statuses(r, 1, model="m2") == [503]
    r.fault(status=503, match={"path": "/models"})
    assert statuses(r, 1) == [200] and request(r.port, "GET", "/v1/models").status == 503


@pytest.mark.parametrize("fault", [
    b"", b"3", b"{", b'{"statsu":503}', b'{"status":99}', b'{"status":"503"}', b'{"hang":1}',
    b'{"reset":"often"}', b'{"match":{"color":"red"}}', b'[{"status":503},7]',
    b'{"split_bytes":0}', json.dumps([{}] * 17).encode(),
])
def test_faults_that_make_no_sense_are_refused(r, fault):
    r.fault(status=503)
    a = request(r.control, "POST", "/_region/fault", body=fault)
    assert a.status == 400 and a.json()["error"]["message"]
    assert chat(r.port).status == 503  # the one before still holds


# -- load -----------------------------------------------------------------------------


def test_many_streams_at_once(r):
    """4,000 streams open together; each has its first event."""
    n = 4000
    allow_descriptors(n + 200)
    r.fault(events=2, hang_at_event=1)
    connections = [Connection(r.port) for _ in range(n)]
    for c in connections:
        c.send_request("POST", CHAT, json=chat_body(stream=True))
    wait_for(lambda: r.counts()["active"] == n, what="every stream to be under way")
    assert r.process.rss_bytes() < n * 16384
    for c in connections:
        assert b"assistant" in c.read_until(b"\n\n")
        c.close()
    r.wait_ended("client_gone", n)


def test_a_reader_that_stops_does_not_make_it_grow(r):
    r.fault(endless=True, chunk_bytes=4096)
    c = Connection(r.port, receive_buffer=4096)
    c.send_request("POST", CHAT, json=chat_body(stream=True))
    c.read_head()

    def stalled():
        before = r.log()[0]["sent_bytes"]
        time.sleep(0.1)
        return before > 0 and r.log()[0]["sent_bytes"] == before
    wait_for(stalled, what="the region to wait for its reader")
    assert r.process.rss_bytes() < 64 << 20
    c.close()
    r.wait_ended("client_gone")


def test_ends_without_leaving_anything(r):
    r.fault(hang=True)
    with Connection(r.port) as c:
        c.send_request("POST", CHAT, json=chat_body())
        wait_for(lambda: r.counts()["active"] == 1)
        assert r.stop() == 0
        assert c.read_all() == b""
