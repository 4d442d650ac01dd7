"""Several workers behind one port: each serves, and one that dies is replaced."""

import os
import signal

from sluice.load import Load
from sluice.client import Connection
from sluice.proc import is_gone, wait_for

OK = 'sluice_requests_total{result="ok"}'


def test_all_serve_and_metrics_add_up(fleet):
    f = fleet(1, 1, workers=2)
    r = f.router
    assert len(r.workers()) == 2
    seen, n = set(), 0

    def both():
        nonlocal n
        assert r.chat().status == 200
        n += 1
        seen.add(r.state()["router"])  # the private port is shared as well
        return len(seen) == 2 and n >= 40
    wait_for(both, what="both workers to be met")
    assert r.metrics()[OK] == n and f.region("us-east").attempts() == n
    conns = {a["conn"] for a in f.region("us-east").log()}
    assert len(conns) >= 2  # each worker has a pool of its own
    attached = [k for k in r.metrics() if k.startswith("sluice_store_attached")]
    assert attached == ['sluice_store_attached{worker="0"}', 'sluice_store_attached{worker="1"}']


def test_each_worker_is_a_router_of_the_fleet(fleet):
    f = fleet(2, 2, workers=2)
    routers = f.admin.json("routers")["routers"]
    assert len(routers) == 4
    assert {int(r["pid"]) for r in routers} == {p for r in f.routers for p in r.workers()}
    assert f.admin.json("region", "down", "us-east", "--wait")["acknowledged"] == 4
    for _ in range(20):
        for r in f.routers:
            assert r.chat().headers["x-sluice-region"] == "eu-west"


def test_a_killed_worker_is_replaced(fleet):
    f = fleet(1, 1, workers=2)
    r = f.router
    before = r.workers()
    dead = r.kill_worker()
    wait_for(lambda: len(r.workers()) == 2 and dead not in r.workers(), what="a new worker")
    assert set(r.workers()) & set(before) == set(before) - {dead}
    for _ in range(20):
        assert r.chat().status == 200
    assert f"pid={dead}" in r.process.err() and "worker died" in r.process.err()
    wait_for(r.is_attached, what="the new worker to attach")


def test_a_successor_comes_at_once_and_waits_after_repeated_quick_deaths(fleet):
    f = fleet(1, 1, workers=1)
    r = f.router
    for _ in range(3):
        dead = r.kill_worker()
        wait_for(lambda: r.workers() not in ([dead], [r.process.pid]), what="a new worker")
        assert r.chat().status == 200
    waits = [line.rsplit("=", 1)[1] for line in r.process.err().splitlines()
             if "worker died" in line]
    assert waits == ["0", "100", "200"]


def test_a_worker_told_to_stop_leaves_its_socket_to_the_next(fleet):
    """SIGTERM to one worker by hand: its place is filled, and the port goes on."""
    f = fleet(1, 1, workers=1)
    r = f.router
    gone = r.kill_worker(signal.SIGTERM)
    wait_for(lambda: len(r.workers()) == 1 and gone not in r.workers(), what="a new worker")
    for _ in range(5):
        assert r.chat().status == 200


def test_connections_waiting_for_a_dead_worker_are_served(fleet):
    """They wait in the socket, which is the supervisor's."""
    f = fleet(1, 1, workers=1)
    r = f.router
    [pid] = r.workers()
    os.kill(pid, signal.SIGSTOP)
    waiting = [Connection(r.port) for _ in range(20)]
    for c in waiting:
        c.send_request("GET", "/v1/models")
    os.kill(pid, signal.SIGKILL)
    for c in waiting:
        assert c.read_response().status == 200
        c.close()


def test_killed_again_and_again_under_traffic(fleet):
    """Only requests a dying worker holds are lost; a new connection is never refused."""
    f = fleet(1, 1, workers=2)
    r = f.router
    with Load(r, threads=4) as load:
        for _ in range(3):
            load.more(20)
            dead = r.kill_worker()
            wait_for(lambda: len(r.workers()) == 2 and dead not in r.workers(),
                     what="a new worker")
        load.more(20)
    assert len(load.failures) <= 3 * 4  # per kill at most one per thread
    assert not any("Refused" in why for _, why in load.failures), load.failures
    for _ in range(20):
        assert r.chat().status == 200


def test_workers_never_outlive_their_supervisor(fleet):
    f = fleet(1, 1, workers=2)
    pids = f.router.workers()
    f.router.process.kill()
    wait_for(lambda: all(map(is_gone, pids)), what="the workers to end")
