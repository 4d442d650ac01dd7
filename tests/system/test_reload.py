"""SIGHUP: a good config takes over without a lost request, a bad one changes nothing."""

import json

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
