"""Header fields of a region's config: each request and check there carries them, nobody is told."""

import subprocess

from sluice.certs import Certs
from sluice.proc import program, wait_for
from sluice.tls_region import TlsRegion


def test_requests_and_checks_carry_them(maker, folder, router):
    certs = Certs(folder)
    region = maker.add(TlsRegion("us-east", *certs.issue("region")))
    r = router([region.entry(ca_file=str(certs.ca), headers={
        "X-Team": "team-${TEAM}", "User-Agent": "fleet/7", "OpenAI-Organization": "org-hidden"})],
        env={"TEAM": "hidden"}, health={"interval": "100ms"})
    wait_for(lambda: len(region.asked) >= 1, what="a check")
    assert r.chat(headers={"User-Agent": "client/1", "X-Team": "client"}).status == 200
    asked = dict(region.asked)
    for path in ("/v1/models", "/v1/chat/completions"):
        fields = {name.lower(): value for name, value in asked[path].items()}
        assert fields["x-team"] == "team-hidden" and fields["user-agent"] == "fleet/7"
        assert fields["openai-organization"] == "org-hidden"
        assert fields["authorization"] == "Bearer secret"
    shown = [subprocess.run([program("sluice-router"), "-c", r.path, flag], env=r.process.env,
                            capture_output=True, text=True) for flag in ("--check", "--dump")]
    assert all(done.returncode == 0 for done in shown)
    assert '"X-Team": "***"' in shown[1].stdout
    assert not any("hidden" in done.stdout + done.stderr for done in shown)
    assert "hidden" not in r.process.err()
