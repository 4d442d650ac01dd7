"""breaker.scope model: each model of a region has a breaker; the operator's word is the region's."""

import pytest

from sluice.admin import Admin
from sluice.proc import wait_for

EAST, BIG, SMALL = "us-east", "us-east/big", "us-east/small"
MODELS = {name: {"targets": [{"region": "us-east"}, {"region": "eu-west"}]}
          for name in ("big", "small")}


def by_model(fleet, **breaker):
    return fleet(2, 2, models=MODELS, retry={"num_retries": 2, "backoff": "1ms"},
                 breaker={"scope": "model", "failure_threshold": 3, "recovery_timeout": "60s",
                          "recovery_ramp": "0s", **breaker})


def place(router, key):
    """A key as the router's /state shows it."""
    region, _, model = key.partition("/")
    [r] = [r for r in router.state()["shared_state"]["regions"] if r["name"] == region]
    return next(m for m in r["models"] if m["name"] == model) if model else r


def wait_state(f, key, state):
    for r in f.routers:
        wait_for(lambda r=r: place(r, key)["state"] == state, what=f"{r.name}: {key} {state}")


def trip_big(f):
    f.region(EAST).fault(status=503, match={"model": "big"})

    def known():
        assert f.router.chat("trip", "big").status == 200
        return all(place(r, BIG)["state"] != "closed" for r in f.routers)
    wait_for(known, what=f"all routers to know that {BIG} is open")


def served_by(router, model):
    a = router.chat("hi", model)
    assert a.status == 200, a
    return a.headers["x-sluice-region"], a.headers["x-sluice-attempts"]


def test_a_model_trips_for_the_fleet_and_the_others_stay(fleet):
    f = by_model(fleet)
    trip_big(f)
    for r in f.routers:
        assert served_by(r, "big") == ("eu-west", "1")
        assert served_by(r, "small") == ("us-east", "1")
        assert place(r, SMALL)["state"] == place(r, EAST)["state"] == "closed"
        m = r.metrics()
        assert m['sluice_model_breaker_state{region="us-east",model="big"}'] == 1
        assert m['sluice_model_breaker_state{region="us-east",model="small"}'] == 0
        assert m['sluice_region_breaker_state{region="us-east"}'] == 1
    assert f.admin.story(BIG) == [("trip", "closed", "open")] and f.admin.story(SMALL) == []
    state = {r["region"]: r["state"] for r in f.admin.json("status")["regions"]}
    assert state == {"us-east": "closed", BIG: "open", SMALL: "closed",
                     "eu-west": "closed", "eu-west/big": "closed", "eu-west/small": "closed"}


def test_a_model_closes_by_probes_of_its_own(fleet):
    f = by_model(fleet, recovery_timeout="200ms", success_threshold=2)
    trip_big(f)
    f.region(EAST).heal()

    def closed():
        for r in f.routers:
            served_by(r, "big")
        return all(place(r, BIG)["state"] == "closed" for r in f.routers)
    wait_for(closed, what="the model to close")
    assert f.admin.story(BIG)[-1] == ("close", "half-open", "closed")
    assert f.admin.story(SMALL) == f.admin.story(EAST) == []


def test_checks_probe_a_model_that_nobody_asks_for(fleet):
    f = fleet(2, 2, models=MODELS, retry={"num_retries": 2, "backoff": "1ms"},
              health={"interval": "100ms"},
              breaker={"scope": "model", "failure_threshold": 3, "recovery_timeout": "200ms"})
    trip_big(f)
    f.region(EAST).heal()
    asked = f.attempts()
    wait_state(f, BIG, "closed")
    assert f.attempts() == asked


@pytest.mark.parametrize("word", ["down", "drain"])
def test_a_word_on_the_region_holds_for_its_models(fleet, word):
    f = by_model(fleet)
    assert f.admin("region", word, EAST, "--wait").rc == 0
    for r in f.routers:
        for model in MODELS:
            assert served_by(r, model) == ("eu-west", "1")
            assert place(r, f"{EAST}/{model}")["forced"] == word
    assert f.admin("region", "up", BIG, "--wait").rc == 0  # the sterner word holds
    assert served_by(f.router, "big") == ("eu-west", "1")
    assert f.admin("region", "auto", EAST, "--wait").rc == 0
    for model in MODELS:
        assert served_by(f.router, model) == ("us-east", "1")


def test_a_word_on_a_model_is_its_own(fleet):
    f = by_model(fleet)
    assert f.admin("region", "down", BIG, "--reason", "answers nonsense", "--wait").rc == 0
    for r in f.routers:
        assert served_by(r, "big") == ("eu-west", "1")
        assert served_by(r, "small") == ("us-east", "1")
        assert place(r, BIG)["reason"] == "answers nonsense"
    refused = f.admin("region", "down", "us-east/bigg")
    assert refused.rc != 0 and f"did you mean '{BIG}'" in refused.err, refused


def test_up_on_the_region_overrules_its_models_breakers(fleet):
    f = by_model(fleet)
    trip_big(f)
    f.region(EAST).heal()
    assert f.admin("region", "up", EAST, "--wait").rc == 0
    for r in f.routers:
        assert served_by(r, "big") == ("us-east", "1")


def test_throttling_cools_the_model_and_quota_the_region(fleet):
    f = by_model(fleet)
    f.region(EAST).fault(status=429, headers={"Retry-After": "60"}, match={"model": "big"})
    assert served_by(f.router, "big")[0] == "eu-west"
    for r in f.routers:
        wait_for(lambda r=r: place(r, BIG)["cooling_for_ms"] > 0, what="the model to cool")
        assert served_by(r, "small") == ("us-east", "1")
    f.region(EAST).fault(status=429, match={"model": "small"}, body='{"error":{"message":'
                         '"You exceeded your current quota","type":"insufficient_quota",'
                         '"code":"insufficient_quota"}}')
    assert served_by(f.router, "small")[0] == "eu-west"
    for r in f.routers:
        wait_for(lambda r=r: place(r, EAST)["cooling_for_ms"] > 0, what="the region to cool")
        assert served_by(r, "small") == ("eu-west", "1")


def test_a_regions_own_rule(fleet, region, router):
    """It needs five failures where the others need three."""
    f = fleet(1, 1)
    weak, strong = region("weak"), region("strong")
    r = router([weak, {"name": "strong", "base_url": strong.base_url, "priority": 1,
                       "breaker": {"failure_threshold": 5}}, f.region(EAST)],
               f.redis.url, fleet="own", retry={"num_retries": 2, "backoff": "1ms"},
               breaker={"failure_threshold": 3, "recovery_timeout": "60s"})
    wait_for(r.is_attached, what="the router to reach Redis")
    for x in (weak, strong):
        x.fault(status=503)

    for n, x in ((3, weak), (2, strong)):  # each request fails at both, while they are closed
        assert r.breaker("strong") == "closed"
        for _ in range(n):
            assert r.chat().headers["x-sluice-region"] == EAST
        wait_for(lambda: r.breaker(x.name) == "open", what=f"{x.name} to trip")
    assert (weak.attempts(), strong.attempts()) == (3, 5)

    def reasons():
        status = Admin(f.redis.url, fleet="own").json("status")
        return {row["region"]: row["why"] for row in status["regions"] if row["state"] == "open"}
    wait_for(lambda: len(reasons()) == 2, what="the fleet to follow the router's own breaker")
    why = reasons()
    assert why["weak"].startswith("3_") and why["strong"].startswith("5_"), why
