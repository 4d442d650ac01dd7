"""A fleet whose Redis speaks TLS only, and wants to see certificates."""

import re

from sluice.admin import Admin
from sluice.certs import Certs
from sluice.proc import wait_for
from sluice.redis import Redis


def tls_redis(folder, ca, cert, key, *more):
    return Redis(folder, "--port", 0, "--tls-port", "{port}", "--tls-ca-cert-file", ca,
                 "--tls-cert-file", cert, "--tls-key-file", key, *more)


def is_forced(router, name):
    return router.metrics()[f'sluice_region_forced{{region="{name}"}}'] != 0


def test_fleet_over_tls(maker, folder, region, router):
    certs = Certs(folder)
    redis = maker.add(tls_redis(folder, certs.ca, *certs.issue("server"), "--requirepass", "s3cret"))
    cert, key = certs.issue("router")
    files = {"ca_file": str(certs.ca), "cert_file": str(cert), "key_file": str(key)}
    url = f"rediss://:s3cret@localhost:{redis.port}/0"
    regions = [region("us-east"), region("eu-west")]
    a, b = (router(regions, url, name=n, redis=files) for n in ("a", "b"))
    for r in (a, b):
        wait_for(r.is_attached, what=f"{r.name} to reach Redis")

    admin = Admin(config=a.path)
    assert admin.json("status")["redis"].startswith("rediss://localhost:")
    assert admin("region", "down", "us-east", "--reason", "test").rc == 0
    wait_for(lambda: all(is_forced(r, "us-east") for r in (a, b)),
             what="both to hear of it")
    assert a.chat().status == 200 and regions[0].attempts() == 0

    plain = Admin(redis_url=f"rediss://localhost:{redis.port}")("status")
    assert plain.rc == 3 and "redis.ca_file" in plain.err
    # Without a config, the same trust by OpenSSL's own variable; the certificate is still missing.
    named = Admin(redis_url=f"rediss://localhost:{redis.port}")(
        "status", env={"SSL_CERT_FILE": str(certs.ca)})
    assert named.rc == 3 and "certificate" in named.err
    assert "s3cret" not in a.process.err() + plain.err + named.err


def test_wrong_name_is_away_with_one_sentence(maker, folder, region, router):
    certs = Certs(folder)
    cert, key = certs.issue("server", names="DNS:other.example")
    redis = maker.add(tls_redis(folder, certs.ca, cert, key, "--tls-auth-clients", "no"))
    r = router([region("us-east")], f"rediss://127.0.0.1:{redis.port}",
               redis={"ca_file": str(certs.ca)})
    assert r.chat().status == 200
    want = "TLS: the certificate is for another name than 127.0.0.1"
    wait_for(lambda: want in r.process.err(), what="the sentence")
    assert len(re.findall(r"shared state away", r.process.err())) == 1


def test_a_router_trusts_whom_its_config_names_alone(maker, folder, region, router):
    certs = Certs(folder)
    redis = maker.add(tls_redis(folder, certs.ca, *certs.issue("server"), "--tls-auth-clients", "no"))
    r = router([region("us-east")], f"rediss://127.0.0.1:{redis.port}",
               env={"SSL_CERT_FILE": str(certs.ca), "SSL_CERT_DIR": str(folder)})
    want = "is of an authority that is not trusted (name its file in redis.ca_file)"
    wait_for(lambda: want in r.process.err(), what="the sentence")


def test_missing_authority_file_stops_the_start(folder, region, router):
    r = router([region("us-east")], "rediss://127.0.0.1:1", redis={"ca_file": "/none.pem"},
               ready=False)
    wait_for(lambda: "redis.ca_file '/none.pem' cannot be read" in r.process.err(),
             what="the sentence")
