"""Redis away, slow, empty or answering rubbish: what is shared changes, service does not."""

import re

import pytest

from sluice.admin import Admin
from sluice.load import Load
from sluice.proc import wait_for
from sluice.redis import Redis
from sluice.rubbish import Rubbish

QUICK = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
         "breaker": {"failure_threshold": 3, "recovery_timeout": "60s"}}


def trip(*routers):
    """Requests until all of them avoid the region, by the verdict that they share.

    Through all of them: one that had a success a moment ago is asked for a second opinion.
    Successes of then are reported in batches and may still arrive among the first failures:
    such a row starts anew.
    """
    def known():
        assert [r.chat().status for r in routers] == [200] * len(routers)
        shared = [r.state()["shared_state"] for r in routers]
        return ([r.breaker("us-east") for r in routers] == ["open"] * len(routers) and
                all(s["mode"] == "attached" for s in shared) and
                len({(s["generation"], s["version"]) for s in shared}) == 1)
    wait_for(known, what="all to divert")


def mode(router):
    """attached or away, as the router's own health page says it."""
    page = router.admin("/readyz")
    assert page.status == 200  # a router without Redis is as ready as one with it
    return page.json()["shared_state"]


def wait_mode(router, want):
    wait_for(lambda: mode(router) == want, what=f"{router.name} to be {want}")


def log_lines(router, pattern):
    return re.findall(pattern, router.process.err(), re.M)


def check_serves(router, n=5):
    for i in range(n):
        a = router.chat(f"n{i}")
        assert a.status == 200 and a.content().endswith(f": n{i}")


def check_failover_alone(f, router):
    """It trips a region on its own evidence."""
    before = f.region("us-east").attempts()
    f.region("us-east").fault(status=503)
    for _ in range(8):
        assert router.chat().status == 200
    assert router.breaker("us-east") == "open"
    assert f.region("us-east").attempts() - before <= 4
    f.region("us-east").heal()


def test_started_before_redis(redis, region, router):
    redis.kill()  # a port of its own, with nobody there
    regions = [region("us-east"), region("eu-west")]
    first, second = (router(regions, redis.url, name=n, **QUICK) for n in ("first", "second"))
    check_serves(first)
    assert mode(first) == "away" and not first.is_attached()
    assert first.state()["shared_state"]["mode"] == "away"
    regions[0].fault(status=503)
    for _ in range(6):
        assert first.chat().status == 200
    assert first.breaker("us-east") == "open" and second.breaker("us-east") == "closed"
    [line] = log_lines(first, r"shared state away.*")
    assert f"{redis.url}: cannot connect: Connection refused" in line
    redis.restart()
    for r in (first, second):
        wait_mode(r, "attached")
        assert len(log_lines(r, r"attached to the fleet's shared state")) == 1
    trip(first, second)


def test_killed_and_restarted_under_traffic(fleet):
    f = fleet(2, 2, **QUICK)
    with Load(*f.routers) as load:
        load.more()
        f.redis.kill()
        for r in f.routers:
            wait_mode(r, "away")
        load.more(50)
        f.redis.restart()
        for r in f.routers:
            wait_mode(r, "attached")
        load.more()
    load.check()
    for r in f.routers:
        assert len(log_lines(r, r"shared state away")) == 1
        assert len(log_lines(r, r"attached to the fleet's shared state")) == 2


def test_open_region_stays_avoided_while_redis_is_dead(fleet):
    f = fleet(2, 2, **QUICK)
    first, second = f.routers
    f.region("us-east").fault(status=503)
    for _ in range(3):
        assert first.chat().status == 200
    wait_for(lambda: second.breaker("us-east") == "open", what="the second router to know")
    seen = f.region("us-east").attempts()
    f.redis.kill()
    for r in f.routers:
        wait_mode(r, "away")
        check_serves(r)
        assert r.breaker("us-east") == "open"
    assert f.region("us-east").attempts() == seen
    f.redis.restart()
    for r in f.routers:
        wait_mode(r, "attached")
        check_serves(r)
        assert r.breaker("us-east") == "open"
    assert f.region("us-east").attempts() == seen


