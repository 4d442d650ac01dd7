"""An operator's word: every router obeys at once, and it outlives Redis."""

import time

import pytest

from sluice.proc import wait_for

CALM = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
        "breaker": {"failure_threshold": 3, "recovery_timeout": "60s"}}


def ask_all(f, n=5):
    """n requests through each router; the regions that answered."""
    used = set()
    for _ in range(n):
        for r in f.routers:
            a = r.chat()
            assert a.status == 200, a
            used.add(a.headers["x-sluice-region"])
    return used


def forced(router, region):
    number = router.metrics()[f'sluice_region_forced{{region="{region}"}}']
    return ("auto", "up", "down", "drain")[int(number)]


def wait_forced(f, region, word):
    for r in f.routers:
        wait_for(lambda r=r: forced(r, region) == word, what=f"{r.name} to hear of {word}")


@pytest.mark.parametrize("word", ["down", "drain"])
def test_down_and_drain_divert_all_routers(fleet, word):
    f = fleet(3, 2, **CALM)
    assert ask_all(f) == {"us-east"} and f.attempts() == [10, 0, 0]
    done = f.admin.json("region", word, "us-east", "--for", "10m", "--reason", "vendor incident",
                        "--wait")
    assert done["forced"] == word and done["why"] == "vendor incident"
    assert done["acknowledged"] == done["live_routers"] == 2 and done["behind"] == []
    assert ask_all(f) == {"eu-west"}
    assert f.attempts() == [10, 10, 0]
    assert [forced(r, "us-east") for r in f.routers] == [word, word]
    assert f.admin("region", "auto", "us-east", "--wait").rc == 0
    assert ask_all(f) == {"us-east"}
    assert f.attempts() == [20, 10, 0]
    assert f.admin.story("us-east") == [("force", "auto", word), ("force", word, "auto")]
    [down, _] = [e for e in f.admin.json("events")["events"] if e["region"] == "us-east"]
    assert down["why"] == "vendor incident" and "@" in down["by"]


def test_routers_hear_it_by_push(fleet):
    """Long before the next sync, which comes every minute here."""
    f = fleet(2, 2, redis={"sync": "60s"}, **CALM)
    before = [r.metrics()["sluice_store_pushes_total"] for r in f.routers]
    assert f.admin("region", "down", "us-east").rc == 0
    wait_forced(f, "us-east", "down")
    for r, n in zip(f.routers, before):
        wait_for(lambda r=r, n=n: r.metrics()["sluice_store_pushes_total"] > n, what="a push")
    assert ask_all(f) == {"eu-west"} and f.region("us-east").attempts() == 0


def test_acknowledged_at_once(fleet):
    """Not with a heartbeat, which comes every three seconds here."""
    f = fleet(2, 2, redis={"sync": "60s"}, **CALM)
    took = []
    for word in ("down", "up", "drain") * 3:
        began = time.monotonic()
        done = f.admin.json("region", word, "us-east", "--wait")
        took.append(time.monotonic() - began)
        assert done["acknowledged"] == 2
    # A machine that is busy may make some of them late; heartbeats would take 2 s on average.
    assert sorted(took)[4] < 1.5, took


def test_up_uses_a_region_whose_breaker_is_open(fleet):
    f = fleet(2, 2, **CALM)
    f.region("us-east").fault(status=503)

    def known():
        assert f.routers[0].chat().status == 200
        return all(r.breaker("us-east") == "open" for r in f.routers)
    wait_for(known, what="both to divert")
    f.region("us-east").reset()
    assert ask_all(f) == {"eu-west"} and f.region("us-east").attempts() == 0
    assert f.admin("region", "up", "us-east", "--wait").rc == 0
    assert ask_all(f) == {"us-east"}
    assert f.admin("region", "auto", "us-east", "--wait").rc == 0
    assert ask_all(f) == {"eu-west"}  # the breaker below never moved


def test_down_is_obeyed_even_when_nothing_else_is_left(fleet):
    f = fleet(1, 2, **CALM)
    assert f.admin("region", "down", "us-east", "--for", "10m", "--wait").rc == 0
    for r in f.routers:
        a = r.chat()
        assert a.status == 503 and int(a.headers["retry-after"]) >= 1
    assert f.region("us-east").attempts() == 0
    assert f.admin("region", "auto", "us-east", "--wait").rc == 0
    assert ask_all(f) == {"us-east"}


def test_a_stream_under_way_survives_drain_and_down(fleet):
    f = fleet(2, 1, **CALM)
    f.region("us-east").fault(hold_at_event=30, events=60)
    s = f.router.stream("long")
    assert s.next()
    assert f.admin("region", "drain", "us-east", "--wait").rc == 0
    assert f.router.chat().headers["x-sluice-region"] == "eu-west"
    assert f.admin("region", "down", "us-east", "--wait").rc == 0
    f.region("us-east").go()
    assert s.rest()[-1] == "[DONE]"
    s.close()


def test_runs_out_by_itself(fleet):
    f = fleet(2, 2, **CALM)
    assert f.admin("region", "down", "us-east", "--for", "5s").rc == 0
    wait_forced(f, "us-east", "down")
    assert ask_all(f) == {"eu-west"}
    wait_forced(f, "us-east", "auto")
    assert ask_all(f) == {"us-east"}
    wait_for(lambda: len(f.admin.story("us-east")) == 2, what="the end in the story")
    assert f.admin.story("us-east") == [("force", "auto", "down"), ("expire", "down", "auto")]


def test_survives_a_killed_redis(fleet):
    f = fleet(2, 2, **CALM)
    assert f.admin("region", "down", "us-east", "--for", "10m", "--wait").rc == 0
    f.redis("CONFIG", "SET", "appendfsync", "always")  # what was said a moment ago is on disk
    f.redis.kill()
    for r in f.routers:
        wait_for(lambda r=r: not r.is_attached(), what=f"{r.name} to be alone")
    assert ask_all(f) == {"eu-west"}
    f.redis.restart()
    for r in f.routers:
        wait_for(r.is_attached, what=f"{r.name} to attach again")
    assert ask_all(f) == {"eu-west"} and f.region("us-east").attempts() == 0
    shown = f.admin.json("region", "show", "us-east")
    assert shown["forced"] == "down" and 0 < shown["forced_for_ms"] <= 600_000
    assert f.admin("region", "auto", "us-east", "--wait").rc == 0
    assert ask_all(f) == {"us-east"}


def test_ends_on_time_while_redis_is_dead(fleet):
    f = fleet(2, 1, **CALM)
    assert f.admin("region", "down", "us-east", "--for", "4s").rc == 0
    wait_forced(f, "us-east", "down")
    f.redis.kill()
    wait_for(lambda: not f.router.is_attached(), what="the router to be alone")
    wait_for(lambda: f.router.chat().headers["x-sluice-region"] == "us-east",
             what="the word to run out")


def test_a_router_that_starts_later_obeys(fleet, router):
    f = fleet(2, 1, **CALM)
    assert f.admin("region", "down", "us-east").rc == 0
    late = router(f.regions, f.redis.url, name="late", **CALM)
    wait_for(late.is_attached, what="the late router")
    assert late.chat().headers["x-sluice-region"] == "eu-west"


def test_unknown_region_and_dead_redis_are_said(fleet):
    f = fleet(2, 1, **CALM)
    said = f.admin("region", "down", "us-wset")
    assert said.rc == 1 and "us-wset" in said.err and "us-east" in said.err
    assert f.admin("region", "sideways", "us-east").rc == 2
    f.redis.kill()
    said = f.admin("region", "down", "us-east")
    assert said.rc == 3 and "Redis" in said.err
