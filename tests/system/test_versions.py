"""Three versions in one fleet, as during an upgrade: each brings its own scripts, all obey all."""

import re

import pytest

from conftest import Fleet
from sluice.admin import Admin
from sluice.proc import BUILD, wait_for

CALM = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
        "breaker": {"failure_threshold": 3, "recovery_timeout": "1s", "recovery_timeout_max": "1s",
                    "trip_confirm": "none"},
        # Heartbeats are rare, so what is heard at once was pushed.
        "redis": {"sync": "60s", "command_timeout": "1s"}}
VERSIONS = {None: "", "older": "0.0.9", "newer": "9.0.0"}


@pytest.fixture
def mixed(redis, region, router):
    regions = [region("us-east"), region("eu-west")]
    routers = [router(regions, redis.url, name=v or "current", version=v, **CALM)
               for v in VERSIONS]
    for r in routers:
        wait_for(r.is_attached, what=f"{r.name} to reach Redis")
    f = Fleet(regions, routers, redis, Admin(redis.url))
    wait_for(lambda: redis("PUBSUB", "NUMSUB", "{sluice:test}:push")[1] == len(routers),
             what="all to listen")
    yield f
    for r in f.routers:
        said = r.process.err()
        assert "subscriber replaced" not in said and "makes no sense" not in said, said
        assert said.count("shared state away") == 0, said


def own_version():
    return Admin()("--version").out.split()[-1]


def script_hash(version, script):
    """As the program of that version names its script."""
    path = BUILD / ("versions/" + version if version else "") / "gen" / "lua_scripts.c"
    return re.search(rf'{{"{script}", "([0-9a-f]{{40}})"', path.read_text())[1]


def pushes(r):
    return r.metrics()["sluice_store_pushes_total"]


def states(f):
    return {r.breaker("us-east") for r in f.routers}


def trip(f, by):
    """Failures of one router alone; all divert."""
    f.region("us-east").fault(status=503)

    def known():
        assert by.chat().status == 200
        return states(f) == {"open"}
    wait_for(known, what=f"all to divert after {by.name}")


def recover(f, by):
    """One router's probes; all return."""
    f.region("us-east").heal()

    def closed():
        assert by.chat().status == 200
        return states(f) == {"closed"}
    wait_for(closed, what=f"all to return after {by.name}")


def test_all_divert_with_each_and_return_with_each(mixed):
    f = mixed
    for i, r in enumerate(f.routers):
        before = [pushes(x) for x in f.routers]
        trip(f, r)
        recover(f, f.routers[i - 1])
        for x, n in zip(f.routers, before):
            wait_for(lambda x=x, n=n: pushes(x) >= n + 3, what="open, half-open, closed by push")
    assert len({(r.state()["shared_state"]["generation"], r.state()["shared_state"]["version"])
                for r in f.routers}) == 1


def test_each_brings_its_own_scripts(mixed):
    f = mixed
    hashes = [[script_hash(v, s) for v in VERSIONS] for s in ("sync", "report")]
    assert all(len(set(row)) == len(VERSIONS) for row in hashes)
    f.redis("SCRIPT", "FLUSH")
    assert f.redis("SCRIPT", "EXISTS", *hashes[1]) == [0, 0, 0]
    for r in f.routers:
        trip(f, r)
        recover(f, r)
    assert f.redis("SCRIPT", "EXISTS", *hashes[1]) == [1, 1, 1]
    wait_for(lambda: f.redis("SCRIPT", "EXISTS", *hashes[0]) == [1, 1, 1], what="all to sync")


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_a_cli_of_any_version(mixed, version):
    f = mixed
    admin = Admin(f.redis.url, version=version)
    mine = VERSIONS[version] or own_version()
    others = sorted({own_version(), "0.0.9", "9.0.0"} - {mine})
    assert admin("--version").out.split()[-1] == mine
    for word in ("down", "up", "drain", "auto"):
        done = admin.json("region", word, "us-east", "--reason", "upgrade", "--wait")
        assert done["forced"] == word and done["acknowledged"] == 3
        answers = {r.chat().headers["x-sluice-region"] for r in f.routers}
        assert answers == {"eu-west" if word in ("down", "drain") else "us-east"}
    shown = admin("routers")
    assert shown.rc == 0 and f"this is sluice-admin {mine}" in shown.out
    assert all(v in shown.out for v in others)
    [found] = [x for x in admin("--json", "doctor").json()["findings"] if x["check"] == "versions"]
    assert found["level"] == "warn" and all(v in found["what"] for v in others), found
    assert len(admin.json("status")["regions"]) == 2


def test_a_word_outlives_a_flush(mixed):
    f = mixed
    was = f.router.state()["shared_state"]["generation"]
    assert f.admin("region", "down", "us-east", "--wait").rc == 0
    f.redis("FLUSHALL")
    # Whoever speaks to Redis next finds out.
    wait_for(lambda: all(r.chat().status == 200 and r.is_attached() and
                         r.state()["shared_state"]["generation"] not in ("", was)
                         for r in f.routers), what="all to attach again")
    assert f.admin.json("region", "show", "us-east")["forced"] == "down"
    assert f.region("us-east").attempts() == 0


def test_upgraded_one_by_one(mixed):
    f = mixed
    assert f.admin("region", "down", "us-east", "--wait").rc == 0
    for r in f.routers:
        r.term()
        assert r.process.wait_end() == 0
        r.version = "newer"
        assert r.launch()
        wait_for(r.is_attached, what=f"{r.name} to attach")
        assert [x.chat().headers["x-sluice-region"] for x in f.routers] == ["eu-west"] * 3
    shown = f.admin.json("routers")["routers"]
    assert [r["version"] for r in shown] == ["9.0.0"] * 3
    assert f.region("us-east").attempts() == 0
    trip_free = f.admin("region", "auto", "us-east", "--wait")
    assert trip_free.rc == 0
    trip(f, f.routers[0])
