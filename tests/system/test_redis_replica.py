"""Routers that listen at a replica: what is said at the primary reaches them, whatever it does."""

import re

import pytest

from conftest import Fleet
from sluice.admin import Admin
from sluice.proc import wait_for
from sluice.redis import Redis

CHANNEL = "{sluice:test}:push"
CALM = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
        "breaker": {"failure_threshold": 3, "recovery_timeout": "60s"}}
LEFT = r"redis subscriber leaves redis\.subscribe_url for redis\.url: (.*)"
BACK = r"redis subscriber is back at redis\.subscribe_url"


def listeners(redis):
    return redis("PUBSUB", "NUMSUB", CHANNEL)[1]


def is_forced(router, name="us-east"):
    return router.metrics()[f'sluice_region_forced{{region="{name}"}}'] != 0


def pushes(router):
    return router.metrics()["sluice_store_pushes_total"]


def said(router, pattern):
    return re.findall(pattern, router.process.err())


class Pair:
    """A primary, its replica and two routers that listen at the replica."""

    def __init__(self, maker, region, router, login=("", ())):
        folders = [maker.folder / name for name in ("primary", "replica")]
        for folder in folders:
            folder.mkdir()
        user, acl = login
        self.primary = maker.add(Redis(folders[0], "--repl-diskless-sync-delay", 0))
        self.replica = maker.add(Redis(folders[1], "--replicaof", "127.0.0.1", self.primary.port))
        if acl:
            self.replica("ACL", "SETUSER", *acl)
        wait_for(lambda: "master_link_status:up" in self.replica("INFO", "replication"),
                 what="the replica to follow")
        regions = [region("us-east"), region("eu-west")]
        far = f"redis://{user}127.0.0.1:{self.replica.port}/0"
        # A heartbeat takes seconds, so what is heard at once was pushed.
        routers = [router(regions, self.primary.url, name=n, **CALM,
                          redis={"subscribe_url": far, "sync": "60s"}) for n in ("a", "b")]
        self.f = Fleet(regions, routers, self.primary, Admin(self.primary.url))
        for r in routers:
            wait_for(r.is_attached, what=f"{r.name} to reach Redis")
        self.wait_listening(0, 2)

    def wait_listening(self, primary, replica=None):
        wait_for(lambda: listeners(self.primary) == primary and
                 (replica is None or listeners(self.replica) == replica),
                 what=f"{primary} to listen at the primary, {replica} at the replica")

    def force(self, word):
        """Said at the primary; all obey."""
        done = self.f.admin("region", word, "us-east", "--wait")
        assert done.rc == 0, done
        assert {is_forced(r) for r in self.f.routers} == {word != "auto"}

    def wait_returned(self):
        """The replica has to bring news in time again; the first may find it late."""
        def returned():
            for word in ("drain", "auto"):
                self.force(word)
            return (listeners(self.primary), listeners(self.replica)) == (0, 2)
        wait_for(returned, what="all to listen at the replica alone")


@pytest.fixture
def pair(maker, region, router):
    return Pair(maker, region, router)


def test_news_come_from_the_replica(pair):
    before = [pushes(r) for r in pair.f.routers]
    pair.force("down")
    assert all(r.chat().headers["x-sluice-region"] == "eu-west" for r in pair.f.routers)
    pair.force("auto")
    for r, n in zip(pair.f.routers, before):
        wait_for(lambda r=r, n=n: pushes(r) >= n + 2, what=f"{r.name} to hear both")
    pair.wait_listening(0, 2)
    [found] = [x for x in pair.f.admin("--json", "doctor").json()["findings"]
               if x["check"] == "push"]
    assert found["level"] == "unknown" and "0 of 2 routers listen here" in found["what"]


def test_a_dead_replica_is_left_and_returned_to(pair):
    pair.replica.kill()
    pair.wait_listening(2)
    before = [pushes(r) for r in pair.f.routers]
    pair.force("down")
    for r, n in zip(pair.f.routers, before):
        wait_for(lambda r=r, n=n: pushes(r) > n, what=f"{r.name} to hear it by push")
        assert len(said(r, LEFT)) == 1 and "refused" in said(r, LEFT)[0]
    pair.replica.restart()
    wait_for(lambda: listeners(pair.replica) == 2, what="both to listen at the replica again")
    wait_for(lambda: "master_link_status:up" in pair.replica("INFO", "replication"),
             what="the replica to follow again")
    pair.wait_returned()
    assert all(said(r, BACK) for r in pair.f.routers)
    assert not any(said(r, "shared state away") for r in pair.f.routers)


def test_a_replica_that_stands_still_is_left(pair):
    """Reachable and silent: cut off from its primary, or following another."""
    pair.replica("CONFIG", "SET", "repl-timeout", "3600")
    pair.replica("REPLICAOF", "NO", "ONE")
    # By syncs, which find out: the first one after subscribing only says where news begin.
    for word in ("up", "down"):
        pair.force(word)
    pair.wait_listening(2, 2)
    for r in pair.f.routers:
        assert said(r, LEFT) == ["a change was not pushed"]
    before = [pushes(r) for r in pair.f.routers]
    pair.force("auto")
    for r, n in zip(pair.f.routers, before):
        wait_for(lambda r=r, n=n: pushes(r) > n, what=f"{r.name} to hear it by push")
    assert not any(said(r, BACK) for r in pair.f.routers)


def test_a_frozen_replica_is_left(pair):
    pair.replica.pause()
    for word in ("up", "down"):
        pair.force(word)
    pair.wait_listening(2)
    pair.force("auto")
    pair.replica.cont()  # and its news of back then are late by now
    pair.wait_returned()


def test_a_login_of_its_own(maker, region, router):
    """At the replica a user that may listen and nothing else."""
    acl = "ear on >s3cret resetchannels &* -@all +subscribe +ping +select +client".split()
    pair = Pair(maker, region, router, ("ear:s3cret@", acl))
    pair.force("down")
    pair.wait_listening(0, 2)
    for r in pair.f.routers:
        assert "s3cret" not in r.process.err()
