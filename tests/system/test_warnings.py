"""What a config hardly means is said at the start, and by --check with the same words."""

import re
import subprocess

from sluice.proc import program, wait_for

WANT = [
    "regions[0].api_key has $SLUICE_KEY, which stays as it is: want ${SLUICE_KEY} for the value of "
    "that variable",
    "regions[1].api_key uses ${SLUICE_NOTHING}, which is set to nothing: want a value",
    "regions[0].base_url is plain http to 'region.invalid', so whoever is on the way can read "
    "regions[0].api_key: want https://",
    "regions[1].base_url ends in '/chat/completions', which is appended to it: want "
    "'https://region.invalid/v1'",
]


def lines(text):
    """The warnings among a router's log lines, without time and pid."""
    return re.findall(r"^\S+ W \d+ sluice (config '.*)$", text, re.M)


def test_start_and_check_say_the_same(router):
    env = {"SLUICE_KEY": "hidden", "SLUICE_NOTHING": ""}
    r = router([{"name": "a", "base_url": "http://region.invalid/v1", "api_key": "$SLUICE_KEY"},
                {"name": "b", "base_url": "https://region.invalid/v1/chat/completions",
                 "api_key": "${SLUICE_NOTHING}"}], env=env)
    want = [f"config '{r.path}': {sentence}" for sentence in WANT]
    assert lines(r.process.err()) == want
    check = subprocess.run([program("sluice-router"), "-c", r.path, "--check"], env=r.process.env,
                           capture_output=True, text=True)
    assert check.returncode == 0 and "is fine" in check.stdout
    assert lines(check.stderr) == want
    assert "hidden" not in r.process.err() + check.stderr

    r.hup()
    wait_for(lambda: "reloaded" in r.process.err(), what="the reload")
    assert lines(r.process.err()) == want + want


def test_what_is_meant_is_not_warned_of(router, region):
    r = router([region("us-east", key="secret")])
    assert lines(r.process.err()) == []
