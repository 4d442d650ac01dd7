"""A Redis Cluster: one node serves the fleet's keys, whichever the URL names."""

import re

import pytest

from sluice.admin import Admin
from sluice.certs import Certs
from sluice.cluster import Cluster
from sluice.proc import ROOT, Process, wait_for

KEY, CHANNEL = "{sluice:test}:meta", "{sluice:test}:push"


@pytest.fixture
def cluster(maker):
    return Cluster(maker)


def is_forced(router, name):
    return router.metrics()[f'sluice_region_forced{{region="{name}"}}'] != 0


def wait_forced(routers, name, want, what):
    wait_for(lambda: all(is_forced(r, name) == want for r in routers), what=what)


def wait_listening(node, n):
    wait_for(lambda: node("PUBSUB", "NUMSUB", CHANNEL)[1] == n, what="the routers to listen there")


def manual_rules():
    """The ACL rule of the manual, with what it adds for a Cluster."""
    page = (ROOT / "router" / "sluice.json.5").read_text()
    rule = re.search(r"ACL SETUSER sluice on >PASSWORD\n(.*?)\.Ed", page, re.S).group(1)
    return [w.replace("{sluice:F}", "{sluice:test}") for w in rule.split()] + ["+cluster|shards"]


def test_any_node_will_do(cluster, region, router):
    owner = cluster.owner(KEY)
    regions = [region("us-east"), region("eu-west")]
    routers = [router(regions, n.url, name=f"r{i}") for i, n in enumerate(cluster.nodes)]
    for r in routers:
        wait_for(r.is_attached, what=f"{r.name} to find the fleet's node")
    wait_listening(owner, 3)
    for i, r in enumerate(routers):
        admin = Admin(config=r.path)
        assert len(admin.json("routers")["routers"]) == 3
        word = ("down", "auto", "drain")[i]
        assert admin("region", word, "us-east", "--reason", "x").rc == 0
        wait_forced(routers, "us-east", word != "auto", f"all to hear of {word}")
    for r in routers:
        assert "shared state away" not in r.process.err()


def test_routers_follow_the_slot(cluster, region, router):
    owner = cluster.owner(KEY)
    other = next(n for n in cluster.nodes if n is not owner)
    routers = [router([region("us-east"), region("eu-west")], owner.url, name=n)
               for n in ("a", "b")]
    for r in routers:
        wait_for(r.is_attached, what=f"{r.name} to attach")
    wait_listening(owner, 2)
    admin = Admin(config=routers[0].path)
    assert admin("region", "down", "us-east", "--reason", "x").rc == 0
    wait_forced(routers, "us-east", True, "all to hear of it")

    cluster.move(KEY, other)
    assert all(r.chat().status == 200 for r in routers)
    wait_listening(other, 2)
    wait_for(lambda: all(r.is_attached() for r in routers), what="all to be attached again")
    assert all(is_forced(r, "us-east") for r in routers)
    assert admin("region", "auto", "us-east").rc == 0
    wait_forced(routers, "us-east", False, "all to hear it by the new node")
    for r in routers:
        assert len(re.findall("shared state away", r.process.err())) <= 1


def test_the_fleets_node_is_away_and_comes_back(cluster, region, router):
    owner = cluster.owner(KEY)
    others = [n for n in cluster.nodes if n is not owner]
    url = "redis://" + ",".join(f"127.0.0.1:{n.port}" for n in (others[0], owner))
    r = router([region("us-east")], url)
    wait_for(r.is_attached, what="the router to attach")
    owner.kill()
    wait_for(lambda: not r.is_attached(), what="the router to notice")
    assert r.chat().status == 200
    wait_for(lambda: "cluster_state:fail" in others[0]("CLUSTER", "INFO"),
             what="the Cluster to notice")
    down = Admin(redis_url=others[0].url)("status")
    assert down.rc == 3 and ("CLUSTERDOWN" in down.err or "cannot be reached" in down.err)
    owner.restart()
    cluster.wait_ok()
    wait_for(r.is_attached, what="the router to attach again")


