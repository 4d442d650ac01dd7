"""Whose certificates a region may show: a key goes to nobody else."""

import os

import pytest
from sluice.certs import Certs
from sluice.proc import wait_for
from sluice.tls_region import TlsRegion

SYSTEM = "/etc/ssl/certs"  # of Debian's libcurl; a test that finds another one fails


class Authorities:
    """Two of them: public, which is the system's for who is started within(), and corp."""

    def __init__(self, folder):
        if os.geteuid() != 0:
            pytest.skip("a folder of one's own over /etc/ssl/certs needs root")
        self.folder = folder
        self.by = {name: Certs(self._make(name), name) for name in ("public", "corp")}
        self.system = self._make("system")
        public = self.by["public"]
        (self.system / "ca-certificates.crt").write_bytes(public.ca.read_bytes())
        (self.system / f"{public.hash()}.0").write_bytes(public.ca.read_bytes())
        self.within = ["unshare", "-m", "sh", "-c",
                       f'mount --bind "$0" {SYSTEM} && exec "$@"', self.system]

    def _make(self, name):
        (self.folder / name).mkdir()
        return self.folder / name

    def file(self, name):
        return str(self.by[name].ca)

    def region(self, name, authority):
        return TlsRegion(name, *self.by[authority].issue("region"))


@pytest.fixture
def authorities(folder):
    return Authorities(folder)


@pytest.fixture
def regions(maker, authorities):
    return {name: maker.add(authorities.region(name, name)) for name in ("public", "corp")}


# The settings of the whole and of both regions, and whose region may be asked.
ROWS = {
    "the system's": ({}, {}, ["public"]),
    "a file in place of the system's": ({"ca_file": "corp"}, {}, ["corp"]),
    "a file beside the system's": ({"extra_ca_file": "corp"}, {}, ["corp", "public"]),
    "a region's own file": ({}, {"ca_file": "corp"}, ["corp"]),
    "a region's own over the config's": ({"ca_file": "public"}, {"ca_file": "corp"}, ["corp"]),
    "a region's own beside the system's": ({"ca_file": "public"}, {"extra_ca_file": "corp"},
                                           ["corp", "public"]),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_key_goes_to_who_is_trusted_alone(router, authorities, regions, row):
    whole, own, want = ROWS[row]
    files = [{name: authorities.file(value) for name, value in part.items()}
             for part in (whole, own)]
    for name, region in regions.items():
        r = router([region.entry(**files[1])], within=authorities.within, upstream=files[0],
                   retry={"num_retries": 0})
        answer = r.chat()
        assert (answer.status == 200) == (name in want), answer.text
        assert bool(region.asked) == (name in want)
        if name not in want:
            assert answer.status == 503 and "certificate" in r.process.err()


def test_regions_of_one_router_have_their_own_authorities(router, authorities, regions):
    r = router([regions["corp"].entry(1, ca_file=authorities.file("corp")),
                regions["public"].entry(2)], within=authorities.within,
               models={name: {"targets": [{"region": name}]} for name in regions})
    for _ in range(3):  # connections are kept: none of them serves the other region
        for name in regions:
            assert r.chat(model=name).status == 200
    assert {name: len(region.asked) for name, region in regions.items()} == {
        "corp": 3, "public": 3}


def test_a_health_check_sends_the_key_to_who_is_trusted_alone(router, authorities, regions):
    r = router([regions["corp"].entry(1), regions["public"].entry(2)],
               within=authorities.within, upstream={"ca_file": authorities.file("corp")},
               health={"interval": "100ms"})

    def failed(name):
        return r.metrics()[f'sluice_region_checks_total{{region="{name}",result="fail"}}']

    wait_for(lambda: failed("public") >= 2 and len(regions["corp"].asked) >= 2,
             what="two checks of each")
    assert failed("corp") == 0 and not regions["public"].asked


def test_the_environment_neither_names_authorities_nor_logs_keys(router, authorities, regions,
                                                                 folder):
    log = folder / "keylog"
    env = {"SSLKEYLOGFILE": str(log), "SSL_CERT_FILE": authorities.file("corp"),
           "SSL_CERT_DIR": str(folder), "CURL_CA_BUNDLE": authorities.file("corp")}
    r = router([regions["public"].entry()], within=authorities.within, env=env)
    assert r.chat().status == 200 and not log.exists()
    r = router([regions["corp"].entry()], within=authorities.within, env=env)
    assert r.chat().status == 503 and not log.exists()
