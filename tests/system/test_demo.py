"""scripts/demo plays its story to the end, and fails where it cannot."""

import os
import subprocess

import pytest

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


@pytest.mark.parametrize("port, fine", [("1", True), ("64512", True), ("64513", False), ("0", False),
                                        ("080", False), ("80x", False), ("abc", False)])
def test_run_takes_a_port_that_leaves_room(port, fine):
    done = subprocess.run([ROOT / "scripts" / "run", "status"], capture_output=True, text=True,
                          timeout=60, env={**os.environ, "PORT": port})
    assert done.returncode == (0 if fine else 1)
    assert done.stderr == ("" if fine else f"run: PORT is '{port}', want a number in 1..64512: "
                           "ports up to PORT+1023 are used\n")
