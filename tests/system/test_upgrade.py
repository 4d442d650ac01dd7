"""SIGUSR2: the program that stands in the file now takes the sockets over, and no client notices;
one that cannot go on never runs."""

import json
import os
import shutil
import signal
import socket

import pytest

from sluice.load import Load
from sluice.proc import program, wait_for

UPGRADES = int(os.environ.get("SLUICE_UPGRADES", "4"))


def put(folder, version=None, text=None):
    """Another program in the place of the one that runs, in one step, as packages do it."""
    path = folder / "bin" / "sluice-router"
    path.parent.mkdir(exist_ok=True)
    new = path.with_name("new")
    if text is None:
        shutil.copy2(program("sluice-router", version), new)
    else:
        new.write_text(text)
        new.chmod(0o755)
    new.rename(path)
    return path


@pytest.fixture
def installed(fleet, folder, monkeypatch):
    """installed(...): a fleet whose routers run from a file that a test may replace."""
    def make(*args, **config):
        path = put(folder, config.pop("version", None))
        monkeypatch.setattr("sluice.router.program", lambda *_: str(path))
        return fleet(*args, **config)
    return make


def workers(router, n=1):
    """Once there are n: the kernel's list of children may miss one for a moment."""
    return wait_for(lambda: len(found := set(router.workers())) == n and found, what=f"{n} workers")


def lines(router, words):
    return [line for line in router.process.err().splitlines() if words in line]


def upgrade(router):
    """Until the new program serves; the pids of its workers."""
    before, old = len(lines(router, "upgraded version=")), set(router.workers())
    n = router.config.get("workers", 1)
    router.process.signal(signal.SIGUSR2)
    wait_for(lambda: len(lines(router, "upgraded version=")) > before, what="the new program")
    return wait_for(lambda: len(new := set(router.workers()) - old) == n and new,
                    what="its workers")


def refused(router):
    return wait_for(lambda: lines(router, "upgrade refused"), what="a refusal")[-1]


def test_upgrades_under_traffic_fail_nobody(installed, folder):
    f = installed(1, 1, workers=2, version="older")
    r = f.router
    pid = r.process.pid
    with Load(r, threads=6, pause_s=0) as load:
        for i in range(UPGRADES):
            put(folder, ["newer", "older", None][i % 3])
            load.more(60)
            upgrade(r)
        load.more(60)
        wait_for(lambda: len(r.workers()) == 2, what="the last old workers to leave")
    load.check()
    assert r.process.alive() and r.process.pid == pid
    assert "worker died" not in r.process.err() and "refused" not in r.process.err()
    assert r.chat().status == 200 and r.admin("/readyz").status == 200


def test_a_stream_under_way_ends_whole(installed, folder):
    f = installed(1, 1)
    r = f.router
    f.region("us-east").fault(hold_at_event=5, events=10)
    s = r.stream()
    assert s.next()
    put(folder, "newer")
    upgrade(r)
    workers(r, 2)  # the old one, for the stream alone
    put(folder)
    upgrade(r)  # it is handed on
    f.region("us-east").go()
    assert s.rest()[-1] == "[DONE]"
    wait_for(lambda: len(r.workers()) == 1, what="the old worker to leave")
    assert r.chat().status == 200


def test_the_new_program_does_all_that_the_old_one_did(installed):
    f = installed(1, 1, workers=2)
    r = f.router
    upgrade(r)
    dead = r.kill_worker()
    wait_for(lambda: len(r.workers()) == 2 and dead not in r.workers(), what="a new worker")
    r.hup()
    wait_for(lambda: lines(r, "reloaded config="), what="the new config")
    assert r.chat().status == 200
    wait_for(r.is_attached, what="the workers to reach Redis")
    r.term()
    assert r.process.wait_end() == 0
    assert lines(r, "stopped")


