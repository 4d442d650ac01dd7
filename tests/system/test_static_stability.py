"""Whatever Redis does, under constant traffic: no request fails, none waits, all is said once."""

import re
import threading
import time

import pytest

from sluice.far import Far, FarRedis
from sluice.load import Load
from sluice.proc import wait_for
from sluice.redis import Redis
from sluice.rubbish import Rubbish
from sluice.steady import Steady

CONFIG = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
          "breaker": {"failure_threshold": 3, "recovery_timeout": "60s"},
          "redis": {"connect_timeout": "1s"}}


@pytest.fixture
def redis(maker):
    return maker.add(Redis(maker.folder, "--enable-debug-command", "yes"))


@pytest.fixture
def steady(region, router):
    """steady(fleet, ...): a Steady with a control beside it."""
    return lambda f, *args, **how: Steady(
        f, router([region("control")], name="control", retry=CONFIG["retry"]), *args, **how)


def kill_connections(redis, password=None):
    """All but the one that asks; a router in between two tries has none."""
    with redis.client() as c:
        if password:
            c("AUTH", password)
        for kind in ("normal", "pubsub"):
            c("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def forget(redis):
    """What was persisted is gone."""
    for path in redis.folder.glob("appendonlydir/*"):
        path.unlink()


# -- one trouble each: makes it, lets it last, and returns when Redis serves again -----------


def killed(s, redis):
    redis.kill()
    s.wait_away()
    s.during(1)
    redis.restart()


def killed_and_emptied(s, redis):
    redis.kill()
    s.wait_away()
    s.during(0.5)
    forget(redis)
    redis.restart()


def flushed(s, redis):
    for _ in range(3):
        redis("FLUSHALL")
        s.during(0.3)


def stopped(s, redis):
    """For ten seconds, in which a region dies and comes back: each router decides for itself."""
    until = time.monotonic() + 10
    redis.pause()
    s.wait_away()
    s.f.region("us-east").fault(status=503)
    for r in s.f.routers:
        wait_for(lambda r=r: r.breaker("us-east") == "open", what=f"{r.name} to divert")
    seen = s.f.region("us-east").attempts()
    s.during(1)
    assert s.f.region("us-east").attempts() == seen
    s.f.region("us-east").heal()
    s.during(until - time.monotonic())
    assert {s.mode(r) for r in s.f.routers} == {"away"}
    redis.cont()


def paused(s, redis):
    redis("CLIENT", "PAUSE", "4000", "ALL")
    s.wait_away()
    redis("PING")  # answered when it is over


def asleep(s, redis):
    sleeper = threading.Thread(target=redis, args=("DEBUG", "SLEEP", "4"))
    sleeper.start()
    s.wait_away()
    sleeper.join()


def busy(s, redis):
    redis("CONFIG", "SET", "busy-reply-threshold", "50")
    with redis.client() as c:
        c.send("EVAL", "while true do end", "0")
        s.wait_away()
        s.during(1.5)
        redis("SCRIPT", "KILL")
        c.read()


def out_of_memory(s, redis):
    redis("CONFIG", "SET", "maxmemory", "1")
    s.wait_away()
    s.during(1)
    redis("CONFIG", "SET", "maxmemory", "0")


def replica(s, redis):
    """Demoted by somebody: it has the data and takes no change."""
    redis("REPLICAOF", "127.0.0.1", "1")
    s.wait_away()
    s.during(1)
    redis("REPLICAOF", "NO", "ONE")


def password_rotated(s, redis):
    redis("CONFIG", "SET", "requirepass", "rotated")
    kill_connections(redis, "rotated")
    s.wait_away()
    s.during(1)
    with redis.client() as c:
        c("AUTH", "rotated")
        c("CONFIG", "SET", "requirepass", "")


def rubbish(s, redis):
    """Somebody else took the port."""
    redis.kill()
    other = Rubbish(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", redis.port)
    try:
        s.wait_away()
        s.during(1)
    finally:
        other.stop()
    redis.restart()


@pytest.mark.parametrize("trouble, changes", [
    (killed, 2), (killed_and_emptied, 2), (flushed, 0), (stopped, 2), (paused, 2), (asleep, 2),
    (busy, 2), (out_of_memory, 2), (replica, 2), (password_rotated, 2), (rubbish, 2),
], ids=lambda v: getattr(v, "__name__", ""))
def test_trouble(fleet, steady, trouble, changes):
    f = fleet(2, 2, **CONFIG)
    with steady(f, changes) as s:
        trouble(s, f.redis)
        s.healed()


def test_connections_killed_in_a_loop(fleet, steady):
    f = fleet(2, 2, **CONFIG)
    with steady(f, changes=range(0, 9), connections=40) as s:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            kill_connections(f.redis)
            s.during(0.05)
        s.healed()


def test_black_hole(maker, region, router, steady):
    """Every packet towards Redis vanishes: no refusal, no reset, nothing."""
    from conftest import Admin, Fleet

    far = maker.add(Far())
    redis = maker.add(FarRedis(maker.folder, far))
    regions = [region("us-east"), region("eu-west")]
    routers = [router(regions, redis.url, name=f"router-{i}", **CONFIG) for i in range(2)]
    for r in routers:
        wait_for(r.is_attached, what=f"{r.name} to reach Redis")
    with steady(Fleet(regions, routers, redis, Admin(redis.url))) as s:
        far.swallow()
        s.wait_away()
        s.during(3)
        far.mend()
        s.healed()


def test_many_come_back_without_a_stampede(redis, region, router):
    """A connection for commands and one to listen, of each worker; hardly a second try."""
    r = router([region("us-east")], redis.url, workers=8, redis={"connect_timeout": "10s"})
    wait_for(r.is_attached, what="all workers to reach Redis")
    redis.kill()
    attached = [name for name in r.metrics() if name.startswith("sluice_store_attached")]
    wait_for(lambda: not any(r.metrics()[name] for name in attached), what="all to be away")
    redis.restart()
    wait_for(r.is_attached, what="all workers to be back")
    channel = "{sluice:test}:push"
    wait_for(lambda: redis("PUBSUB", "NUMSUB", channel)[1] == 8, what="all to listen")
    taken = int(re.search(r"total_connections_received:(\d+)", redis("INFO"))[1])
    assert taken - redis.clients_made <= 3 * 8


def test_a_forced_state_outlives_an_emptied_redis(fleet, steady):
    f = fleet(3, 2, **CONFIG)
    assert f.admin("region", "down", "us-east", "--for", "10m", "--wait").rc == 0
    seen = f.region("us-east").attempts()
    with steady(f) as s:
        killed_and_emptied(s, f.redis)
        s.healed()
        shown = f.admin.json("region", "show", "us-east")
        assert shown["forced"] == "down" and 0 < shown["forced_for_ms"] <= 600_000
    assert f.region("us-east").attempts() == seen


def test_a_rotated_password_comes_with_a_reload(fleet):
    """The operator's way: the new one into the file, SIGHUP, and nobody noticed."""
    f = fleet(2, 2, **CONFIG)
    with Load(*f.routers) as load:
        load.more(40)
        f.redis("CONFIG", "SET", "requirepass", "rotated")
        kill_connections(f.redis, "rotated")
        for r in f.routers:
            wait_for(lambda r=r: not r.is_attached(), what=f"{r.name} to be away")
        load.more(40)
        for r in f.routers:
            r.write_config(redis={"url": f"redis://:rotated@127.0.0.1:{f.redis.port}/0"})
            r.hup()
        for r in f.routers:
            wait_for(r.is_attached, what=f"{r.name} to attach with the new password")
        load.more(40)
    load.check()
    assert not any("rotated" in r.process.err() for r in f.routers)
