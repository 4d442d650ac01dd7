"""sluice-admin doctor against real fleets: what is wrong is named, with what to do."""

import os
import signal

import pytest

from sluice.admin import Admin
from sluice.proc import free_port, wait_for


def findings(f, **how):
    """{check: (level, what, do)} of one run; of several with one name the worst."""
    result = f.admin("--json", "doctor", **how)
    assert result.rc in (0, 1) and not result.err, result
    shown = result.json()
    assert shown["ok"] == (result.rc == 0)
    rank = ["ok", "unknown", "warn", "bad"].index
    out = {}
    for one in sorted(shown["findings"], key=lambda one: rank(one["level"])):
        out[one["check"]] = (one["level"], one["what"], one["do"] or "")
    return out


def check(found, name, level, what, do=""):
    assert found[name][0] == level and what in found[name][1] and do in found[name][2], found[name]


def level_of(f, name):
    return findings(f)[name][0]


def test_a_healthy_fleet(fleet):
    f = fleet(2, 2)

    def well():
        """Soon: routers have to listen first, and a busy moment may make Redis slow."""
        text = f.admin("doctor")
        assert text.rc in (0, 1) and not text.err, text
        return text.rc == 0 and text
    text = wait_for(well, what="a clean bill of health")
    assert all(line.startswith("ok ") for line in text.out.splitlines()[:-1]), text.out
    assert text.out.splitlines()[-1] == "16 ok, 0 unknown, 0 warn, 0 bad"


def test_a_redis_unfit_for_it(fleet):
    f = fleet(2, 1)
    for words in (["maxmemory", "1gb"], ["maxmemory-policy", "allkeys-lru"], ["appendonly", "no"]):
        f.redis("CONFIG", "SET", *words)
    far_ahead = int(f.redis("TIME")[0]) * 1000 + 3_600_000
    f.redis("HSET", "{sluice:test}:meta", "last", far_ahead)
    found = findings(f)
    check(found, "eviction", "bad", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction")
    check(found, "persistence", "warn", "a restart of Redis forgets", "appendonly yes")
    check(found, "clock", "warn", "behind what it said before", "slewed")
    f.redis("REPLICAOF", "127.0.0.1", "1")
    check(findings(f), "role", "bad", "it is a replica", "primary")


def test_a_user_with_too_few_rights(fleet):
    f = fleet(2, 1)
    f.redis("ACL", "SETUSER", "lame", "on", ">word", "~*", "resetchannels", "+@all", "-info", "-del",
            "-pubsub")
    f.admin = Admin()
    found = findings(f, env={"SLUICE_REDIS": f"redis://lame:word@127.0.0.1:{f.redis.port}/0"})
    check(found, "acl", "bad", "may not: DEL, PUBLISH, INFO", "ACL SETUSER <user> ~{sluice:test}:*")
    check(found, "push", "unknown", "NUMSUB")


def test_a_router_that_stands_still_and_others_that_differ(fleet, router):
    f = fleet(2, 2)
    other = router(f.regions, f.redis.url, name="other", breaker={"failure_threshold": 9})
    wait_for(other.is_attached, what="the third router")
    stopped = f.router.workers()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert f.admin("region", "drain", "us-east", "--for", "0", "--reason", "old").rc == 0
        found = findings(f)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    check(found, "applied", "bad", f":{stopped[0]}:", "older state")
    check(found, "config", "warn", f":{other.workers()[0]}:", "same file")
    check(found, "forced", "warn", "us-east is forced drain without an end", "region auto us-east")
    wait_for(lambda: level_of(f, "applied") == "ok", what="the router to catch up")
    assert f.admin("region", "auto", "us-east", "--wait").rc == 0
    check(findings(f), "forced", "ok", "0 of 2")


def test_regions_that_need_somebody(fleet):
    f = fleet(2, 1)
    f.region("us-east").fault(status=401)
    f.region("eu-west").fault(status=401)
    for _ in range(8):
        f.router.chat()
    wait_for(lambda: "region" in findings(f), what="the refused key to be known")
    found = findings(f)
    check(found, "region", "bad", "refuses our key", "api_key")


def test_an_older_and_a_newer_version_in_one_fleet(fleet):
    """The CLI works with both, and says so."""
    f = fleet(2, 1)
    now = f.redis("TIME")[0] + "000"
    for name, version in (("old", "0.0.9"), ("new", "99.1.0")):
        f.redis("HSET", "{sluice:test}:router:" + name, "host", "h", "pid", "1", "version", version,
                "config", "c", "started", now, "load", "0", "applied", "99")
        f.redis("ZADD", "{sluice:test}:routers", now, name)
    check(findings(f), "versions", "warn", "routers also run 99.1.0, 0.0.9", "side by side")
    shown = f.admin("routers")
    assert shown.rc == 0 and "routers run 99.1.0, 0.0.9, this is sluice-admin " in shown.out
    assert f.admin("region", "down", "us-east", "--for", "1m").rc == 0
    assert f.admin.json("region", "show", "us-east")["forced"] == "down"


def test_a_subscriber_that_cannot_listen(fleet):
    f = fleet(2, 1)
    wait_for(lambda: level_of(f, "push") == "ok", what="the router to listen")
    f.redis("ACL", "SETUSER", "default", "resetchannels")
    with f.redis.client() as c:
        c("CLIENT", "KILL", "TYPE", "pubsub")
    wait_for(lambda: level_of(f, "push") == "warn", what="the deaf router to be noticed")
    check(findings(f), "push", "warn", "0 of 1 routers listen", "SUBSCRIBE")


@pytest.mark.parametrize("fleet_name", ["test", "nobody"])
def test_no_fleet(redis, fleet_name):
    result = Admin(redis.url, fleet=fleet_name)("doctor")
    assert result.rc == 1 and not result.err
    assert f"no router ever joined fleet '{fleet_name}' here" in result.out


def test_no_store(redis):
    result = Admin(f"redis://127.0.0.1:{free_port()}")("doctor")
    assert result.rc == 3 and "Connection refused" in result.err and not result.out
    assert Admin(redis.url)("doctor", "us-east").rc == 2
