"""The harness itself: what a test asks of a process is what happens."""

import os
import signal
import sys

import pytest

from sluice.client import Connection
from sluice.proc import Process, is_gone, wait_for
from sluice.redis import RedisError
from sluice.router import merge


def test_wait_for_says_what_it_waited_for():
    with pytest.raises(AssertionError, match="the moon: not within 0.02 s; last seen: 0"):
        wait_for(lambda: 0, 0.02, "the moon")


def test_a_child_dies_with_the_test(folder):
    """Even when the parent is killed and can clean up nothing."""
    child = "import time; print('up', flush=True); time.sleep(60)"
    code = ("import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from sluice.proc import Process\n"
            f"p = Process([sys.executable, '-c', {child!r}], sys.argv[2], 'child')\n"
            "p.wait_output('up'); print(p.pid, flush=True); time.sleep(60)")
    here = os.path.dirname(__file__)
    parent = Process([sys.executable, "-c", code, here, folder], folder, "parent")
    pid = int(parent.wait_output(r"^(\d+)$")[1])
    parent.kill()
    wait_for(lambda: is_gone(pid), what="the child to die")


def test_a_program_that_ends_early_is_told(folder):
    p = Process([sys.executable, "-c", "import sys; sys.exit('no luck')"], folder, "short")
    with pytest.raises(RuntimeError, match="short ended with 1: no luck"):
        p.wait_output("never")


def test_redis_keeps_its_data_over_a_restart(redis):
    with redis.client() as c:
        assert c("PING") == "PONG" and c("SET", "k", "é") == "OK"
        assert c("GET", "k") == "é" and c("GET", "none") is None
        assert c("EVAL", "return {1, 'a', {}}", 0) == [1, "a", []]
        with pytest.raises(RedisError, match="wrong number"):
            c("GET")
    port = redis.port
    redis.restart()
    assert redis.port == port and redis("GET", "k") == "é"


def test_redis_killed_and_paused(redis):
    with redis.client() as c:
        redis.pause()
        c.sock.settimeout(0.1)
        c.send("PING")
        with pytest.raises(TimeoutError):
            c.read()
        redis.cont()
    assert redis("PING") == "PONG"
    assert redis.kill() == -signal.SIGKILL
    with pytest.raises(ConnectionRefusedError):
        Connection(redis.port)
    redis.restart()
    assert redis("PING") == "PONG"


def test_merge():
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merge(base, {"a": {"b": 3}, "d": [2], "e": 5}) == {"a": {"b": 3, "c": 2}, "d": [2],
                                                             "e": 5}
    assert merge(base, {"a": None}) == {"d": [1]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}
