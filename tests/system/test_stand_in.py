"""A worker that dies, hangs or is full holds up nobody but who was with it: its siblings take its
clients.  SLUICE_KILLS=200 for more deaths than a commit is worth."""

import os
import random
import signal

from sluice.load import Load
from sluice.proc import wait_for

KILLS = int(os.environ.get("SLUICE_KILLS", "30"))
STALL_S = 1.0  # clients of a dead worker would wait for its back-off, up to 5 s


def served(router, n=40):
    """Each on a connection of its own, which any worker's socket may get."""
    for _ in range(n):
        assert router.chat().status == 200


def test_siblings_take_a_dead_worker_s_clients(fleet):
    """Its supervisor sleeps, so nobody replaces it and nobody says a word."""
    f = fleet(1, 1, workers=2)
    f.router.process.signal(signal.SIGSTOP)
    f.router.kill_worker()
    served(f.router)


def test_siblings_take_a_hung_worker_s_clients(fleet):
    f = fleet(1, 1, workers=3)
    r = f.router
    hung = r.kill_worker(signal.SIGSTOP)
    served(r)
    wait_for(lambda: "worker takes no clients" in r.process.err(), what="it to be said")
    os.kill(hung, signal.SIGCONT)
    wait_for(lambda: "worker takes clients again" in r.process.err(), what="that as well")
    served(r)
    assert hung in r.workers() and "worker died" not in r.process.err()


def test_siblings_take_a_full_worker_s_clients(fleet):
    """However the kernel spreads them: all that the group has room for are served."""
    f = fleet(1, 1, workers=3, http={"max_connections": 8})
    clients = [f.router.connect() for _ in range(3 * 8)]
    for c in clients:
        assert c.request("GET", "/v1/models").status == 200
    for c in clients:
        c.close()


def test_siblings_take_what_a_stopping_worker_leaves(fleet):
    """SIGTERM to one worker by hand: it drains for as long as its stream runs."""
    f = fleet(1, 1, workers=2)
    r = f.router
    f.region("us-east").fault(hold_at_event=5, events=10)
    s = r.stream()
    assert s.next()
    for pid in r.workers():
        if r.process.err().count("draining connections=1") == 0:
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: pid not in r.workers() or "draining connections=1" in r.process.err(),
                     what="it to drain")
    served(r)
    f.region("us-east").go()
    assert s.rest()[-1] == "[DONE]"


def test_all_workers_may_die_at_once(fleet):
    f = fleet(1, 1, workers=3)
    r = f.router
    for _ in range(4):  # quick deaths, so that back-offs grow
        before = wait_for(lambda: r.workers() != [r.process.pid] and r.workers(), what="a worker")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        served(r, 5)


def test_killed_workers_stall_nobody_else(fleet):
    f = fleet(1, 1, workers=3)
    r = f.router
    with Load(r, threads=6) as load:
        for _ in range(KILLS):
            load.more(20)
            victim = random.choice(r.workers())
            if victim != r.process.pid:
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda: victim not in r.workers(), what="its end")
        load.more(100)
    assert len(load.failures) <= 6 * KILLS  # what was in flight: at most one per thread
    assert not any("Refused" in why for _, why in load.failures), load.failures
    assert load.slowest_s < STALL_S, f"slowest {load.slowest_s:.3f} s"
