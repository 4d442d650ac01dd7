"""What a vendor streams arrives byte for byte, however it is written and however it is split."""

import pytest

from sluice.client import chat_body

PATH = "/v1/chat/completions"
TEXT = "naïve — 日本語 🙂 é\u2028x"


def raw(port_of, text=TEXT, **more):
    with port_of.connect() as c:
        a = c.request("POST", PATH, json=chat_body(text, stream=True, **more))
    assert a.status == 200 and a.complete
    return a.body


def of(region, body, **more):
    """A whole stream written by hand: the region sends these bytes as the body of a 200."""
    region.fault(status=200, body=body, headers={"Content-Type": "text/event-stream"}, **more)


def chunk(content=None, finish=None):
    said = "null" if finish is None else f'"{finish}"'
    delta = "{}" if content is None else '{"content":"' + content + '"}'
    return ('{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
            '[{"index":0,"delta":' + delta + ',"finish_reason":' + said + '}]}')


@pytest.mark.parametrize("line_end", ["lf", "crlf", "cr"])
def test_line_ends(fleet, line_end):
    f = fleet(1, 1, with_redis=False)
    east = f.region("us-east")
    east.fault(line_end=line_end)
    through = raw(f.router)
    end = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}[line_end]
    assert through.count(end + end) == east.log()[-1]["events"]
    assert through.endswith(b"data: [DONE]" + end + end)
    other = {"lf": b"\r", "crlf": b"\n\n", "cr": b"\n"}[line_end]
    assert other not in through


WRITTEN = {
    "plain": f"data: {chunk('a')}\n\ndata: {chunk(None, 'stop')}\n\ndata: [DONE]\n\n",
    "no space": f"data:{chunk('a')}\n\ndata:{chunk(None, 'stop')}\n\ndata:[DONE]\n\n",
    "comments": f": hello\n\n: ping\ndata: {chunk('a')}\n\n:\n\ndata: {chunk(None, 'stop')}\n\n"
                ": bye\n\ndata: [DONE]\n\n",
    "names and ids": f"event: x\nid: 7\nretry: 10\ndata: {chunk('a')}\n\n"
                     f"event: y\ndata: {chunk(None, 'stop')}\n\ndata: [DONE]\n\n",
    "many lines": "data: " + chunk('a').replace(',"', ',\ndata: "') + "\n\n"
                  "data: " + chunk(None, 'stop').replace(',"', ',\ndata: "') + "\n\n"
                  "data: [DONE]\n\n",
    "bom": f"\ufeffdata: {chunk('a')}\n\ndata: {chunk(None, 'stop')}\n\ndata: [DONE]\n\n",
    "more blank lines": f"\n\n\ndata: {chunk('a')}\n\n\n\ndata: {chunk(None, 'stop')}\n\n\n"
                        "data: [DONE]\n\n",
    "mixed ends": f"data: {chunk('a')}\r\n\ndata: {chunk('b')}\r\r"
                  f"data: {chunk(None, 'stop')}\n\r\ndata: [DONE]\n\n",
    "text": f"data: {chunk(TEXT)}\n\ndata: {chunk(None, 'stop')}\n\ndata: [DONE]\n\n",
    "escapes": f"data: {chunk(chr(92) + 'u00e9' + chr(92) + 'n' + chr(92) + '/')}\n\n"
               f"data: {chunk(None, 'stop')}\n\ndata: [DONE]\n\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_written_in_any_way_split_anywhere(fleet, name):
    f = fleet(1, 1, with_redis=False)
    for split in ({}, {"split_bytes": 1}, {"split_bytes": 2}, {"split_bytes": 7}):
        of(f.region("us-east"), WRITTEN[name], **split)
        assert raw(f.router) == WRITTEN[name].encode(), split


@pytest.mark.parametrize("line_end", ["lf", "crlf", "cr"])
def test_utf8_and_events_split_at_any_byte(fleet, line_end):
    f = fleet(1, 1, with_redis=False)
    end = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}[line_end]
    for split in (1, 2, 3, 5):
        f.region("us-east").fault(split_bytes=split, line_end=line_end)
        with f.router.connect() as c:
            a = c.request("POST", PATH, json=chat_body(TEXT, stream=True))
        assert a.complete and a.content() == f"Hello from us-east: {TEXT}"
        assert a.events()[-1] == "[DONE]" and a.body.endswith(b"[DONE]" + end + end)


def test_a_complete_stream_without_done_is_finished_at_once(fleet):
    """Its vendor keeps the connection open and says nothing more; usage is passed on."""
    f = fleet(1, 1, with_redis=False, timeouts={"idle": "10m"})
    usage = '{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],' \
            '"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'
    body = f"data: {chunk('a')}\n\ndata: {chunk(None, 'stop')}\n\ndata: {usage}\n\n"
    of(f.region("us-east"), body)
    got = raw(f.router, stream_options={"include_usage": True})
    assert got == (body + "data: [DONE]\n\n").encode()
    m = f.router.metrics()
    assert m['sluice_region_completion_tokens_total{region="us-east"}'] == 1
    assert m['sluice_region_attempts_total{region="us-east",outcome="ok"}'] == 1


def test_a_vendor_that_does_not_hang_up_delays_nobody_for_long(fleet):
    f = fleet(1, 1, with_redis=False, timeouts={"idle": "1500ms"})
    events = len([e for e in f.router.chat("hi", stream=True).events()])
    f.region("us-east").fault(hang_at_event=events - 1)  # all but [DONE]
    a = f.router.chat("hi", stream=True)
    assert a.complete and a.content() == "Hello from us-east: hi" and a.events()[-1] == "[DONE]"
