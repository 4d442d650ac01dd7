"""A region behind a proxy of its own: a tunnel, to it alone, by the config alone."""

import base64
import subprocess

import pytest
from sluice.certs import Certs
from sluice.proc import program, wait_for
from sluice.proxy import Proxy
from sluice.tls_region import TlsRegion


@pytest.fixture
def proxy(maker):
    return lambda *args: maker.add(Proxy(*args))


@pytest.fixture
def tls_region(maker, folder):
    certs = Certs(folder)

    def make(name):
        region = maker.add(TlsRegion(name, *certs.issue(name)))
        region.ca = str(certs.ca)
        return region
    return make


def test_a_tunnel_to_the_region(proxy, tls_region, router):
    p, region = proxy(), tls_region("us-east")
    r = router([region.entry(ca_file=region.ca, proxy=p.url("user:p%40ss@"), headers={"X-T": "t"})])
    answers = [r.chat() for _ in range(3)]
    assert [a.status for a in answers] == [200] * 3
    assert answers[0].all("x-of-proxy") == []
    assert len(region.asked) == 3 and len(p.asked) == 1  # the tunnel is kept
    line, fields = p.asked[0]
    assert line == f"CONNECT 127.0.0.1:{region.port} HTTP/1.1"
    assert fields["proxy-authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert set(fields) <= {"host", "proxy-authorization", "proxy-connection", "user-agent"}
    assert all("proxy-authorization" not in map(str.lower, f) for _, f in region.asked)
    dump = subprocess.run([program("sluice-router"), "-c", r.path, "--dump"], capture_output=True,
                          text=True).stdout
    assert f'"proxy": "http://***@127.0.0.1:{p.port}"' in dump
    assert "p%40ss" not in dump + r.process.err()


def test_a_socks_proxy_resolves_the_name(proxy, tls_region, router):
    p, region = proxy(), tls_region("us-east")
    entry = region.entry(ca_file=region.ca, proxy=p.url(scheme="socks5h"))
    entry["base_url"] = entry["base_url"].replace("127.0.0.1", "localhost")
    r = router([entry])
    assert r.chat().status == 200 and len(region.asked) == 1
    assert p.asked == [(f"CONNECT localhost:{region.port} SOCKS/5", {})]


def test_only_the_regions_that_name_one(proxy, tls_region, router):
    named, other = proxy(), proxy()
    env = {name: other.url() for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY",
                                          "all_proxy")}
    env |= {"no_proxy": "*", "NO_PROXY": "*"}
    regions = [tls_region(name) for name in ("us-east", "eu-west")]
    r = router([regions[0].entry(ca_file=regions[0].ca, proxy=named.url()),
                regions[1].entry(ca_file=regions[1].ca)], env=env, health={"interval": "100ms"},
               models={x.name: {"targets": [{"region": x.name}]} for x in regions})
    assert [r.chat(model=x.name).status for x in regions] == [200, 200]
    wait_for(lambda: all(any(path == "/v1/models" for path, _ in x.asked) for x in regions),
             what="a check of each")
    assert {line.split()[1] for line, _ in named.asked} == {f"127.0.0.1:{regions[0].port}"}
    assert other.asked == []


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_a_region_that_cannot_be_reached(proxy, tls_region, router, status):
    p, region = proxy(status), tls_region("us-east")
    r = router([region.entry(ca_file=region.ca, proxy=p.url())], retry={"num_retries": 0})
    answer = r.chat()
    assert answer.status == 503 and answer.all("x-of-proxy") == []
    assert region.asked == [] and "outcome=connect" in r.process.err()
