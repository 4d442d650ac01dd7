"""The HTTP library beneath the official Python clients."""

import json

import pytest

from sluice.client import chat_body

httpx = pytest.importorskip("httpx")

PATH = "/v1/chat/completions"


def client(router):
    return httpx.Client(base_url=router.url, timeout=30, trust_env=False)


def test_plain_and_kept_connections(fleet):
    f = fleet(1, 1, with_redis=False)
    with client(f.router) as c:
        for i in range(10):
            a = c.post(PATH, json=chat_body(f"n{i}"))
            assert a.status_code == 200
            assert a.json()["choices"][0]["message"]["content"] == f"Hello from us-east: n{i}"
    assert f.region("us-east").attempts() == 10


def test_stream(fleet):
    f = fleet(1, 1, with_redis=False)
    with client(f.router) as c, c.stream("POST", PATH, json=chat_body(stream=True)) as a:
        assert a.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in a.iter_lines() if line.strip()]
    assert lines[-1].strip() == "data: [DONE]"
    assert json.loads(lines[0].removeprefix("data: "))["object"] == "chat.completion.chunk"


def test_cut_stream_raises(fleet):
    f = fleet(1, 1, with_redis=False, stream={"recover": "off"})
    f.region("us-east").fault(cut_at_event=3)
    with client(f.router) as c, c.stream("POST", PATH, json=chat_body(stream=True)) as a:
        with pytest.raises(httpx.RemoteProtocolError):
            a.read()


def test_errors(fleet):
    f = fleet(1, 1, with_redis=False)
    f.region("us-east").fault(status=503)
    with client(f.router) as c:
        kind = {"Content-Type": "application/json"}
        assert c.post(PATH, content=b"{", headers=kind).status_code == 400
        a = c.post(PATH, json=chat_body())
        assert a.status_code == 503 and int(a.headers["retry-after"]) >= 1
        assert c.get("/v1/nothing").status_code == 404
