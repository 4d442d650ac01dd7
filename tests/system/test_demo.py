"""scripts/demo plays its story to the end, and fails where it cannot."""

import os
import subprocess

from sluice.proc import ROOT


def demo(**env):
    return subprocess.run([ROOT / "scripts" / "demo"], capture_output=True, text=True, timeout=600,
                          env={**os.environ, **env})


def test_every_claim_holds():
    done = demo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every claim held" in done.stdout and "FAIL" not in done.stdout
    assert done.stdout.count(" ok   ") >= 12
    for word in ("vendor incident", "trip", "half-open"):
        assert word in done.stdout


def test_without_programs_it_fails_clearly(folder):
    done = demo(SLUICE_BUILD=str(folder), TMPDIR=str(folder))  # where it leaves its logs
    assert done.returncode == 1
    assert "run make all tests first" in done.stderr and "Traceback" not in done.stderr
