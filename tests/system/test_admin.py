"""sluice-admin against real routers and a private Redis: what an operator types, and gets."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from sluice.admin import Admin
from sluice.proc import PATIENCE_S, free_port, wait_for

REGION = "us-east"


def region_of(status, name=REGION):
    return next(r for r in status["regions"] if r["region"] == name)


def attempts_during(fleet, work):
    before = fleet.attempts()
    work()
    return [b - a for a, b in zip(before, fleet.attempts())]


def test_status_shows_regions_and_routers(fleet):
    f = fleet(3, 2)
    text = f.admin("status")
    assert text.rc == 0 and not text.err
    assert re.match(r"fleet test  generation \w+  version \d+  2 live routers  redis://", text.out)
    assert [line.split()[:2] for line in text.out.splitlines()[3:]] == [
        ["ap-south", "closed"], ["eu-west", "closed"], ["us-east", "closed"]]
    one = f.admin.json("status", REGION)
    assert [r["region"] for r in one["regions"]] == [REGION]
    routers = f.admin.json("routers")["routers"]
    assert sorted(r["pid"] for r in routers) == sorted(
        str(pid) for router in f.routers for pid in router.workers())


def test_down_diverts_both_routers_and_auto_brings_it_back(fleet):
    f = fleet(3, 2)
    down = f.admin.json("region", "down", REGION, "--for", "10m", "--reason", "vendor incident",
                        "--wait")
    assert down["forced"] == "down" and down["behind"] == []
    assert (down["acknowledged"], down["live_routers"]) == (2, 2)
    assert 0 < down["forced_for_ms"] <= 600_000

    def ask():
        for router in f.routers:
            for _ in range(3):
                assert router.chat().status == 200
    assert attempts_during(f, ask) == [0, 6, 0]
    shown = f.admin("status", REGION)
    assert re.search(r"us-east +closed +down for 9m\d\ds .* vendor incident, by \S+@\S+", shown.out)

    back = f.admin("region", "auto", REGION, "--wait")
    assert back.rc == 0 and "acknowledged by 2 of 2 routers" in back.out
    assert "us-east is not forced, its breaker decides: closed" in back.out
    assert attempts_during(f, ask) == [6, 0, 0]


def test_a_forced_state_ends_by_itself(fleet):
    f = fleet(2, 1)
    assert f.admin("region", "drain", REGION, "--for", "1s", "--wait").rc == 0
    wait_for(lambda: region_of(f.admin.json("status"))["forced"] == "auto",
             what="the forced state to end")
    wait_for(lambda: f.admin.json("events", "-n", "1")["events"][0]["kind"] == "expire",
             what="its event")


def test_wait_names_who_lags(fleet):
    f = fleet(2, 2, redis={"sync": "200ms"})
    stopped = f.routers[0].workers()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        late = f.admin("region", "down", REGION, "--wait", "4s")
        assert late.rc == 1
        assert re.search(r"version \d+: acknowledged by 1 of 2 routers\n", late.out)
        assert re.search(rf"after 4s 1 of 2 routers have not applied version \d+: \S*:{stopped[0]}:",
                         late.err)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert f.admin("region", "down", REGION, "--wait").rc == 0


def test_two_operators(fleet):
    f = fleet(2, 1)
    epoch = region_of(f.admin.json("status"))["epoch"]
    first = f.admin("region", "down", REGION, "--expect-epoch", epoch, "--reason", "mine",
                    env={"SUDO_USER": "ann"})
    assert first.rc == 0
    second = f.admin("region", "up", REGION, "--expect-epoch", epoch, env={"SUDO_USER": "bob"})
    assert second.rc == 1
    assert "its epoch is %d, not %d (closed, forced: down, by ann@" % (epoch + 1, epoch) in second.err
    assert region_of(f.admin.json("status"))["by"].startswith("ann@")


def test_the_same_request_has_one_effect(fleet):
    f = fleet(2, 1)
    ask = ("region", "down", REGION, "--request-id", "deploy-7")
    once, twice = f.admin.json(*ask), f.admin.json(*ask)
    assert once["version"] == twice["version"] and once["epoch"] == twice["epoch"]


def test_config_file_with_environment(fleet):
    """Keys of regions are for routers; where Redis is, the file has to say."""
    f = fleet(2, 1)
    f.router.config["regions"][0] |= {"api_key": "${US_EAST_KEY}", "headers": {"X-Key": "${US_EAST_KEY}"}}
    f.router.write_config()
    admin = Admin(config=f.router.path, fleet="another")  # the file's wins
    assert admin("status").rc == 0
    assert admin("region", "drain", REGION).rc == 0
    missing = admin("config", "check", f.router.path)
    assert missing.rc == 1 and "US_EAST_KEY" in missing.err and "not set" in missing.err
    assert admin("config", "check", f.router.path, env={"US_EAST_KEY": "k"}).rc == 0
    url = f.router.config["redis"]["url"]
    f.router.write_config(redis={"url": "${SLUICE_REDIS_URL}"})
    missing = admin("status")
    assert missing.rc == 1 and "redis.url uses ${SLUICE_REDIS_URL}, which is not set" in missing.err
    assert admin("status", env={"SLUICE_REDIS_URL": url}).rc == 0


@pytest.mark.parametrize("args, rc, err", [
    (["region", "down", "us-est"], 1, "(did you mean 'us-east'?), only: eu-west, us-east"),
    (["status", "mars"], 1, "knows no region 'mars', only: eu-west, us-east"),
    (["events", "--region", "mars"], 1, "knows no region 'mars'"),
    (["region", "down", REGION, "--reason", "x" * 121], 2, "has 121 bytes"),
    (["region", "down", REGION, "--for", "10"], 2, "want 10s, 10m or 10h"),
    (["region", "down", REGION, "--for", "-1m"], 2, "time only goes forward"),
    (["region", "down", REGION, "--for", "0s"], 2, "for no end say --for 0, without a unit"),
    (["region", "down", REGION, "--for", "8766000h"], 2, "want 1s to 8784h, or 0 for no end"),
    (["region", "down"], 2, "region down wants NAME"),
    (["staus"], 2, "did you mean 'status'?"),
    (["status", "--fleet", "nope"], 1, "no router ever joined fleet 'nope'"),
])
def test_refusals(fleet, args, rc, err):
    f = fleet(2, 1)
    result = f.admin(*args)
    assert result.rc == rc and err in result.err and not result.out
    assert region_of(f.admin.json("status"))["forced"] == "auto"


def test_no_store(redis):
    admin = Admin(f"redis://127.0.0.1:{free_port()}")
    for args in (["status"], ["routers"], ["events"], ["events", "-f"], ["watch"],
                 ["region", "down", "x"]):
        result = admin(*args)
        assert result.rc == 3 and "Connection refused" in result.err and not result.out
    redis.pause()
    mute = Admin(redis.url)("status")  # ends by itself: the kernel would wait for minutes
    redis.cont()
    assert mute.rc == 3 and "no answer to the login" in mute.err


class Scripted:
    """A peer that logs everybody in and answers every other command with one error."""

    def __init__(self, error):
        self.error = error
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            with peer:
                for command in self.commands(peer.makefile("rb")):
                    known = {b"PING": b"+PONG", b"CLIENT": b"+OK"}
                    peer.sendall(known.get(command, b"-" + self.error) + b"\r\n")

    @staticmethod
    def commands(file):
        while line := file.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(file.readline()[1:])
                words.append(file.read(size + 2)[:-2])
            yield words[0]


@pytest.mark.parametrize("error, sentence", [
    (b"LOADING Redis is loading the dataset in memory", "is reading its data from disk"),
    (b"BUSY Redis is busy running a script", "is held up by a script"),
    (b"MISCONF Redis is configured to save RDB snapshots", "cannot save to disk"),
    (b"NOPERM User x has no permissions", "does not let this user do that"),
    (b"ERR \x1b[2Jsomething new", "answered with an error: ERR ?[2Jsomething new"),
])
def test_redis_errors_are_sentences(error, sentence):
    peer = Scripted(error)
    result = Admin(f"redis://127.0.0.1:{peer.port}")("status")
    peer.server.close()
    assert result.rc == 3 and sentence in result.err and not result.out


def test_password_stays_off_the_command_line(redis):
    redis("CONFIG", "SET", "requirepass", "hunter2")
    refused = Admin(f"redis://:hunter2@127.0.0.1:{redis.port}")("status")
    assert refused.rc == 2 and "SLUICE_REDIS" in refused.err and "hunter2" not in refused.err
    assert Admin(redis.url)("status").rc == 3
    known = Admin()("status", env={"SLUICE_REDIS": f"redis://:hunter2@127.0.0.1:{redis.port}"})
    assert known.rc == 1 and "no router ever joined" in known.err and "hunter2" not in known.err


class Following:
    """A command that goes on, its output as it comes."""

    def __init__(self, admin, *args, stdout=subprocess.PIPE):
        self.popen = subprocess.Popen(admin.argv(*args), stdin=subprocess.DEVNULL, stdout=stdout,
                                      stderr=subprocess.PIPE, env=admin.environment())
        self.text = b""

    def wait_for(self, pattern, fd=None):
        fd = fd or self.popen.stdout.fileno()

        def look():
            while select.select([fd], [], [], 0)[0]:
                piece = os.read(fd, 65536)
                if not piece:
                    break
                self.text += piece
            return re.search(pattern, self.text)
        return wait_for(look, what=f"{pattern!r} in {self.text!r}")

    def end(self, number=signal.SIGINT):
        self.popen.send_signal(number)
        _, err = self.popen.communicate(timeout=PATIENCE_S)
        return self.popen.returncode, err.decode()


def test_events_follow_over_a_restart(fleet):
    f = fleet(2, 1)
    tail = Following(f.admin, "events", "-f", "--json", "-n", "1")
    tail.wait_for(rb"\n")
    assert f.admin("region", "down", REGION, "--reason", "one").rc == 0
    tail.wait_for(rb'"to":"down","epoch":\d+,"version":\d+,"why":"one"')
    f.redis.restart()
    wait_for(lambda: f.admin("region", "drain", REGION, "--reason", "two").rc == 0,
             what="the CLI to work again")
    tail.wait_for(rb'"why":"two"')
    for line in tail.text.splitlines():
        assert json.loads(line)["kind"]
    rc, err = tail.end()
    assert rc == 0
    assert "Redis is back" in err and err.count("\n") == 2, err


def test_events_follow_over_a_mute_redis(fleet):
    f = fleet(1, 1)
    tail = Following(f.admin, "events", "-f", "--json", "-n", "1")
    tail.wait_for(rb"\n")
    f.redis.pause()
    tail.wait_for(rb"gave no answer", fd=tail.popen.stderr.fileno())
    f.redis.cont()
    tail.wait_for(rb"Redis is back", fd=tail.popen.stderr.fileno())
    assert f.admin("region", "down", REGION, "--reason", "one").rc == 0
    tail.wait_for(rb'"why":"one"')
    assert tail.end()[0] == 0


def test_events_into_a_closed_pipe(fleet):
    f = fleet(1, 1)
    tail = Following(f.admin, "events", "-f")
    tail.wait_for(rb"join")
    tail.popen.stdout.close()
    f.admin("region", "down", REGION)
    assert tail.popen.wait(PATIENCE_S) == 1
    assert tail.popen.stderr.read() == b""


def test_a_follower_of_nobody_says_so(redis):
    """A mistyped fleet would be silence for ever; one that begins later is followed."""
    tail = Following(Admin(redis.url, fleet="tset"), "events", "-f")
    tail.wait_for(rb"no router ever joined fleet 'tset'", fd=tail.popen.stderr.fileno())
    redis("XADD", "{sluice:tset}:log", "*", "kind", "join", "by", "router-1")
    tail.wait_for(rb"join +router-1")
    assert tail.end() == (0, "")


def test_a_follower_leaves_with_its_reader(fleet):
    """Behind a pipe into head it is over with head, and not with the next event."""
    f = fleet(1, 1)
    tail = Following(f.admin, "events", "-f")
    tail.wait_for(rb"join")
    tail.popen.stdout.close()
    assert tail.popen.wait(PATIENCE_S) == 1
    assert tail.popen.stderr.read() == b""


def test_watch_off_a_terminal(fleet):
    f = fleet(1, 1)
    watch = Following(f.admin, "watch", "--interval", "100ms")
    watch.wait_for(rb"(?s)fleet test.*\n\nREGION.*\n\nfleet test")
    assert b"\033" not in watch.text
    f.redis.kill()
    watch.wait_for(rb"cannot be reached")
    rc, err = watch.end(signal.SIGTERM)
    assert (rc, err) == (0, "")


def test_watch_on_a_terminal(fleet):
    f = fleet(1, 1)
    ours, theirs = pty.openpty()
    watch = Following(f.admin, "watch", "--interval", "100ms", stdout=theirs)
    os.close(theirs)
    watch.wait_for(rb"\033\[2J\033\[H(?s:.*)\033\[J", ours)
    assert b"\033[32mclosed\033[0m" in watch.text
    f.admin("region", "down", REGION, "--reason", "vendor incident")
    watch.wait_for(rb"\033\[31mdown for .*vendor incident", ours)  # it says no size: 80 columns
    assert watch.text.count(b"\033[2J") == 1
    rc, err = watch.end()
    os.close(ours)
    assert (rc, err) == (0, "")


def test_a_path_with_a_space(redis, region, router):
    r = router([region("us-east")], redis.url, name="a b")
    assert " " in str(r.path)
    wait_for(r.is_attached, what="the router to attach")
    admin = Admin(config=r.path)
    assert admin("status").rc == 0
    done = admin("config", "check", r.path)
    assert done.rc == 0 and f"config '{r.path}' is fine" in done.out
    r.hup()
    wait_for(lambda: "reloaded config=" in r.process.err(), what="the reload")
    before = r.workers()
    os.kill(r.process.pid, signal.SIGUSR2)
    wait_for(lambda: "upgraded version=" in r.process.err(), what="the upgrade")
    assert r.chat().status == 200 and r.workers() != before
