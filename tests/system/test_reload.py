"""SIGHUP: a good config takes over without a lost request, a bad one changes nothing."""

import json
import os
import signal
import socket
import threading

import pytest

from sluice.load import Load
from sluice.proc import wait_for
from sluice.router import region_entry


def reloads(router):
    return router.process.err().count("reloaded config=")


def drains(router):
    return router.process.err().count(" draining connections=")


def reload(router):
    """Until the new config serves, and nobody else takes connections."""
    before = reloads(router), drains(router)
    router.hup()
    wait_for(lambda: reloads(router) > before[0] and drains(router) > before[1],
             what="the new config")


def refused(router, n=1):
    """The last line that refuses a config, once there are n of them."""
    def look():
        lines = [l for l in router.process.err().splitlines() if "reload refused" in l]
        return len(lines) >= n and lines[-1]
    return wait_for(look, what="the reload to be refused")


def test_a_new_region_is_used_and_nothing_is_lost(fleet):
    f = fleet(2, 1)
    east, west = f.regions
    r = f.router
    with Load(r, threads=4, pause_s=0) as load:
        load.more(100)
        for i in range(4):
            r.write_config(regions=[region_entry(east, 1 + i % 2 * 2), region_entry(west, 2)])
            reload(r)
            wait_for(lambda: len(r.workers()) == 1, what="the old worker to leave")
            n = len(load.regions)
            load.more(60)
            assert set(load.regions[n + 10:]) == {["us-east", "eu-west"][i % 2]}
    load.check()
    assert r.chat().headers["x-sluice-region"] == "eu-west"
    assert not any("worker died" in l for l in r.process.err().splitlines())


def test_a_stream_under_way_goes_on_with_the_old_config(fleet):
    f = fleet(2, 1)
    f.region("us-east").fault(hold_at_event=30, events=60)
    s = f.router.stream()
    assert s.next()
    f.router.write_config(regions=[region_entry(f.region("eu-west"), 1)])
    reload(f.router)
    assert f.router.chat().headers["x-sluice-region"] == "eu-west"
    assert f.router.admin("/readyz").json()["regions"] == 1
    assert len(f.router.workers()) == 2  # the old one, for the stream alone
    f.region("us-east").go()
    assert s.rest()[-1] == "[DONE]"
    wait_for(lambda: len(f.router.workers()) == 1, what="the old worker to leave")


@pytest.mark.parametrize("change, words", [
    ({"breaker": {"failure_threshold": 0}}, ["breaker.failure_threshold", "1..1000"]),
    ({"drain_timeout": "soon"}, ["drain_timeout"]),
    ({"retry": {"num_retrys": 2}}, ["num_retrys", "num_retries"]),
    ({"regions": []}, ["regions"]),
    ({"workers": 3}, ["workers"]),
    ({"admin_listen": "127.0.0.1:1"}, ["admin_listen"]),
    ({"listen": "127.0.0.1:1"}, ["listen"]),
], ids=lambda v: str(v)[:30])
def test_a_bad_config_changes_nothing(fleet, change, words):
    f = fleet(1, 1, with_redis=False)
    r = f.router
    pids = r.workers()
    config = json.loads(r.path.read_text())
    r.path.write_text(json.dumps({**config, **change}))
    r.hup()
    line = refused(r)
    assert all(w in line for w in words), line
    assert r.chat().status == 200 and r.workers() == pids and reloads(r) == 0


def test_no_config_at_all_changes_nothing(fleet):
    f = fleet(1, 1, with_redis=False)
    r = f.router
    pids = r.workers()
    r.path.write_text("{")
    r.hup()
    refused(r, 1)
    r.path.unlink()
    r.hup()
    assert str(r.path) in refused(r, 2)
    assert r.chat().status == 200 and r.workers() == pids
    r.write_config(drain_timeout="7s")
    reload(r)
    assert r.chat().status == 200 and r.workers() != pids


