"""One breaker for the whole fleet: trips together, is probed by few, closes together."""

import threading

from sluice.load import Load
from sluice.proc import wait_for

RETRY = {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"}


def breaker(**over):
    return {"failure_threshold": 3, "recovery_timeout": "500ms",
            "half_open_max_calls": 1, "success_threshold": 2,
            "recovery_ramp": "0s", **over}


def trip(f, router=None):
    """us-east fails until every router knows."""
    f.region("us-east").fault(status=503)
    router = router or f.routers[0]

    def known():
        assert router.chat("trip").status == 200
        return all(r.breaker("us-east") != "closed" for r in f.routers)
    wait_for(known, what="all routers to know that us-east is open")


def seen_from(region, word):
    return [a for a in region.log() if word in a.body.decode()]


def overlap(log):
    """Most attempts that ran at one moment, by the region's clock."""
    moments = [(a["mono_ms"], 1) for a in log] + [(a["mono_ms"] + a["ms"], -1) for a in log]
    most = now = 0
    for _, step in sorted(moments):  # an end before a start of the same millisecond
        now += step
        most = max(most, now)
    return most


def test_the_second_router_never_asks_the_dead_region(fleet):
    f = fleet(2, 2, retry=RETRY, breaker=breaker(recovery_timeout="60s"))
    first, second = f.routers
    trip(f, first)
    tripped = f.region("us-east").attempts()
    assert tripped >= 3
    for _ in range(20):
        a = second.chat("from the second")
        assert (a.headers["x-sluice-region"], a.headers["x-sluice-attempts"]) == ("eu-west", "1")
    assert f.region("us-east").attempts() == tripped
    assert second.metrics()['sluice_region_attempts_total{region="us-east",'
                            'outcome="server_error"}'] == 0


def test_failures_of_two_routers_add_up(fleet):
    f = fleet(2, 2, retry=RETRY, breaker=breaker(failure_threshold=6, recovery_timeout="60s"))
    f.region("us-east").fault(status=503)
    for _ in range(3):
        for r in f.routers:
            assert r.chat().status == 200
    for r in f.routers:
        wait_for(lambda r=r: r.breaker("us-east") == "open", what=f"{r.name} to know")
    assert f.region("us-east").attempts() == 6


def test_few_probes_at_once_in_the_fleet(fleet):
    f = fleet(2, 3, retry=RETRY, breaker=breaker(half_open_max_calls=2, success_threshold=1000))
    trip(f)
    east = f.region("us-east")
    east.reset()
    east.fault(delay_head_ms=60)
    with Load(*f.routers, threads=3) as load:
        wait_for(lambda: east.attempts() >= 8, 60, "eight probes")
    load.check()
    log = [a for a in east.log() if a["ended"] == "complete"]
    assert overlap(log) <= 2
    assert any(r.breaker("us-east") == "half-open" for r in f.routers)


def test_heals_for_all_at_once(fleet):
    f = fleet(2, 2, retry=RETRY, breaker=breaker())
    trip(f)
    f.region("us-east").heal()

    def closed():
        assert f.routers[0].chat("probe").status == 200
        return [r.breaker("us-east") for r in f.routers] == ["closed", "closed"]
    wait_for(closed, what="both routers to use us-east again")
    assert f.routers[1].chat().headers["x-sluice-region"] == "us-east"
    probe, reopen = ("probe", "open", "half-open"), ("reopen", "half-open", "open")
    story = f.admin.story("us-east")
    assert story[0] == ("trip", "closed", "open")
    assert story[-2:] == [probe, ("close", "half-open", "closed")]
    # A slow machine may have probed before it healed.
    assert story[1:-2] == [probe, reopen] * ((len(story) - 3) // 2)


def test_a_failed_probe_opens_again(fleet):
    f = fleet(2, 2, retry=RETRY, breaker=breaker(recovery_timeout="100ms",
                                                 recovery_timeout_max="200ms"))
    trip(f)
    east = f.region("us-east")
    east.reset()
    east.fault(status=503)
    with Load(*f.routers) as load:
        wait_for(lambda: east.attempts() >= 4, 60, "four failed probes")
    load.check()
    story = f.admin.story("us-east")
    assert story[:3] == [("trip", "closed", "open"), ("probe", "open", "half-open"),
                         ("reopen", "half-open", "open")]
    probes = [s for s in story if s[0] == "probe"]
    assert len(probes) >= 4
    assert east.attempts() <= len(probes)  # one failure each is all it takes
    assert overlap(east.log()) <= 1
    east.heal()

    def closed():
        assert f.routers[0].chat().status == f.routers[1].chat().status == 200
        return [r.breaker("us-east") for r in f.routers] == ["closed", "closed"]
    wait_for(closed, what="the region to be used again")


def test_one_success_is_not_enough(fleet):
    f = fleet(2, 1, retry=RETRY, breaker=breaker(recovery_timeout="100ms", success_threshold=3))
    trip(f)
    f.region("us-east").fault(status=503, after=2, times=1)

    def reopened():
        assert f.router.chat().status == 200
        return ("reopen", "half-open", "open") in f.admin.story("us-east")
    wait_for(reopened, what="the third probe to fail")
    assert ("close", "half-open", "closed") not in f.admin.story("us-east")

    def closed():
        assert f.router.chat().status == 200
        return f.router.breaker("us-east") == "closed"
    wait_for(closed, what="three good probes")


def test_a_probe_lost_with_its_worker_blocks_nobody(fleet):
    f = fleet(2, 2, retry=RETRY, breaker=breaker(recovery_timeout="100ms", probe_lease="1s"))
    first, second = f.routers
    trip(f)
    east = f.region("us-east")
    east.reset()
    east.fault(hang=True)
    stuck = []

    def ask():
        def one():
            try:
                first.chat("lost", stream=True)
            except (OSError, AssertionError):  # its worker dies under it
                pass
        if len([t for t in stuck if t.is_alive()]) < 4:
            stuck.append(threading.Thread(target=one, daemon=True))
            stuck[-1].start()
        return east.counts()["active"] >= 1
    wait_for(ask, what="a probe to hang in us-east")
    first.kill_worker()
    east.heal()

    def closed():
        assert second.chat().status == 200
        return second.breaker("us-east") == "closed"
    wait_for(closed, what="the slot of the dead worker to fall free")
    wait_for(lambda: first.is_ready() and first.is_attached(), what="a new worker")
    wait_for(lambda: first.breaker("us-east") == "closed", what="the new worker to know")
    assert first.chat().headers["x-sluice-region"] == "us-east"
    for t in stuck:
        t.join()


def test_cooling_is_shared(fleet):
    f = fleet(2, 2, retry=RETRY, breaker=breaker())
    first, second = f.routers
    f.region("us-east").fault(status=429, headers={"Retry-After": "60"})
    assert first.chat().headers["x-sluice-region"] == "eu-west"
    wait_for(lambda: second.state()["shared_state"]["regions"][0]["cooling_for_ms"] > 0,
             what="the second router to know")
    for _ in range(5):
        a = second.chat("from the second")
        assert (a.headers["x-sluice-region"], a.headers["x-sluice-attempts"]) == ("eu-west", "1")
    assert seen_from(f.region("us-east"), "from the second") == []
    assert second.breaker("us-east") == "closed"


def test_last_resort_never_moves_the_shared_state(fleet):
    """With every region open a request may still try; a lone success changes nothing."""
    f = fleet(1, 2, retry=RETRY, breaker=breaker(recovery_timeout="60s"))
    first, second = f.routers
    f.region("us-east").fault(status=503)

    def known():
        assert first.chat().status == 503
        return second.breaker("us-east") == "open"
    wait_for(known, what="the second router to know")
    f.region("us-east").heal()
    a = second.chat()
    assert a.status == 200 and a.headers["x-sluice-region"] == "us-east"
    assert f.admin.story("us-east") == [("trip", "closed", "open")]
    assert f.admin.json("region", "show", "us-east")["state"] == "open"


def test_a_slow_region_is_left_where_slowness_counts(fleet):
    f = fleet(2, 2, retry=RETRY, breaker=breaker(recovery_timeout="60s", slow_rate=50,
                                                 minimum_requests=4, slow_threshold="50ms"))
    first, second = f.routers
    f.region("us-east").fault(delay_head_ms=80)
    for i in range(4):
        answer = first.chat(stream=i % 2 == 0)
        assert answer.status == 200 and answer.headers["x-sluice-region"] == "us-east"
    wait_for(lambda: second.breaker("us-east") == "open", what="the second router to know")
    assert second.chat().headers["x-sluice-region"] == "eu-west"
    why = next(r for r in second.state()["shared_state"]["regions"] if r["name"] == "us-east")
    assert why["reason"] == "100_percent_of_4_slow"
