"""A key of the fleet's that is gone, or is not what it was: evicted, deleted, written over."""

import pytest

from sluice.proc import wait_for

CALM = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
        "breaker": {"failure_threshold": 3, "recovery_timeout": "60s"},
        "redis": {"sync": "500ms"}}

REGIONS = ["us-east", "eu-west", "ap-south"]

# Each kind of key of docs/PROTOCOL.md; {id}: of a router.
KEYS = ["meta", "keys", "r:us-east", "r:eu-west", "r:ap-south", "w:us-east", "p:us-east",
        "ok:eu-west", "row:us-east", "rep:us-east", "dis:us-east", "au:us-east", "lat:us-east",
        "check:us-east", "forced", "seq", "routers", "router:{id}", "log"]

DAMAGES = {
    "deleted": [],
    "text": ["SET", "damaged"],
    "list": ["RPUSH", "damaged"],
    "set": ["SADD", "damaged"],
}


def forced(router, region):
    number = router.metrics()[f'sluice_region_forced{{region="{region}"}}']
    return ("auto", "up", "down", "drain")[int(number)]


def story(router):
    """What a router knows that must not be lost."""
    return [forced(router, "us-east"), forced(router, "eu-west"), router.breaker("ap-south")]


SAID = ["down", "drain", "open"]


@pytest.fixture
def said(fleet):
    """Three routers; one region is down, one drains for an hour, and one has tripped."""
    f = fleet(3, 3, **CALM)
    f.region("ap-south").fault(status=503)
    f.admin("region", "down", "us-east", "--reason", "incident")
    f.admin("region", "drain", "eu-west", "--for", "1h", "--reason", "incident")

    def all_know():
        f.router.chat()
        return all(story(r) == SAID for r in f.routers)
    wait_for(all_know, what="all to know")
    return f


def damage(redis, key, command):
    redis("DEL", key)
    if command:
        redis(command[0], key, *command[1:])


def expect_whole(f, newcomer, what):
    def known():
        page = f.admin.json("status")
        regions = {r["region"]: r for r in page["regions"]}
        return (set(regions) == set(REGIONS)
                and [regions["us-east"]["forced"], regions["eu-west"]["forced"],
                     regions["ap-south"]["state"]] == SAID)
    wait_for(known, what=f"the data to be whole after {what}")
    for r in [*f.routers, newcomer]:
        wait_for(lambda r=r: story(r) == SAID, what=f"{r.name} to know after {what}")
        assert "shared state away" not in r.process.err(), what
    # and they still hear
    assert f.admin("region", "up", "ap-south").rc == 0, what
    for r in [*f.routers, newcomer]:
        wait_for(lambda r=r: forced(r, "ap-south") == "up", what=f"{r.name} to hear after {what}")
    assert f.admin("region", "auto", "ap-south").rc == 0, what


@pytest.mark.parametrize("way", DAMAGES)
def test_what_was_said_outlives_each_key(said, router, way):
    f = said
    row = [key.format(id=f.admin.json("routers")["routers"][0]["id"]) for key in KEYS]
    for i, key in enumerate(row):
        damage(f.redis, "{sluice:test}:" + key, DAMAGES[way])
        if i % 4 == 0:  # a router that never knew it
            newcomer = router(f.regions, f.redis.url, name=f"new-{i}", **CALM)
            wait_for(newcomer.is_attached, what="the new router to attach")
        expect_whole(f, newcomer, f"{key} {way}")
        if i % 4 == 3:
            newcomer.stop()


def test_the_log_says_what_was_lost(said):
    f = said
    damage(f.redis, "{sluice:test}:r:us-east", DAMAGES["deleted"])
    wait_for(lambda: any(e["why"] == "lost_r:us-east" for e in f.admin.json("events")["events"]),
             what="the event")
    wait_for(lambda: all(story(r) == SAID for r in f.routers), what="all to be level")


def test_a_word_after_the_loss_stands(said):
    """Whoever says it again does not say it over what the operator said since."""
    f = said
    damage(f.redis, "{sluice:test}:r:us-east", DAMAGES["deleted"])
    wait_for(lambda: f.admin("region", "auto", "us-east", "--wait").rc == 0,
             what="the region to be known again")
    for r in f.routers:
        wait_for(lambda r=r: forced(r, "us-east") == "auto", what=f"{r.name} to hear")
    assert f.admin.json("status")["regions"][0]["forced"] == "auto"