def test_doctor_says_what_a_url_lacks(cluster, router, region):
    owner = cluster.owner(KEY)
    wait_for(router([region("us-east")], owner.url).is_attached, what="the router to attach")
    owner("ACL", "SETUSER", "poor", "on", ">pw", "~*", "&*", "+@all", "-cluster|shards")
    owner("ACL", "SETUSER", "rich", "on", ">pw", *manual_rules())
    one = f"127.0.0.1:{owner.port}"
    for user, hosts, level, what in [
            ("poor", one, "warn", "may not CLUSTER SHARDS"),
            ("rich", one, "warn", "names one node"),
            ("rich", f"{one},127.0.0.1:{cluster.nodes[0].port}", "ok", "to each other"),
            ("rich", f"localhost:{owner.port}", "ok", "to each other")]:
        said = Admin()("doctor", "--json", env={"SLUICE_REDIS": f"redis://{user}:pw@{hosts}"})
        found = [f for f in said.json()["findings"] if f["check"] == "cluster"]
        assert [(f["level"], what in f["what"]) for f in found] == [(level, True)], (said, user)


def test_other_databases_are_refused(cluster):
    result = Admin(redis_url=f"redis://127.0.0.1:{cluster.nodes[0].port}/1")("status")
    assert result.rc == 3 and "a Redis Cluster has database 0 only" in result.err


def one_node(maker, kind):
    """A Cluster, the URL of the node that has the keys, the CLI's environment, and what the
    router's config adds."""
    if kind == "over TLS":
        certs = Certs(maker.folder)
        cert, key = certs.issue("server")
        cluster = Cluster(maker, "--port", 0, "--tls-port", "{port}", "--tls-cluster", "yes",
                          "--tls-replication", "yes", "--tls-auth-clients", "no",
                          "--tls-ca-cert-file", certs.ca, "--tls-cert-file", cert,
                          "--tls-key-file", key)
        url = cluster.owner(KEY).url.replace("redis:", "rediss:")
        return cluster, url, {"SSL_CERT_FILE": str(certs.ca)}, {"redis": {"ca_file": str(certs.ca)}}
    if kind in ("plain", "frozen"):
        cluster = Cluster(maker)
        return cluster, cluster.owner(KEY).url, {}, {}
    cluster = Cluster(maker, "--cluster-preferred-endpoint-type", "unknown-endpoint",
                      "--user", "sluice", "on", ">pw", *manual_rules())
    return cluster, cluster.owner(KEY).url.replace("//", "//sluice:pw@"), {}, {}


@pytest.mark.parametrize("kind", ["plain", "frozen", "the manual's ACL rule, and no hosts",
                                  "over TLS"])
def test_the_one_named_node_dies_and_the_others_are_found(maker, region, router, kind):
    cluster, url, env, config = one_node(maker, kind)
    owner = cluster.owner(KEY)
    heir = cluster.add_replica(owner)
    routers = [router([region("us-east"), region("eu-west")], url, name=n, **config) for n in "ab"]
    for r in routers:
        wait_for(r.is_attached, what=f"{r.name} to attach")
    wait_listening(owner, 2)
    env["SLUICE_REDIS"] = url
    admin = Admin()
    tail = Process(admin.argv("events", "-f", "--json"), maker.folder, "events",
                   admin.environment(env))
    assert admin("region", "down", "us-east", "--reason", "one", env=env).rc == 0
    wait_forced(routers, "us-east", True, "all to hear of it")
    wait_for(lambda: '"why":"one"' in tail.out(), what="the follower to hear of it")

    if kind == "frozen":
        owner.pause()
    else:
        owner.kill()
    assert all(r.chat().status == 200 for r in routers)
    wait_for(lambda: all(not r.is_attached() for r in routers), what="the routers to notice")
    assert all(is_forced(r, "us-east") and r.chat().status == 200 for r in routers)
    wait_for(lambda: all(r.is_attached() for r in routers), seconds=60,
             what="the routers to find the node that took over")
    assert cluster.owner_among(KEY, heir)
    wait_listening(heir, 2)
    assert all(is_forced(r, "us-east") for r in routers)

    lost = admin("status", env=env)
    assert lost.rc == 3 and "cannot be reached" in lost.err, "it starts with the URL alone"
    env["SLUICE_REDIS"] = url.replace("/0", f",127.0.0.1:{heir.port}/0")
    assert len(admin.json("routers", env=env)["routers"]) == 2
    assert admin("region", "drain", "us-east", "--reason", "two", env=env).rc == 0
    wait_for(lambda: '"why":"two"' in tail.out(), what="the follower to hear it by the new node")
    assert admin("region", "auto", "us-east", env=env).rc == 0
    wait_forced(routers, "us-east", False, "all to hear it by the new node")
    for node in cluster.nodes:
        if node is not owner:
            assert node("ACL", "LOG", 128) == []
