"""A primary that is down for a while: nobody notices, and it is used again soon after."""

import time

import pytest

from sluice.proc import wait_for

RECOVERY_S = 1.0
CONFIG = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
          "breaker": {"failure_threshold": 3, "recovery_timeout": "1s",
                      "recovery_timeout_max": "1s"}}


def spaced(f, n, gap_s):
    """n requests, gap_s apart; (when, region) of each answer."""
    out = []
    due = time.monotonic()
    for i in range(n):
        while time.monotonic() < due:
            time.sleep(0.002)
        a = f.router.chat(f"n{i}", stream=i % 2 == 1)
        assert a.status == 200 and a.complete and a.content().endswith(f": n{i}"), (i, a)
        out.append((time.monotonic(), a.headers["x-sluice-region"]))
        due += gap_s
    return out


@pytest.mark.parametrize("how, with_redis", [("503", True), ("dead", False), ("silent", True)],
                         ids=["503, shared", "dead, alone", "silent, shared"])
def test_twenty_spaced_requests(fleet, how, with_redis):
    f = fleet(2, 1, with_redis=with_redis, timeouts={"first_byte": "200ms", "answer": "200ms"},
              **CONFIG)
    east = f.region("us-east")
    down_s = 2.0
    east.fault(**{"503": {"status": 503}, "dead": {"refuse": True}, "silent": {"hang": True}}[how],
               for_ms=int(down_s * 1000))
    healthy_at = time.monotonic() + down_s
    answers = spaced(f, 20, 0.2)
    tried = f.router.metrics()['sluice_region_attempts_total{region="us-east",outcome="ok"}']
    probes = f.router.metrics()['sluice_region_probes_total{region="us-east"}']
    again = [at for at, region in answers if region == "us-east"]
    assert tried >= 1 and again and again[0] >= healthy_at - 0.1
    # a lease is asked for by one request and used by the next: two gaps behind the open time
    assert again[0] - healthy_at <= RECOVERY_S + 0.4 + 0.3
    # after success_threshold probes all of them go there again
    back = [region for at, region in answers if at > again[0] + 0.5]
    assert back and set(back) == {"us-east"}
    assert probes <= down_s / (RECOVERY_S / 2) + 3  # half of the open time is jitter


def test_few_probes_while_it_stays_down(fleet):
    """Sixty requests, ten a second: three failures open it, then one probe per open time."""
    f = fleet(2, 1, **CONFIG)
    f.region("us-east").fault(status=503)
    began = time.monotonic()
    assert {region for _, region in spaced(f, 30, 0.1)} == {"eu-west"}
    open_times = (time.monotonic() - began) / (RECOVERY_S / 2)
    assert f.attempts()[0] <= 3 + 1 + open_times
    f.region("us-east").heal()
    wait_for(lambda: f.router.chat().headers["x-sluice-region"] == "us-east", RECOVERY_S + 0.5,
             "the primary to be used again")


def test_it_comes_back_for_every_router(fleet):
    f = fleet(2, 3, **CONFIG)
    f.region("us-east").fault(status=503)
    for r in f.routers:
        for _ in range(3):
            assert r.chat().status == 200
    f.region("us-east").heal()
    wait_for(lambda: all(r.chat().headers["x-sluice-region"] == "us-east" for r in f.routers),
             RECOVERY_S + 1, "all routers to use the primary again")
