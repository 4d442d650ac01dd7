"""Constant traffic from threads, while a test does something to the router behind it."""

import threading
import time

from .client import Connection, Cut, chat_body
from .proc import PATIENCE_S, wait_for


class Load:
    """with Load(router) as load: ...; load.check()

    Half of the threads keep their connection, half take a new one per request.  A connection
    that was used before and ends before a byte of an answer was idle when the server closed it;
    that race is HTTP's own (RFC 9112 section 9.6), so the request is sent again, once, on a new
    connection, as client libraries do.
    """

    def __init__(self, *routers, threads=2, pause_s=0.002):
        self.routers, self.pause_s = routers, pause_s
        self.served, self.stale = 0, 0
        self.slowest_s = 0.0
        self.failures, self.regions = [], []
        self.took = []  # (thread, when it was answered, seconds) of each request
        self.lock, self.over = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(routers[i % len(routers)], i),
                                         daemon=True)
                        for i in range(threads * len(routers))]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join(PATIENCE_S)

    def more(self, n=20):
        """Waits until n more requests were answered (or failed)."""
        want = self.served + len(self.failures) + n
        wait_for(lambda: self.served + len(self.failures) >= want, what=f"{n} more requests")

    def check(self):
        """Every request was answered, and none was left waiting.

        That none waits for something in particular is shown by more(), called while that
        something lasts: this bound is far above what a busy machine adds.
        """
        assert not self.failures, f"{len(self.failures)} of {self.served}: {self.failures[:3]}"
        assert self.served > 0
        assert self.slowest_s < PATIENCE_S / 3, f"slowest {self.slowest_s:.3f} s"

    def seconds(self, since=0.0):
        """What requests answered since then took, the fastest first."""
        with self.lock:
            return sorted(took for _, when, took in self.took if when >= since)

    def _run(self, router, i):
        keep = (i // len(self.routers)) % 2 == 0
        c = None
        while not self.over.is_set():
            began = time.monotonic()
            try:
                c, region = self._one(router, c, i)
                ended = time.monotonic()
                with self.lock:
                    self.served += 1
                    self.slowest_s = max(self.slowest_s, ended - began)
                    self.regions.append(region)
                    self.took.append((i, ended, ended - began))
            except Exception as error:  # whatever it was, the request failed
                self.failures.append((time.monotonic() - began, repr(error)))
                c = self._close(c)
            if not keep:
                c = self._close(c)
            self.over.wait(self.pause_s)
        self._close(c)

    def _one(self, router, c, i):
        body = chat_body(f"load {i}", stream=i % 4 >= 2)
        used = c is not None
        c = c or Connection(router.port)
        try:
            answer = c.request("POST", "/v1/chat/completions", json=body)
        except (Cut, ConnectionError):
            if not used or c.data:
                raise
            self.stale += 1
            c.close()
            c = Connection(router.port)
            answer = c.request("POST", "/v1/chat/completions", json=body)
        assert answer.status == 200 and f"load {i}" in answer.content(), answer
        if answer.headers.get("connection", "").lower() == "close":
            c = self._close(c)
        return c, answer.headers["x-sluice-region"]

    @staticmethod
    def _close(c):
        if c:
            c.close()
