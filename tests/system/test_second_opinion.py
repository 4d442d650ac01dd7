"""One host's broken network must not take a healthy region from the fleet."""

import pytest

from sluice.admin import Admin
from sluice.netns import Namespace
from sluice.proc import wait_for
from sluice.router import Router

CONFIG = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
          "timeouts": {"connect": "2s", "first_byte": "2s", "answer": "2s"},
          "breaker": {"failure_threshold": 3, "recovery_timeout": "5m"}}


def view(router, region):
    found = router.state()["shared_state"]["regions"]
    return next(r for r in found if r["name"] == region)


def wait_successes_told(redis, n, region="us-east"):
    """Until n routers' successes are known: none of them comes later and ends a row."""
    wait_for(lambda: redis("ZCARD", "{sluice:test}:ok:" + region) == n,
             what=f"the successes of {n} routers to be known")


def kinds(admin, region):
    """What happened to the region, oldest first."""
    return [(e["kind"], e["to"], e["why"]) for e in admin.json("events")["events"]
            if e["region"] == region and e["kind"] != "force"]


@pytest.fixture
def torn(maker, redis, region, router):
    """Three routers here and one in a namespace, all on the same two regions."""
    ns = Namespace()
    try:
        regions = [region("us-east", host=ns.hosts[0]), region("eu-west", host=ns.hosts[1])]
        here = [router(regions, redis.unix_url, name=f"router-{i}", **CONFIG) for i in range(3)]
        there = ns(Router, maker.folder, regions, redis.unix_url, name="torn", **CONFIG)
        maker.add(there)
        for r in here:
            wait_for(r.is_attached, what=f"{r.name} to reach Redis")
        wait_for(lambda: ns(there.is_attached), what="the router in the namespace to reach Redis")
        yield ns, regions, here, there, Admin(redis.unix_url)
    finally:
        if "there" in locals():
            ns(there.stop)
        ns.stop()


def test_a_torn_host_keeps_nobody_else_from_a_healthy_region(torn, redis):
    ns, (us, eu), here, there, admin = torn
    for r in here:
        assert r.chat().headers["x-sluice-region"] == "us-east"
    assert ns(there.chat).headers["x-sluice-region"] == "us-east"
    wait_successes_told(redis, 4)
    ns.cut(us.host)
    seen = us.attempts()
    for _ in range(3):
        answer = ns(there.chat)
        assert answer.status == 200 and answer.headers["x-sluice-region"] == "eu-west"
    wait_for(lambda: any(k == "trip" for k, _, _ in kinds(admin, "us-east")), what="a trip")

    def back():
        for r in here:
            assert r.chat().status == 200
        return all(r.breaker("us-east") == "closed" for r in here)
    wait_for(back, what="the fleet to be back, long before the open time is over")
    probes = sum(r.metrics()['sluice_region_probes_total{region="us-east"}'] for r in here)
    assert probes == 1
    assert [k for k, _, _ in kinds(admin, "us-east")] == ["trip", "probe", "close"]
    assert kinds(admin, "us-east")[-1][2] == "second_opinion"

    # only the torn host stays away, and without trying each time
    wait_for(lambda: ns(view, there, "us-east")["alone"], what="the torn host to know")
    assert ns(there.breaker, "us-east") == "open"
    version = here[0].state()["shared_state"]["version"]
    for _ in range(20):
        answer = ns(there.chat)
        assert answer.headers["x-sluice-region"] == "eu-west"
        assert answer.headers["x-sluice-attempts"] == "1"
    for r in here:
        for _ in range(5):
            assert r.chat().headers["x-sluice-region"] == "us-east"
        assert not view(r, "us-east")["alone"]
    assert here[0].state()["shared_state"]["version"] == version  # it cannot trip it again
    assert us.attempts() >= seen + 15


def test_a_dead_region_is_left_by_all_after_one_second_opinion(fleet):
    f = fleet(2, 4, **CONFIG)
    us, admin = f.region("us-east"), f.admin
    for r in f.routers:
        assert r.chat().headers["x-sluice-region"] == "us-east"
    wait_successes_told(f.redis, 4)
    us.fault(status=503)
    for _ in range(3):
        assert f.router.chat().status == 200

    def settled():
        for r in f.routers:
            assert r.chat().status == 200
        return ("reopen", "open", "probe_failed") in kinds(admin, "us-east")
    wait_for(settled, what="the second opinion")
    wait_for(lambda: all(r.breaker("us-east") == "open" for r in f.routers), what="all to know")
    seen = us.attempts()
    for _ in range(10):
        for r in f.routers:
            answer = r.chat()
            assert answer.headers["x-sluice-region"] == "eu-west"
    assert us.attempts() == seen
    assert [k for k, _, _ in kinds(admin, "us-east")] == ["trip", "probe", "reopen"]
    assert not any(view(r, "us-east")["alone"] for r in f.routers)


def test_without_confirmation_one_router_decides_for_all(fleet):
    f = fleet(2, 2, **{**CONFIG, "breaker": {**CONFIG["breaker"], "trip_confirm": "none"}})
    for r in f.routers:
        assert r.chat().status == 200
    wait_successes_told(f.redis, 2)
    f.region("us-east").fault(status=503, times=3)
    for _ in range(3):
        assert f.router.chat().status == 200
    wait_for(lambda: all(r.breaker("us-east") == "open" for r in f.routers), what="all to know")
    for _ in range(5):
        assert f.routers[1].chat().headers["x-sluice-region"] == "eu-west"
    assert [k for k, _, _ in kinds(f.admin, "us-east")] == ["trip"]
