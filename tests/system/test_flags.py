"""sluice-router's other words: what it prints, and what it does when nobody can take it."""

import subprocess

import pytest

from sluice.proc import PATIENCE_S, program


@pytest.mark.parametrize("words", [["--check"], ["--dump"], ["--schema"], ["--reference"], ["--settings"], ["--keys"],
                                   ["--limits"], ["--version"], ["--help"]])
def test_output_that_is_lost_is_a_failure(folder, words):
    config = folder / "router.json"
    config.write_text('{"regions": [{"name": "us-east", "base_url": "http://127.0.0.1:1/v1"}]}')
    argv = [program("sluice-router"), "-c", str(config), *words]
    fine = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S)
    assert fine.returncode == 0 and fine.stdout != "" and fine.stderr == ""
    with open("/dev/full", "w") as full:
        lost = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE_S)
    assert lost.returncode == 1
    assert lost.stderr == "sluice-router: cannot write the output: No space left on device\n"