def test_trips_on_its_own_evidence_while_redis_is_dead(fleet):
    f = fleet(2, 1, **QUICK)
    f.redis.kill()
    wait_mode(f.router, "away")
    check_failover_alone(f, f.router)


def test_flushed(fleet):
    f = fleet(2, 2, **QUICK)
    first, second = f.routers
    was = first.state()["shared_state"]["generation"]
    assert was
    with Load(*f.routers) as load:
        load.more()
        f.redis("FLUSHALL")
        for r in f.routers:
            wait_for(lambda r=r: r.is_attached()
                     and r.state()["shared_state"]["generation"] not in ("", was),
                     what="a new generation")
        load.more()
    load.check()
    assert (first.state()["shared_state"]["generation"]
            == second.state()["shared_state"]["generation"])
    f.region("us-east").fault(status=503)
    trip(first, second)


def test_flushed_while_a_region_is_open(fleet):
    """The fleet's memory is gone; what is dead is found out again, and told to all."""
    f = fleet(2, 2, **QUICK)
    first, second = f.routers
    was = first.state()["shared_state"]["generation"]
    f.region("us-east").fault(status=503)
    for _ in range(3):
        assert first.chat().status == 200
    wait_for(lambda: second.breaker("us-east") == "open", what="the second router to know")
    f.redis("FLUSHALL")
    wait_for(lambda: all(r.is_attached() and r.state()["shared_state"]["generation"]
                         not in ("", was) for r in f.routers), what="both to attach again")
    trip(first, second)


def test_a_redis_before_7_is_refused_by_name(maker, region, router):
    server = maker.add(Rubbish(b"-ERR Error compiling script (new function): user_script:1: "
                               b"unexpected symbol near '#'\r\n", to=b"EVAL"))
    r = router([region("us-east")], f"redis://127.0.0.1:{server.port}/0", **QUICK)
    wait_for(lambda: log_lines(r, "shared state away"), what="a word about it")
    [line] = log_lines(r, r"shared state away.*")
    assert "this Redis is older than 7.0" in line
    check_serves(r)
    status = Admin(f"redis://127.0.0.1:{server.port}/0")("status")
    assert status.rc == 3 and "is older than 7.0" in status.err, status


def test_fleets_in_two_databases_do_not_hear_each_other(redis, region, router):
    """A channel is that of all databases of a server."""
    regions = [region("us-east"), region("eu-west")]
    url = f"redis://127.0.0.1:{redis.port}/"
    slow = {"url": None, "sync": "60s"}
    first, again, other = (router(regions, url + db, name=f"r{i}", redis={**slow, "url": url + db},
                                  **QUICK) for i, db in enumerate("110"))
    for r in (first, again, other):
        wait_for(r.is_attached, what=f"{r.name} to attach")
    channels = [f"{{sluice:test}}:push{end}" for end in (":1", "")]
    wait_for(lambda: redis("PUBSUB", "NUMSUB", *channels)[1::2] == [2, 1], what="all to listen")
    before = other.metrics()
    assert Admin(url + "1")("region", "down", "us-east").rc == 0
    for r in (first, again):
        wait_for(lambda r=r: r.metrics()['sluice_region_forced{region="us-east"}'] != 0,
                 what=f"{r.name} to hear it by push")
    assert other.chat().status == 200
    for name in ("sluice_store_pushes_total", "sluice_store_commands_total"):
        assert other.metrics()[name] == before[name]
    assert "2 subscribers for 2 routers" in Admin(url + "1")("doctor").out


def test_scripts_flushed(fleet):
    f = fleet(2, 2, **QUICK)
    f.redis("SCRIPT", "FLUSH")
    f.region("us-east").fault(status=503)
    trip(*f.routers)
    assert all(mode(r) == "attached" for r in f.routers)


