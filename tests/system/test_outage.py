"""All targets down under load: the outage is not made worse, and its end is noticed."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sluice.client import Connection, chat_body
from sluice.proc import wait_for

PATH = "/v1/chat/completions"
CONFIG = {"retry": {"num_retries": 3, "backoff": "1ms", "backoff_max": "5ms"},
          "breaker": {"recovery_timeout": "1s", "recovery_timeout_max": "2s"}}


class Clients:
    """Threads that ask all the time and count what they get."""

    def __init__(self, port, threads=8, pause_s=0.002):
        self.port, self.pause_s = port, pause_s
        self.status = {}
        self.last_failure = time.monotonic()
        self.lock, self.over = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()

    @property
    def n(self):
        with self.lock:
            return sum(self.status.values())

    def _run(self, i):
        while not self.over.is_set():
            with Connection(self.port) as c:
                while not self.over.is_set() and self._ask(c, i):
                    self.over.wait(self.pause_s)

    def _ask(self, c, i):
        """False when the router closes the connection behind its answer."""
        a = c.request("POST", PATH, json=chat_body(stream=i % 2 == 1))
        with self.lock:
            self.status[a.status] = self.status.get(a.status, 0) + 1
            if a.status != 200:
                self.last_failure = time.monotonic()
        return a.headers.get("connection", "").lower() != "close"

    def wait_served(self):
        """Until all are well: a hundred answers and a second behind the last failure."""
        n, failed = self.n, self.last_failure

        def served():
            nonlocal n, failed
            if self.last_failure != failed:
                n, failed = self.n, self.last_failure
            return self.n >= n + 100 and time.monotonic() - failed > 1
        wait_for(served, what="a second of success")


@pytest.mark.parametrize("fault, last_resort", [
    ({"status": 503}, "try"), ({"status": 503}, "off"), ({"status": 500}, "try"),
    ({"refuse": True}, "off"), ({"status": 429}, "try"),
], ids=["503", "503, no last resort", "500", "refused, no last resort", "429"])
def test_upstream_sees_hardly_more_than_was_asked(fleet, fault, last_resort):
    f = fleet(3, 1, with_redis=False, **{**CONFIG, "breaker": {**CONFIG["breaker"],
                                                              "last_resort": last_resort}})
    for r in f.regions:
        r.fault(**fault)
    with Clients(f.router.port) as clients:
        wait_for(lambda: clients.n >= 500, 60, "500 requests")
        for r in f.regions:
            r.heal()
        clients.wait_served()
    m = f.router.metrics()
    assert m["sluice_attempts_total"] <= 1.2 * clients.n + 1
    failed = 429 if fault.get("status") == 429 else 503  # what all say is what the client is told
    assert clients.status.get(failed, 0) > 0 and set(clients.status) <= {200, failed}


def test_without_breakers_the_budget_alone_holds(fleet):
    """Breakers that never open: every request is tried, and one in five once more."""
    f = fleet(3, 1, with_redis=False, retry={**CONFIG["retry"], "budget": 20},
              breaker={"failure_threshold": 1000, "failure_rate": 0})
    for r in f.regions:
        r.fault(status=503)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: f.router.chat().status, range(700)))
    assert set(answers) == {503}
    attempts = sum(f.attempts())
    assert attempts <= 700 * 1.2 + 100  # what a fresh router has saved
    m = f.router.metrics()
    assert m["sluice_retries_refused_total"] > 0
    before = attempts
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: f.router.chat().status, range(250)))
    assert sum(f.attempts()) - before <= 300


def test_service_returns_with_the_regions_and_not_with_their_open_time(fleet):
    """Open for minutes, and nothing else to go to."""
    f = fleet(2, 1, with_redis=False, retry=CONFIG["retry"], breaker={"recovery_timeout": "5m"})
    for r in f.regions:
        r.fault(status=503)
    with Clients(f.router.port) as clients:
        wait_for(lambda: f.router.breaker("us-east") == f.router.breaker("eu-west") == "open",
                 what="both to be open")
        wait_for(lambda: clients.n >= 300, 60, "300 requests")
        for r in f.regions:
            r.heal()
        clients.wait_served()
    assert f.router.breaker("us-east") == "open"


def test_a_fleet_notices_the_end_too(fleet):
    f = fleet(2, 3, **CONFIG)
    for r in f.regions:
        r.fault(status=503)
    for router in f.routers:
        for _ in range(10):
            assert router.chat().status == 503
    for r in f.regions:
        r.heal()
    for router in f.routers:
        wait_for(lambda: router.chat().status and router.breaker("us-east") == "closed",
                 what="the breaker to close")
    for router in f.routers:
        assert router.chat().headers["x-sluice-region"] == "us-east"
