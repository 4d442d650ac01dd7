"""http.memory: whatever clients hold in sum, a worker keeps its budget and serves the others."""

import os
import threading

import pytest

from sluice.client import chat_body, request
from sluice.proc import allow_descriptors, wait_for

PATH = "/v1/chat/completions"
MIB = 1 << 20
CLIENTS = int(os.environ.get("SLUICE_CLIENTS", "300"))
BUDGET = max(64, CLIENTS // 40) * MIB  # the least there is; a first page for each of very many
HEAD = (f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n")


def memory_of_machine():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class Watch:
    """The most memory that the worker has had meanwhile."""

    def __init__(self, f):
        self.f, [self.pid], self.most = f, f.router.workers(), 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, self.f.router.process.rss_bytes(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def check(self, held=0.6):
        """held: the least part of the budget that was held, or nothing was tried."""
        assert BUDGET * held < self.most < BUDGET * 1.1, f"{self.most / MIB:.0f} MiB"
        assert self.f.router.workers() == [self.pid]


def served(f):
    """An honest client, which returns when it is told to, is served soon."""
    def ask():
        a = f.router.chat("hi")
        assert a.status == 200 or (a.status == 503 and a.headers["retry-after"] == "1" and
                                   a.headers["x-sluice-error"] == "overloaded"), a
        return a.status == 200
    wait_for(ask, seconds=10, what="an honest client to be served")


def small(fleet, **http):
    return fleet(1, 1, with_redis=False, http={"memory": f"{BUDGET // MIB}MiB", **http})


def held_bytes(f):
    return f.router.metrics()["sluice_memory_held_bytes"]


def shed(f):
    return f.router.metrics()["sluice_clients_shed_total"]


def pour(connections, data):
    """As much of data as each connection takes."""
    for c in connections:
        try:
            c.sock.settimeout(2)
            c.sock.sendall(data)
        except OSError:
            pass  # refused, or given up: what is wanted


def test_bodies_that_never_end(fleet):
    """Each sends 7 of 8 MiB and then nothing."""
    f = small(fleet)
    with Watch(f) as watch:
        held = [f.router.connect() for _ in range(40)]
        pour(held, HEAD.format(8 * MIB).encode() + b"[")
        pour(held, b"[" * (7 * MIB))
        served(f)
        for c in held:
            c.close()
    watch.check()
    wait_for(lambda: held_bytes(f) < BUDGET / 2,
             what="the memory to be given back")


def test_those_who_do_not_move_make_room(fleet):
    """None of them wants more, and there is no room for anybody else."""
    f = small(fleet)
    with Watch(f) as watch:
        holders = [f.router.connect() for _ in range(BUDGET // MIB + 20)]
        pour(holders, HEAD.format(8 * MIB).encode() + b"[")
        holding = 0
        while not shed(f) and holding < len(holders):
            was = held_bytes(f)
            pour(holders[holding:holding + 1], b"[" * (MIB - 20000))
            holding += 1
            wait_for(lambda: held_bytes(f) > was + MIB // 2 or shed(f), what="one more to be held")
            if held_bytes(f) > BUDGET * 15 // 16:  # what is left is for those who were let in
                wait_for(lambda: shed(f), what="some to be given up")
        assert 0 < shed(f) < holding / 2, "no more than it takes"
        served(f)
        for c in holders:
            c.close()
    watch.check()


def test_bodies_that_trickle(fleet):
    """Many of them, a little at a time: progress of a byte is none."""
    allow_descriptors(CLIENTS + 200)
    f = small(fleet)
    piece = b"[" * (4 * BUDGET // CLIENTS // 8)
    with Watch(f) as watch:
        held = [f.router.connect() for _ in range(CLIENTS)]
        pour(held, HEAD.format(8 * MIB).encode())
        for _ in range(8):
            pour(held, piece)
        served(f)
        for c in held:
            c.close()
    watch.check()


def test_heads_that_never_end(fleet):
    allow_descriptors(CLIENTS + 200)
    f = small(fleet)
    with Watch(f) as watch:
        held = [f.router.connect() for _ in range(CLIENTS)]
        pour(held, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n" + b"X-Long: " + b"a" * 30000)
        wait_for(lambda: held_bytes(f) > BUDGET * 0.2, what="the heads to be held")
        served(f)
        for c in held:
            c.close()
    watch.check(held=0.1)


def test_answers_that_nobody_reads(fleet):
    f = small(fleet)
    text = "x" * (6 * MIB)
    f.region("us-east").fault({"match": {"model": "large"}, "body":
                               '{"object":"chat.completion","choices":[{"index":0,"message":{"role":'
                               '"assistant","content":"%s"},"finish_reason":"stop"}]}' % text})
    with Watch(f) as watch:
        held = [f.router.connect(receive_buffer=4096) for _ in range(40)]
        for c in held:
            c.send_request("POST", PATH, json=chat_body(model="large"))
        wait_for(lambda: f.region("us-east").counts()["attempts"] >= 5, what="answers")
        served(f)
        wait_for(lambda: f.router.metrics()["sluice_requests_in_flight"] == 0, what="the answers")
        served(f)
        for c in held:
            c.close()
    watch.check()


def test_who_moves_is_not_given_up(fleet):
    """An upload that goes on while others hold all there is, and a body of the largest size."""
    f = small(fleet, max_body_bytes="32MiB")
    body = chat_body("x" * (20 * MIB))
    with Watch(f) as watch:
        held = [f.router.connect() for _ in range(20)]
        pour(held, HEAD.format(8 * MIB).encode() + b"[" * (7 * MIB))
        wait_for(lambda: held_bytes(f) < BUDGET,
                 what="the holders to be given up")
        # A 503 before all of it was sent is a reset for who goes on sending.
        a = wait_for(lambda: (a := request(f.router.port, "POST", PATH, json=body)).status == 200
                     and a, seconds=10, what="the large one to be served")
        assert a.content().startswith("Hello")
        for c in held:
            c.close()
    watch.check()


@pytest.mark.parametrize("memory,said", [("80MiB", 80 * MIB), (None, None)], ids=["set", "default"])
def test_the_budget_is_shown(fleet, memory, said):
    f = fleet(1, 1, with_redis=False, http={"memory": memory} if memory else {})
    assert f.router.chat().status == 200
    with f.router.connect():
        m = wait_for(lambda: (m := f.router.metrics())["sluice_memory_held_bytes"] > 0 and m,
                     what="the worker to say it")
    assert m["sluice_memory_budget_bytes"] == (said or m["sluice_memory_budget_bytes"])
    assert 64 * MIB <= m["sluice_memory_budget_bytes"] <= memory_of_machine() // 4
