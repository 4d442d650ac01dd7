"""A primary that is down for a while: nobody notices, and it is used again soon after."""

import time

import pytest

from sluice.proc import wait_for

RECOVERY_S = 1.0  # half of it is jitter
CONFIG = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
          "timeouts": {"first_byte": "1s", "answer": "1s"},
          "breaker": {"failure_threshold": 3, "recovery_timeout": "1s",
                      "recovery_timeout_max": "1s"}}


def check_answer(f, i):
    """The region that answered request i."""
    a = f.router.chat(f"n{i}", stream=i % 2 == 1)
    assert a.status == 200 and a.complete and a.content().endswith(f": n{i}"), (i, a)
    return a.headers["x-sluice-region"]


def spaced(f, n, gap_s):
    """n requests, gap_s apart; the regions that answered."""
    out = set()
    due = time.monotonic()
    for i in range(n):
        while time.monotonic() < due:
            time.sleep(0.002)
        out.add(check_answer(f, i))
        due += gap_s
    return out


def tried(f, region="us-east"):
    """Attempts there, refused ones too."""
    return sum(n for name, n in f.router.metrics().items()
               if name.startswith(f'sluice_region_attempts_total{{region="{region}"'))


@pytest.mark.parametrize("how, with_redis", [("503", True), ("dead", False), ("silent", True)],
                         ids=["503, shared", "dead, alone", "silent, shared"])
def test_nobody_notices(fleet, how, with_redis):
    f = fleet(2, 1, with_redis=with_redis, **CONFIG)
    east = f.region("us-east")
    assert check_answer(f, 0) == "us-east"
    before = tried(f)
    east.fault(**{"503": {"status": 503}, "dead": {"refuse": True}, "silent": {"hang": True}}[how])
    began = time.monotonic()
    assert spaced(f, 12, 0.2) == {"eu-west"}
    open_times = (time.monotonic() - began) / (RECOVERY_S / 2)
    assert 3 <= tried(f) - before <= 3 + 1 + open_times
    east.heal()
    wait_for(lambda: check_answer(f, 1) == "us-east", what="the primary to be used again")
    wait_for(lambda: f.router.breaker("us-east") == "closed" or check_answer(f, 2) is None,
             what="success_threshold probes")
    assert spaced(f, 10, 0) == {"us-east"}


def test_few_probes_while_it_stays_down(fleet):
    """Ten requests a second: three failures open it, then one probe per open time."""
    f = fleet(2, 1, **CONFIG)
    f.region("us-east").fault(status=503)
    began = time.monotonic()
    assert spaced(f, 30, 0.1) == {"eu-west"}
    open_times = (time.monotonic() - began) / (RECOVERY_S / 2)
    assert f.attempts()[0] <= 3 + 1 + open_times
    f.region("us-east").heal()
    wait_for(lambda: f.router.chat().headers["x-sluice-region"] == "us-east",
             what="the primary to be used again")


def test_it_comes_back_for_every_router(fleet):
    f = fleet(2, 3, **CONFIG)
    f.region("us-east").fault(status=503)
    for r in f.routers:
        for _ in range(3):
            assert r.chat().status == 200
    f.region("us-east").heal()
    wait_for(lambda: all(r.chat().headers["x-sluice-region"] == "us-east" for r in f.routers),
             what="all routers to use the primary again")