@pytest.mark.parametrize("text, words", [
    ("#!/bin/sh\necho 'sluice-router: no such thing' >&2\nexit 3\n", "exit 3): no such thing"),
    ("#!/bin/sh\nkill -SEGV $$\n", "signal 11"),
    ("", "exit 0): not a word"),  # a copy that ran out of space; a shell finds nothing wrong
    ("no program\n", "exit 127"),
    # what a version that knows no upgrade says
    ("#!/bin/sh\necho 'usage: sluice-router -c FILE'\nexit 2\n", "exit 2): usage"),
], ids=["says no", "crashes", "is empty", "is no program", "is too old"])
def test_a_broken_program_never_runs(installed, folder, text, words):
    f = installed(1, 1, with_redis=False)
    r = f.router
    old = workers(r)
    put(folder, text=text)
    r.process.signal(signal.SIGUSR2)
    assert words in refused(r)
    assert r.chat().status == 200 and workers(r) == old
    put(folder)
    assert upgrade(r).isdisjoint(old)
    assert r.chat().status == 200


def test_no_program_at_all_changes_nothing(installed, folder):
    f = installed(1, 1, with_redis=False)
    r = f.router
    put(folder).unlink()
    r.process.signal(signal.SIGUSR2)
    assert "No such file" in refused(r)
    assert r.chat().status == 200


@pytest.mark.parametrize("change, words", [
    ({"breaker": {"failure_threshold": 0}}, ["breaker.failure_threshold", "1..1000"]),
    ({"workers": 3}, ["workers", "restart"]),
    ({"admin_listen": "127.0.0.1:1"}, ["admin_listen", "restart"]),
    ({"listen": "127.0.0.1:1"}, ["listen", "restart"]),
], ids=lambda v: str(v)[:30])
def test_a_bad_config_changes_nothing(installed, change, words):
    f = installed(1, 1, with_redis=False)
    r = f.router
    old = workers(r)
    r.path.write_text(json.dumps({**json.loads(r.path.read_text()), **change}))
    r.process.signal(signal.SIGUSR2)
    line = refused(r)
    assert all(w in line for w in words), line
    assert r.chat().status == 200 and workers(r) == old


@pytest.fixture
def stuck(installed):
    """A router after an upgrade whose workers did not come up, and its earlier workers.

    They wait for a Redis that says nothing, and one is killed.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        r = installed(1, 1, with_redis=False, workers=2).router
        earlier = workers(r, 2)
        r.write_config(redis={"url": f"redis://127.0.0.1:{silent.getsockname()[1]}",
                              "start_wait": "5s"})
        r.process.signal(signal.SIGUSR2)
        os.kill((workers(r, 4) - earlier).pop(), signal.SIGKILL)
        wait_for(lambda: lines(r, "cannot start after the upgrade"), what="it to fail")
        yield r, earlier


def test_earlier_workers_serve_until_the_new_program_can(stuck):
    r, earlier = stuck
    for _ in range(20):
        assert r.chat().status == 200
    assert workers(r, 2) == earlier and not lines(r, "upgraded version=")
    r.write_config(redis=None)
    assert upgrade(r).isdisjoint(earlier)
    assert r.chat().status == 200


def test_the_new_program_tries_again_when_nobody_is_left(stuck):
    r, earlier = stuck
    r.write_config(redis=None)
    for pid in earlier:
        os.kill(pid, signal.SIGKILL)
    assert r.chat().status == 200
    wait_for(lambda: lines(r, "upgraded version="), what="its workers")


def test_a_stop_stops_the_earlier_workers_too(stuck):
    r, _ = stuck
    r.term()
    assert r.process.wait_end() == 0


def test_a_stop_during_an_upgrade_is_a_stop(installed, folder):
    f = installed(1, 1, with_redis=False)
    r = f.router
    put(folder, text="#!/bin/sh\nexec sleep 1000\n")
    r.process.signal(signal.SIGUSR2)
    wait_for(lambda: len(r.workers()) == 2, what="the question")
    r.term()
    assert r.process.wait_end() == 0


def test_usr2_to_the_whole_group_means_the_supervisor(installed):
    """As `systemctl kill` without --kill-whom does it."""
    f = installed(1, 1, with_redis=False)
    r = f.router
    [worker] = r.workers()
    os.kill(worker, signal.SIGUSR2)
    upgrade(r)
    assert "worker died" not in r.process.err()
