"""A part of one region's answers fails, and another region stands idle: no client fails."""

import os
import threading

import pytest

from sluice.load import Load
from sluice.proc import wait_for


REQUESTS = int(os.environ.get("SLUICE_REQUESTS", "800"))


def ask(f, n, threads=4):
    """Statuses of n requests."""
    out = []

    def run(router, count):
        out.extend(router.chat().status for _ in range(count))

    askers = [threading.Thread(target=run, args=(f.routers[i % len(f.routers)], n // threads))
              for i in range(threads)]
    for a in askers:
        a.start()
    for a in askers:
        a.join()
    return out


@pytest.mark.parametrize("percent", [1, 10, 34, 50, 90, 100])
@pytest.mark.parametrize("status", [500, 503])
def test_no_client_fails_while_one_region_is_well(fleet, percent, status):
    f = fleet(2, 1)
    f.region("us-east").fault(status=status, percent=percent)
    got = ask(f, REQUESTS)
    assert len(got) == REQUESTS and set(got) == {200}
    assert f.router.metrics()["sluice_retries_refused_total"] == 0


def part_of(region, load, n=200):
    """Which part of the next n requests asked region; 1: all of them."""
    asked, served = region.attempts(), load.served
    load.more(n)
    return (region.attempts() - asked) / (load.served - served)


@pytest.mark.parametrize("percent", [20, 30, 45])
def test_a_region_that_fails_often_is_asked_for_little(fleet, percent):
    """Its breaker never opens, and the other region could serve them all."""
    f = fleet(2, 1, breaker={"recovery_ramp": "10s"})
    sick = f.region("us-east")
    with Load(f.router) as load:
        assert part_of(sick, load) > 0.95
        sick.fault(status=503, percent=percent)
        wait_for(lambda: part_of(sick, load) < 0.35, what="a smaller share")
        assert f.router.breaker("us-east") == "closed"
        sick.heal()
        wait_for(lambda: part_of(sick, load) > 0.95, what="its whole share")
    load.check()


def test_a_dead_region_between_two_takes_no_attempt_from_the_well_one(fleet):
    """Breakers that never open: nothing but the budget says whom to ask."""
    f = fleet(3, 1, breaker={"failure_threshold": 1000, "failure_rate": 0})
    f.region("us-east").fault(status=503, percent=34)
    f.region("eu-west").fault(status=503)
    assert set(ask(f, 800)) == {200}
    seen = f.region("eu-west").attempts()
    assert seen <= 1 + 100 + 800 // 5, "asked in vain no more than the budget allows"


def test_all_fail_and_the_load_is_not_doubled(fleet):
    f = fleet(2, 1, breaker={"failure_threshold": 1000, "failure_rate": 0})
    for r in f.regions:
        r.fault(status=503)
    assert 200 not in ask(f, 600)  # spends what a fresh router has saved
    before = sum(f.attempts())
    assert 200 not in ask(f, 800)
    assert sum(f.attempts()) - before <= 800 * 1.2 + 1
    for r in f.regions:
        r.heal()
    wait_for(lambda: f.router.chat().status == 200, what="service")
