"""Keys of regions in files: a reload reads them again, and nobody is shown them."""

import subprocess

import pytest

from sluice.load import Load
from sluice.proc import program, wait_for
from sluice.router import region_entry

OLD, NEW = "sk-old-0123456789", "sk-new-9876543210"


def keep(path, key):
    path.write_text(key + "\n")
    path.chmod(0o600)
    return path


def reload(r, workers):
    """Until the new workers alone serve."""
    before = r.process.err().count("reloaded config=")
    r.hup()
    wait_for(lambda: r.process.err().count("reloaded config=") > before, what="the reload")
    wait_for(lambda: len(r.workers()) == workers, what="the old workers to leave")


@pytest.mark.parametrize("setting, field", [
    ({"api_key_file": "east.key"}, "authorization"),
    ({"api_key": "${file:east.key}"}, "authorization"),
    ({"headers": {"X-Api-Key": "${file:east.key}"}}, "x-api-key"),
], ids=["file", "value", "header"])
def test_a_key_changes_under_load(maker, region, router, setting, field):
    """The vendor takes both keys for a while, and then the new one alone."""
    key = keep(maker.folder / "east.key", OLD)
    east = region("us-east")  # takes any key
    r = router([{**region_entry(east, 1), **setting}], workers=2, log={"level": "debug"})

    def sent():
        return {a.headers[field].removeprefix("Bearer ") for a in east.log()}

    with Load(r, threads=4, pause_s=0) as load:
        load.more(50)
        keep(key, NEW)
        load.more(50)
        assert sent() == {OLD}, "a file is read at a reload, not before"
        reload(r, 2)
        load.more(50)
        east.reset()
        load.more(50)
    load.check()
    assert sent() == {NEW}
    east.stop()
    east.key = NEW
    east.start()
    assert r.chat().status == 200
    assert not {k for k in (OLD, NEW) if k in r.process.err()}, "logged"


def test_a_key_that_cannot_be_read_changes_nothing(maker, region, router):
    key = keep(maker.folder / "east.key", "secret")
    east = region("us-east", key="secret")
    r = router([{**region_entry(east, 1), "api_key": "", "api_key_file": str(key)}])
    key.unlink()
    r.hup()
    wait_for(lambda: "reload refused" in r.process.err(), what="the reload to be refused")
    assert f"api_key_file is '{key}', which cannot be read: No such file" in r.process.err()
    assert r.chat().status == 200
    check = subprocess.run([program("sluice-router"), "-c", r.path, "--check"], capture_output=True,
                           text=True)
    assert check.returncode == 1 and "which cannot be read" in check.stderr
    dump = subprocess.run([program("sluice-router"), "-c", r.path, "--dump"], capture_output=True,
                          text=True)
    assert dump.returncode == 0 and "secret" not in dump.stdout and str(key) in dump.stdout