@pytest.fixture
def slow_reload(fleet):
    """A router whose new worker waits for a Redis that says nothing, beside the old one."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        r = fleet(1, 1, with_redis=False).router
        [old] = r.workers()
        r.write_config(redis={"url": f"redis://127.0.0.1:{silent.getsockname()[1]}",
                              "start_wait": "5s"})
        r.hup()
        wait_for(lambda: len(r.workers()) == 2, what="a new worker to start")
        yield r, old


def test_a_worker_that_dies_while_others_start_is_replaced(slow_reload):
    r, old = slow_reload
    os.kill(old, signal.SIGKILL)
    assert r.chat().status == 200
    assert reloads(r) == 0, "nobody waited for the new config"
    wait_for(lambda: reloads(r) == 1, what="the new config")
    assert r.chat().status == 200


def test_a_worker_that_dies_while_it_starts_refuses_the_reload(slow_reload):
    r, old = slow_reload
    [starting] = set(r.workers()) - {old}
    os.kill(starting, signal.SIGKILL)
    assert "signal 9" in refused(r)
    assert r.chat().status == 200 and r.workers() == [old]


def test_a_stop_ends_a_reload_under_way(slow_reload):
    r, old = slow_reload
    r.term()
    assert r.process.wait_end() == 0
    assert reloads(r) == 0


def test_fleet_state_outlives_a_reload(fleet):
    f = fleet(2, 1)
    assert f.admin("region", "down", "us-east", "--wait").rc == 0
    f.router.write_config(drain_timeout="7s")
    reload(f.router)
    wait_for(f.router.is_attached, what="the new worker to attach")
    assert f.router.chat().headers["x-sluice-region"] == "eu-west"


def test_the_log_level_follows(fleet):
    f = fleet(1, 1, log={"level": "error"})
    r = f.router
    assert r.process.err() == ""
    r.write_config(log={"level": "info"})
    r.hup()
    wait_for(lambda: "worker ready" in r.process.err() and reloads(r) == 1, what="the log to begin")
    wait_for(lambda: len(r.workers()) == 1, what="the old worker to leave")
    [pid] = r.workers()
    r.write_config(log={"level": "error"})
    r.hup()
    wait_for(lambda: r.workers() != [pid] and len(r.workers()) == 1, what="another worker")
    assert reloads(r) == 1 and r.process.err().count("worker ready") == 1


# ---- what was counted stays counted ----

def attempts(router, region, outcome="ok"):
    return router.metrics().get(
        f'sluice_region_attempts_total{{region="{region}",outcome="{outcome}"}}')


def of_region(router, what, region):
    return router.metrics().get(f'sluice_region_{what}{{region="{region}"}}')


def test_counters_outlive_a_reload(fleet):
    f = fleet(1, 1, with_redis=False)
    r = f.router
    tokens = sum(r.chat("one two three").json()["usage"]["prompt_tokens"] for _ in range(5))
    for n in range(1, 4):
        r.write_config(drain_timeout=f"{n}s")
        reload(r)
        wait_for(lambda: len(r.workers()) == 1, what="the old worker to leave")
        m = r.metrics()
        assert m['sluice_requests_total{result="ok"}'] == m["sluice_attempts_total"] == 5
        assert m["sluice_request_seconds_count"] == 5
        assert attempts(r, "us-east") == 5
        assert of_region(r, "prompt_tokens_total", "us-east") == tokens
        assert m["sluice_requests_in_flight"] == 0
    r.chat()
    assert attempts(r, "us-east") == 6


def test_a_stream_that_outlives_a_reload_is_counted(fleet):
    f = fleet(1, 1, with_redis=False)
    r = f.router
    f.region("us-east").fault(hold_at_event=5, events=10)
    s = r.stream(stream_options={"include_usage": True})
    assert s.next()
    r.write_config(drain_timeout="20s")
    reload(r)
    assert of_region(r, "in_flight", "us-east") == 1 and attempts(r, "us-east") == 0
    f.region("us-east").go()
    assert s.rest()[-1] == "[DONE]"
    wait_for(lambda: attempts(r, "us-east") == 1, what="the stream to be counted")
    wait_for(lambda: len(r.workers()) == 1, what="the old worker to leave")
    m = r.metrics()
    assert m['sluice_requests_total{result="ok"}'] == m["sluice_attempts_total"] == 1
    assert m['sluice_region_completion_tokens_total{region="us-east"}'] > 0
    assert of_region(r, "in_flight", "us-east") == 0


def test_regions_come_and_go(fleet):
    f = fleet(2, 1, with_redis=False)
    east, west = f.regions
    r = f.router
    r.write_config(regions=[region_entry(east, 1)])
    reload(r)
    wait_for(lambda: len(r.workers()) == 1, what="the old worker to leave")
    assert attempts(r, "eu-west") is None
    east.fault(hold_at_event=5, events=10)
    s = r.stream()
    assert s.next()
    r.write_config(regions=[region_entry(west, 1)])
    reload(r)
    assert attempts(r, "eu-west") == 0 and of_region(r, "health", "eu-west") == 100
    assert of_region(r, "in_flight", "us-east") == 1  # its last stream runs
    r.chat()
    east.go()
    assert s.rest()[-1] == "[DONE]"
    wait_for(lambda: len(r.workers()) == 1, what="the old worker to leave")
    wait_for(lambda: attempts(r, "us-east") is None, what="the series to end")
    m = r.metrics()
    assert attempts(r, "eu-west") == 1 and m["sluice_attempts_total"] == 2
    assert not any("us-east" in name for name in m)


class Watch(threading.Thread):
    """Reads /metrics all the time and notes every counter that went down or vanished."""

    def __init__(self, router):
        super().__init__(daemon=True)
        self.router, self.wrong, self.reads, self.enough = router, [], 0, threading.Event()

    @staticmethod
    def counts(name):
        return name.split("{")[0].endswith(("_total", "_bucket", "_count", "_sum"))

    def run(self):
        last = {}
        while not self.enough.is_set():
            try:
                now = self.router.metrics()
            except OSError:  # the worker that was asked retired, or was killed
                continue
            self.wrong += [(k, v, now.get(k)) for k, v in last.items() if now.get(k, -1) < v]
            last = {k: v for k, v in now.items() if self.counts(k)}
            self.reads += 1


def test_counters_never_go_down(fleet):
    f = fleet(2, 1, workers=2)
    r = f.router
    watch = Watch(r)
    with Load(r, threads=4, pause_s=0) as load:
        load.more(50)
        watch.start()
        for i in range(3):
            r.write_config(drain_timeout=f"{5 + i}s")
            reload(r)
            load.more(50)
            wait_for(lambda: len(r.workers()) == 2, what="the old workers to leave")
        before = r.metrics()["sluice_attempts_total"]
        os.kill(r.workers()[0], signal.SIGKILL)
        wait_for(lambda: "worker died" in r.process.err(), what="the death to be seen")
        wait_for(lambda: len(r.workers()) == 2, what="another worker")
        load.more(50)
    watch.enough.set()
    watch.join(30)
    assert not watch.is_alive() and watch.reads > 20
    assert watch.wrong == []
    wait_for(lambda: r.metrics()["sluice_requests_in_flight"] == 0, what="quiet")
    assert r.metrics()["sluice_attempts_total"] > before
