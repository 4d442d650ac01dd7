"""A Redis user with exactly the rule that the manual lists."""

import re

import pytest

from sluice.admin import Admin
from sluice.proc import ROOT, wait_for

QUICK = {"breaker": {"failure_threshold": 2, "recovery_timeout": "1s"}}


def manual_rule(fleet="test"):
    page = (ROOT / "router" / "sluice.json.5").read_text()
    rule = re.search(r"ACL SETUSER sluice on >PASSWORD\n(.*?)\.Ed", page, re.S).group(1)
    return [w.replace("{sluice:F}", "{sluice:%s}" % fleet) for w in rule.split()]


@pytest.fixture
def guarded(redis):
    """Redis that knows nobody but the fleet's user (and the test, by its password)."""
    redis("ACL", "SETUSER", "sluice", "on", ">pw", *manual_rule())
    return redis


def as_user(redis):
    return f"redis://sluice:pw@127.0.0.1:{redis.port}"


def denied(redis):
    return {e[e.index("object") + 1] for e in redis("ACL", "LOG", 128)}


def test_the_rule_is_enough(guarded, region, router):
    regions = [region("us-east"), region("eu-west")]
    a, b = (router(regions, as_user(guarded), name=n, **QUICK) for n in ("a", "b"))
    for r in (a, b):
        wait_for(r.is_attached, what=f"{r.name} to attach")
    regions[0].fault(status=503)
    for _ in range(6):
        assert a.chat().status in (200, 503)
    wait_for(lambda: b.breaker("us-east") != "closed", what="b to hear of the trip")
    regions[0].heal()
    wait_for(lambda: b.chat().status == 200 and b.breaker("us-east") == "closed",
             what="a probe to close it")
    regions[0].fault(status=429)
    assert a.chat().status == 200
    regions[0].heal()

    admin = Admin(config=a.path)
    for words in (["status"], ["routers"], ["events"], ["region", "show", "us-east"],
                  ["region", "down", "us-east", "--reason", "x"], ["region", "auto", "us-east"],
                  ["region", "drain", "us-east", "--reason", "x"], ["region", "up", "us-east"]):
        result = admin(*words)
        assert result.rc == 0, result
    b.term()
    assert b.process.wait_end() == 0
    wait_for(lambda: len(admin.json("routers")["routers"]) == 1, what="b to have left")
    assert denied(guarded) == set()


@pytest.mark.parametrize("word,says", [
    ("-evalsha", "NOPERM"),
    ("-hset", "The user executing the script can't run this command"),
    ("-publish", "The user executing the script can't run this command"),
    ("resetkeys", "NOPERM"),
])
def test_a_missing_right_is_said_once(guarded, region, router, word, says):
    r = router([region("us-east")], as_user(guarded))
    wait_for(r.is_attached, what="the router to attach")
    guarded("ACL", "SETUSER", "sluice", word)
    if word == "-publish":  # needed by changes only
        result = Admin(config=r.path)("region", "down", "us-east", "--reason", "x")
    else:
        wait_for(lambda: not r.is_attached(), what="the router to be refused")
        wait_for(lambda: len(denied(guarded)) > 0 and r.chat().status == 200, what="more tries")
        lines = re.findall(r"shared state away.*", r.process.err())
        assert len(lines) == 1 and says in lines[0], lines
        assert "the user needs " + " ".join(manual_rule()) in lines[0]
        result = Admin(config=r.path)("status")
    if word != "-hset":  # a look writes nothing
        assert result.rc == 3 and "the user needs " + " ".join(manual_rule()) in result.err, result
    guarded("ACL", "SETUSER", "sluice", *manual_rule())
    wait_for(r.is_attached, what="the router to be back")


def test_a_missing_channel_is_said_once(guarded, region, router):
    """Nothing is shared where nobody may publish it: that would be half a change."""
    guarded("ACL", "SETUSER", "sluice", "resetchannels", "&other")
    r = router([region("us-east")], as_user(guarded))
    wait_for(lambda: "shared state away" in r.process.err(), what="the sentence")
    wait_for(lambda: len(re.findall("channel", str(guarded("ACL", "LOG")))) > 0, what="more tries")
    [line] = re.findall(r"shared state away.*", r.process.err())
    assert "can't run this command: PUBLISH" in line and "&{sluice:test}:*" in line
    assert r.chat().status == 200


def test_a_missing_subscription_is_said_once(guarded, region, router):
    guarded("ACL", "SETUSER", "sluice", "-subscribe")
    r = router([region("us-east")], as_user(guarded))
    wait_for(lambda: "redis subscriber refused" in r.process.err(), what="the sentence")
    wait_for(lambda: "subscribe" in denied(guarded), what="more tries")
    [line] = re.findall(r"redis subscriber refused.*", r.process.err())
    assert "&{sluice:test}:*" in line
    assert r.chat().status == 200


def test_a_rotated_password_is_said_once(guarded, region, router):
    r = router([region("us-east")], as_user(guarded))
    wait_for(r.is_attached, what="the router to attach")
    guarded("ACL", "SETUSER", "sluice", "resetpass", ">other")
    guarded("CLIENT", "KILL", "USER", "sluice")
    wait_for(lambda: "WRONGPASS" in r.process.err(), what="the sentence")
    assert r.chat().status == 200
    assert len(re.findall(r"shared state away", r.process.err())) == 1
    result = Admin(config=r.path)("status")
    assert result.rc == 3 and "WRONGPASS" in result.err