def test_wrong_password(maker, region, router):
    redis = maker.add(Redis(maker.folder))
    regions = [region("us-east"), region("eu-west")]
    right = router(regions, redis.url, name="right", **QUICK)
    wait_for(right.is_attached, what="the router without a password")
    redis("CONFIG", "SET", "requirepass", "open-sesame")
    wrong = router(regions, f"redis://:wrong-word@127.0.0.1:{redis.port}/0", name="wrong", **QUICK)
    check_serves(wrong)
    wait_for(lambda: log_lines(wrong, r"shared state away.*"), what="a word about it")
    [line] = log_lines(wrong, r"shared state away.*")
    assert re.search("WRONGPASS|password|AUTH", line), line
    assert f"redis://127.0.0.1:{redis.port}/0: " in line
    assert "wrong-word" not in wrong.process.err()
    assert mode(wrong) == "away"
    good = router(regions, f"redis://:open-sesame@127.0.0.1:{redis.port}/0", name="good", **QUICK)
    wait_for(good.is_attached, what="the router with the right password")
    assert "open-sesame" not in good.process.err()


@pytest.mark.parametrize("key, command", [
    ("meta", ["SET", "{sluice:test}:meta", "not a hash"]),
    ("region", ["SET", "{sluice:test}:r:us-east", "x"]),
    ("routers", ["SET", "{sluice:test}:routers", "x"]),
    ("keys", ["LPUSH", "{sluice:test}:keys", "x"]),
    ("window", ["SET", "{sluice:test}:w:us-east", "x"]),
    ("seq", ["SET", "{sluice:test}:seq", "x"]),
    ("log", ["SET", "{sluice:test}:log", "x"]),
    ("numbers", ["HSET", "{sluice:test}:meta", "ver", "x", "gen", "", "last", "-1"]),
    ("state", ["HSET", "{sluice:test}:r:us-east", "st", "purple", "ep", "1e99", "until", "nan"]),
])
def test_wrong_values_under_its_keys(fleet, key, command):
    """Planted by hand in a running fleet: requests never notice, a flush repairs."""
    f = fleet(2, 2, **QUICK)
    if command[0] != "HSET":
        f.redis("DEL", command[1])
    f.redis(*command)
    f.region("us-east").fault(status=503)

    def all_divert():
        assert [r.chat().status for r in f.routers] == [200, 200]
        return [r.breaker("us-east") for r in f.routers] == ["open", "open"]
    wait_for(all_divert, what="both to divert, by the shared verdict or by their own")
    seen = f.region("us-east").attempts()
    for _ in range(100):
        assert [r.chat().status for r in f.routers] == [200, 200]
    assert f.region("us-east").attempts() - seen < 50
    assert not any("worker died" in r.process.err() for r in f.routers)
    f.redis("FLUSHALL")
    for r in f.routers:
        wait_for(r.is_attached, what=f"{r.name} to attach after the flush")
        said = [l for l in r.process.err().splitlines() if " request req_" not in l]
        assert len(said) < 100  # not once per request


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"\x00" * 4096, b"+OK\r\n" * 50,
    b"*-7\r\n", b"*1000000000\r\n", b"$999999999999\r\n", b"*3\r\n" * 200, b":1\r\n", b"$-1\r\n",
    b"-LOADING Redis is loading the dataset in memory\r\n", b"-ERR no\r\n", b"$3\r\nabcdef\r\n",
    b"*2\r\n$2\r\nOK\r\n$40\r\n1 x y z us-east purple -1 1e5 nan  up 0 .\r\n", b"", None,
], ids=lambda b: repr(b)[:28])
def test_rubbish_on_the_redis_port(maker, region, router, answer):
    server = maker.add(Rubbish(answer))
    regions = [region("us-east"), region("eu-west")]
    r = router(regions, f"redis://127.0.0.1:{server.port}/0", **QUICK,
               redis={"command_timeout": "100ms", "connect_timeout": "500ms"})
    wait_for(lambda: server.heard > 0, what="the router to meet the rubbish")
    check_serves(r)
    regions[0].fault(status=503)
    for _ in range(6):
        assert r.chat().status == 200
    assert regions[0].attempts() <= 5 + 4  # tripped on its own evidence
    assert mode(r) == "away" and not r.is_attached()
    wait_for(lambda: log_lines(r, "shared state away"), what="a word about it")
    check_serves(r)
    assert len(log_lines(r, "shared state away")) == 1
    assert r.process.err().count("\n") < 60
