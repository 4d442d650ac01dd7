"""Active checks: one router of the fleet asks, everybody knows, and an idle fleet recovers."""

import time

from sluice.proc import wait_for

FAST = {"health": {"interval": "200ms", "timeout": "5s"}}
SHORT = {"breaker": {"failure_threshold": 2, "recovery_timeout": "300ms",
                     "recovery_timeout_max": "500ms", "success_threshold": 2,
                     "probe_lease": "1s"},
         "retry": {"num_retries": 0}}


def checks(region):
    return region.counts()["checks"]


def own_checks(router, region="us-east"):
    return sum(v for name, v in router.metrics().items()
               if name.startswith(f'sluice_region_checks_total{{region="{region}"'))


def test_one_router_checks_for_all(fleet):
    f = fleet(1, 3, **FAST)
    region = f.regions[0]
    wait_for(lambda: checks(region) >= 3, what="checks")
    began, before = time.monotonic(), checks(region)
    wait_for(lambda: checks(region) >= before + 10, what="ten more checks")
    more, took_s = checks(region) - before, time.monotonic() - began
    assert more <= 1.5 * took_s / 0.2 + 2, f"{more} checks in {took_s:.2f} s: by more than one"
    assert region.attempts() == 0
    for r in f.routers:
        assert all(v == 0 for name, v in r.metrics().items()
                   if name.startswith("sluice_region_attempts_total"))
        wait_for(lambda r=r: r.state()["shared_state"]["regions"][0]["check"],
                 what=f"{r.name} to know the result")
        assert r.state()["shared_state"]["regions"][0]["check"]["seen"] == "status 200"


def test_another_router_takes_over_from_a_dead_one(fleet):
    f = fleet(1, 2, health={"interval": "2s"})  # a lease of 3 s: a busy holder keeps it
    holder = wait_for(lambda: next((r for r in f.routers if own_checks(r) > 0), None),
                      what="a check")
    other = next(r for r in f.routers if r is not holder)
    assert own_checks(other) == 0
    holder.kill()
    wait_for(lambda: own_checks(other) > 0, what="the other to check")


def test_a_fleet_without_traffic_recovers(fleet):
    f = fleet(1, 2, **FAST, **SHORT)
    region = f.regions[0]
    region.fault(status=503)
    for _ in range(2):
        f.router.chat()
    for r in f.routers:
        wait_for(lambda r=r: r.breaker("us-east") == "open", what=f"{r.name} to see it open")
    attempts = region.attempts()
    region.heal()
    for r in f.routers:
        wait_for(lambda r=r: r.breaker("us-east") == "closed", what=f"{r.name} to recover")
    assert region.attempts() == attempts, "no request was made"
    assert f.router.metrics()['sluice_region_probes_total{region="us-east"}'] == 0
    assert ("close", "half-open", "closed") in f.admin.story("us-east")


def test_a_dead_region_stays_open_and_is_shown(fleet):
    f = fleet(1, 1, **FAST, **SHORT)
    region = f.regions[0]
    wait_for(lambda: f.admin.json("status", "us-east")["regions"][0]["check"], what="a check")
    region.kill()
    for _ in range(2):
        f.router.chat()
    wait_for(lambda: ("reopen", "half-open", "open") in f.admin.story("us-east"),
             what="a check that fails as a probe")
    assert ("check", "ok", "fail") in f.admin.story("us-east")
    shown = f.admin.json("status", "us-east")["regions"][0]["check"]
    assert shown["result"] == "fail" and shown["seen"].startswith("connect"), shown
    assert "fail, connect" in f.admin("region", "show", "us-east").out
    region.start()
    wait_for(lambda: f.router.breaker("us-east") == "closed", what="recovery")
    wait_for(lambda: ("check", "fail", "ok") in f.admin.story("us-east"), what="the event")


def test_failing_checks_do_not_open_a_region_that_works(fleet):
    f = fleet(1, 1, health={"interval": "100ms", "path": "/nothing-here"})
    wait_for(lambda: own_checks(f.router) >= 8, what="checks")
    assert f.router.breaker("us-east") == "closed"
    assert f.router.chat().status == 200
    check = f.router.state()["shared_state"]["regions"][0]["check"]
    assert (check["result"], check["seen"]) == ("fail", "status 404")


def test_an_answer_that_is_no_verdict_does_not_end_half_open(fleet):
    """The path does not exist: requests still decide."""
    f = fleet(1, 1, **{**FAST, "health": {"interval": "100ms", "path": "/nothing-here"}}, **SHORT)
    region = f.regions[0]
    region.fault(status=503, match={"path": "/chat/completions"})  # not the checks
    for _ in range(2):
        f.router.chat()
    region.heal()
    wait_for(lambda: f.router.breaker("us-east") == "half-open", what="half-open")
    known = own_checks(f.router)
    wait_for(lambda: own_checks(f.router) >= known + 5, what="more checks")
    assert ("reopen", "half-open", "open") not in f.admin.story("us-east")
    wait_for(lambda: f.router.chat().status == 200 and f.router.breaker("us-east") == "closed",
             what="requests to close it")


def test_a_router_alone_checks_by_itself(fleet):
    f = fleet(1, 2, with_redis=False, **FAST, **SHORT)
    region = f.regions[0]
    for r in f.routers:
        wait_for(lambda r=r: own_checks(r) >= 2, what=f"{r.name} to check")
    region.fault(status=503)
    for _ in range(2):
        f.router.chat()
    assert f.router.breaker("us-east") != "closed"
    region.heal()
    wait_for(lambda: f.router.breaker("us-east") == "closed", what="recovery without traffic")


def test_checks_go_on_without_redis_and_carry_the_credentials(fleet):
    f = fleet(1, 1, **FAST)
    wait_for(lambda: own_checks(f.router) >= 2, what="checks")
    f.redis.kill()
    wait_for(lambda: f.router.state()["shared_state"]["mode"] == "away", what="away")
    known = own_checks(f.router)
    wait_for(lambda: own_checks(f.router) >= known + 3, what="checks without Redis")
    assert f.router.metrics()['sluice_region_checks_total{region="us-east",result="fail"}'] == 0


def test_health_and_latency_are_known_to_the_fleet(fleet):
    f = fleet(1, 2, redis={"sync": "100ms"}, breaker={"failure_rate": 0}, retry={"num_retries": 0})
    busy, idle = f.routers
    region = f.regions[0]

    def seen(r):
        return r.state()["shared_state"]["regions"][0]

    assert (seen(idle)["health"], seen(idle)["fleet_health"], seen(idle)["total_ms"]) == (
        100, None, None)
    for _ in range(10):
        assert busy.chat().status == 200
    region.fault(status=503, times=3)
    for _ in range(3):
        busy.chat()
    own = seen(busy)
    assert own["health"] < 100 and own["total_ms"] >= own["first_byte_ms"] > 0
    wait_for(lambda: seen(idle)["fleet_health"] == own["health"], what="the fleet's score")
    told = seen(idle)
    assert told["health"] == 100, "its own"
    assert abs(told["total_ms"] - own["total_ms"]) < 0.01, "the fleet's, as a prior"
    assert busy.metrics()['sluice_region_health{region="us-east"}'] == own["health"]
    row = f.admin.json("status", "us-east")["regions"][0]
    assert row["health"] == own["health"]
    assert abs(row["total_us"] / 1000 - own["total_ms"]) < 0.01
    assert "HEALTH" in f.admin("status").out and "LATENCY" in f.admin("status").out
