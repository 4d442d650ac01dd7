"""Out of credit, and a key that is refused: an operator sees at a glance what is wrong."""

from sluice.proc import wait_for
from sluice.router import region_entry

BROKE = {"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota",
                   "param": None, "code": "insufficient_quota"}}
NO_RETRY = {"retry": {"num_retries": 0}}


def cooling(f, region="us-east"):
    return f.admin.json("status", region)["regions"][0]["cooling"]


def test_out_of_credit_is_said(fleet):
    f = fleet(2, 2)
    f.region("us-east").fault(status=429, body=BROKE)
    assert f.router.chat().status == 200
    wait_for(lambda: cooling(f) == "quota", what="the mark")
    status = f.admin("status").out
    assert "quota " in status and "out of credit" in status, status
    assert "quota: out of credit" in f.admin("region", "show", "us-east").out
    assert "quota: out of credit" in f.admin("events").out
    assert f.routers[1].chat().headers["x-sluice-region"] == "eu-west"


def test_what_began_to_cool_while_redis_was_away_is_told_when_it_is_back(fleet):
    f = fleet(2, 2)
    east = f.region("us-east")
    f.redis.kill()
    for r in f.routers:
        wait_for(lambda r=r: not r.is_attached(), what="Redis to be missed")
    east.fault(status=429, body=BROKE)
    assert f.router.chat().status == 200
    f.redis.restart()
    wait_for(lambda: f.routers[1].state()["shared_state"]["regions"][0]["cooling_for_ms"] > 0,
             what="the other router to hear")
    assert cooling(f) == "quota"
    attempts = east.attempts()
    assert f.routers[1].chat().headers["x-sluice-region"] == "eu-west"
    assert east.attempts() == attempts


def test_a_refused_key_marks_the_region_after_three(fleet):
    f = fleet(1, 1, **NO_RETRY)
    region = f.region("us-east")
    region.fault(status=401)
    for n in range(1, 4):
        assert cooling(f) is None, f"after {n - 1}"
        f.router.chat()
        assert region.attempts() == n
    wait_for(lambda: cooling(f) == "auth", what="the mark")
    status = f.admin("status").out
    assert "misconfigured " in status and "check its api_key" in status, status
    assert "misconfigured: our key was refused" in f.admin("region", "show", "us-east").out
    assert "misconfigured: our key was refused" in f.admin("events").out
    f.router.chat()
    assert region.attempts() == 3, "no more requests go there"


def test_a_router_with_a_wrong_key_does_not_mark_it_for_others(redis, region, router):
    one = region("us-east", "key-us-east")
    right = router([one], redis.url, name="right", **NO_RETRY)
    wrong = router([region_entry(one, 1) | {"api_key": "key-of-yesterday"}], redis.url,
                   name="wrong", **NO_RETRY)
    for r in (right, wrong):
        wait_for(r.is_attached, what=f"{r.name} to reach Redis")

    def shown(r):
        return r.state()["shared_state"]["regions"][0]

    assert right.chat().status == 200
    wait_for(lambda: redis("ZCARD", "{sluice:test}:ok:us-east") == 1,
             what="the success to be known")
    for _ in range(3):
        assert wrong.chat().status != 200
    assert shown(wrong)["cooling_for_ms"] > 0, "the one that is wrong keeps away"
    attempts = one.attempts()
    assert wrong.chat().status == 401 and one.attempts() == attempts
    for _ in range(5):
        assert right.chat().status == 200
    assert shown(right)["cooling_for_ms"] == 0
