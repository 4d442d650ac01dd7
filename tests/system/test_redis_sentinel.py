"""Sentinel names the master: routers follow it through failovers."""

import re

import pytest

from sluice.admin import Admin
from sluice.certs import Certs
from sluice.proc import wait_for
from sluice.sentinel import Watched

CHANNEL = "{sluice:test}:push"


def is_forced(router, name):
    return router.metrics()[f'sluice_region_forced{{region="{name}"}}'] != 0


def wait_forced(routers, name, want, what):
    wait_for(lambda: all(is_forced(r, name) == want for r in routers), what=what)


def wait_listening(watched, redis, n):
    wait_for(lambda: watched.subscribers(redis, CHANNEL) == n, seconds=60,
             what="the routers to listen at the master")


@pytest.fixture
def watched(maker):
    return Watched(maker, password="s3cret")


def test_routers_follow_a_killed_master(watched, region, router):
    regions = [region("us-east"), region("eu-west")]
    routers = [router(regions, watched.url(), name=n) for n in ("a", "b")]
    for r in routers:
        wait_for(r.is_attached, what=f"{r.name} to find the master")
    old, new = watched.redises
    wait_listening(watched, old, 2)
    admin = Admin(config=routers[0].path)
    assert admin("region", "down", "us-east", "--reason", "flood").rc == 0
    wait_forced(routers, "us-east", True, "all to hear of it")

    watched.ask(old, "WAIT", 1, 20000)
    old.kill()
    assert all(r.chat().status == 200 for r in routers)
    wait_for(lambda: watched.master() is new, seconds=60, what="the failover")
    wait_listening(watched, new, 2)
    wait_for(lambda: all(r.is_attached() for r in routers), what="all to be attached again")

    assert all(is_forced(r, "us-east") for r in routers)
    status = admin.json("status")
    assert [r["forced"] for r in status["regions"] if r["region"] == "us-east"] == ["down"]
    assert regions[0].attempts() == 0
    assert admin("region", "auto", "us-east").rc == 0
    wait_forced(routers, "us-east", False, "all to hear it by the new master")
    for r in routers:
        assert "s3cret" not in r.process.err()
        assert len(re.findall("shared state away", r.process.err())) <= 1


def test_a_word_that_the_new_master_never_heard(watched, region, router):
    """Said while the replica was cut off: the routers say it again."""
    regions = [region("us-east"), region("eu-west")]
    routers = [router(regions, watched.url(), name=n) for n in ("a", "b")]
    old, new = watched.redises
    wait_listening(watched, old, 2)
    watched.ask(new, "CONFIG", "SET", "masterauth", "wrong")
    watched.ask(old, "CLIENT", "KILL", "TYPE", "replica")
    wait_for(lambda: "master_link_status:down" in watched.ask(new, "INFO", "replication"),
             what="the replica to be cut off")
    admin = Admin(config=routers[0].path)
    assert admin("region", "down", "us-east", "--reason", "flood", "--wait").rc == 0
    assert watched.ask(new, "HGET", "{sluice:test}:r:us-east", "forced") != "down"

    old.kill()
    wait_for(lambda: watched.master() is new, what="the failover")
    wait_listening(watched, new, 2)
    wait_for(lambda: all(r.is_attached() for r in routers), what="all to be attached again")
    assert all(is_forced(r, "us-east") for r in routers)
    [row] = [r for r in admin.json("status")["regions"] if r["region"] == "us-east"]
    assert row["forced"] == "down"
    assert all(r.chat().headers["x-sluice-region"] == "eu-west" for r in routers)
    assert regions[0].attempts() == 0


def test_routers_leave_a_master_that_lives_on(watched, region, router):
    r = router([region("us-east")], watched.url())
    wait_for(r.is_attached, what="the router to find the master")
    old, new = watched.redises
    wait_listening(watched, old, 1)
    wait_for(lambda: sum(x("CLIENT", "LIST").count(" sub=1 ") for x in watched.sentinels) == 1,
             what="the router to listen at one Sentinel")
    watched.sentinels[1]("SENTINEL", "FAILOVER", watched.name)
    wait_listening(watched, new, 1)
    wait_for(r.is_attached, what="the router to be attached to it")
    assert Admin(config=r.path)("region", "down", "us-east", "--reason", "x").rc == 0
    wait_forced([r], "us-east", True, "the push")


def test_sentinels_behind_tls(maker, folder, region, router):
    certs = Certs(folder)
    watched = Watched(maker, certs=certs)
    r = router([region("us-east")], watched.url("rediss+sentinel"),
               redis={"ca_file": str(certs.ca)})
    wait_for(r.is_attached, what="the router to find the master")
    wait_listening(watched, watched.redises[0], 1)
    watched.sentinels[0]("SENTINEL", "FAILOVER", watched.name)
    wait_listening(watched, watched.redises[1], 1)
    wait_for(r.is_attached, what="the router to be attached to the new one")
    assert Admin(config=r.path)("status").rc == 0
    untrusted = Admin(redis_url=watched.url("rediss+sentinel"))("status")
    assert untrusted.rc == 3 and "an authority that is not trusted" in untrusted.err


def test_dead_sentinels_and_unknown_names(watched, region, router):
    for s in watched.sentinels[:2]:
        s.process.kill()
    r = router([region("us-east")], watched.url())
    wait_for(r.is_attached, what="the router to ask the third Sentinel")
    admin = Admin(config=r.path)
    assert admin("status").rc == 0
    wrong = Admin(redis_url=f"redis+sentinel://127.0.0.1:{watched.sentinels[2].port}/other")
    result = wrong("status")
    assert result.rc == 3 and "it watches no master of that name" in result.err
    for s in watched.sentinels:
        s.process.kill()
    none = admin("status")
    assert none.rc == 3 and "no Sentinel says where 'main' is" in none.err
    assert "s3cret" not in none.err
