"""One allocation of a worker fails, any: nobody gets a wrong answer and nobody hangs.

Either the request is served all the same, or it fails visibly, or the worker ends by the intended
abort, which says how much was asked for, and its successor serves the next request.
"""

import os
import re
import signal

from sluice.client import Broken, Cut
from sluice.fail_alloc import FailAlloc
from sluice.proc import is_gone, wait_for

N_SPREAD = int(os.environ.get("SLUICE_ALLOCATIONS", "32"))
LONG = "x" * 70000  # more than one read of the client's socket
VISIBLE = (429, 500, 502, 503, 504)
LAST_WORDS = re.compile(r"^out of memory: asked for \w", re.M)


def chat(r, expected, **what):
    """ok, failed or cut; a wrong answer is an assertion."""
    try:
        answer = r.chat(cut_ok=True, seconds=20, **what)
    except (Cut, ConnectionError):
        return "cut"
    if not answer.complete:
        return "cut"
    if answer.status != 200:
        assert answer.status in VISIBLE, answer
        assert answer.json()["error"]["message"]
        return "failed"
    if what.get("stream"):
        if "[DONE]" not in answer.events():
            return "cut"
    assert answer.body and answer.content() == expected[what.get("text")], answer
    return "ok"


def requests(r, expected):
    """What a client does: plain, streamed, and the list of models."""
    got = [chat(r, expected), chat(r, expected, stream=True)]
    try:
        models = r.connect(seconds=20).request("GET", "/v1/models")
        assert models.status == 200 or models.status in VISIBLE, models
        got.append("ok" if models.status == 200 else "failed")
    except (Cut, ConnectionError):
        got.append("cut")
    got.append(chat(r, expected, text=LONG))
    return got


def verdict(r, pid, fails, expected):
    """How the worker took it: a word, or what is wrong."""
    got = requests(r, expected)
    if fails.failed_bytes() is None:
        assert got == ["ok"] * len(got), got
        return "never"
    if "worker died" in r.process.err() or is_gone(pid):
        wait_for(lambda: "worker died" in r.process.err(), what="the supervisor to see it")
        how = re.search(r'worker died .*how="([^"]*)"', r.process.err()).group(1)
        if how != f"signal {int(signal.SIGABRT)}":
            return f"WRONG: died by {how}"
        if not LAST_WORDS.search(r.process.err()):
            return "WRONG: aborted without saying for what"
        word = "aborted"
    else:
        word = "survived"
    wait_for(lambda: r.chat(seconds=20).status == 200, what="the next request to be served")
    return word


def sweep(maker, regions, router, numbers, expected, redis_url):
    seen = {}
    for n in numbers:
        fails = FailAlloc(maker.folder, f"fail-{n}")
        r = router(regions, redis_url, name=f"router-{n}", env=fails.env, workers=1,
                   fleet=f"test-{n}")  # what it learns about regions is its own
        [pid] = r.workers()
        fails.arm(pid, n)
        try:
            word = verdict(r, pid, fails, expected)
        except (AssertionError, TimeoutError, ValueError, KeyError, Broken) as error:
            word = f"WRONG: {error}"[:300]
        print(n, fails.failed_bytes(), word, flush=True)
        seen.setdefault(word, []).append(f"{n}:{fails.failed_bytes()}")
        r.kill()
    return seen


def run(maker, region, router, redis_url=None):
    good = region("us-east", "key", text="seed")
    gone = region("eu-west", "key")
    calm = router([good], name="calm")
    expected = {None: calm.chat().content(), LONG: calm.chat(LONG).content()}
    gone.stop()
    # With every request the first choice refuses, so that a second attempt follows.
    regions = [gone, good]
    for _ in range(2):  # the first one loads the scripts into Redis
        fails = FailAlloc(maker.folder, "count")
        r = router(regions, redis_url, name="count", env=fails.env, workers=1, fleet="count")
        [pid] = r.workers()
        fails.arm(pid, 1 << 40)
        assert requests(r, expected) == ["ok"] * 4
        total = (1 << 40) - fails.left()
        r.kill()
    numbers = sorted({1 + i * (total - 1) // (N_SPREAD - 1) for i in range(N_SPREAD)})
    if "SLUICE_ALLOCATION" in os.environ:  # one, to look at
        numbers = [int(os.environ["SLUICE_ALLOCATION"])]
    seen = sweep(maker, regions, router, numbers, expected, redis_url)
    print(f"of {total} allocations: " + "; ".join(f"{len(v)} {k} {v}" for k, v in seen.items()))
    wrong = {k: v for k, v in seen.items() if k.startswith("WRONG")}
    assert not wrong, wrong
    assert seen.keys() >= {"survived", "aborted"}, seen


def test_any_failed_allocation_is_survived_or_said(maker, region, router):
    run(maker, region, router)


def test_any_failed_allocation_is_survived_or_said_with_redis(maker, region, router, redis):
    run(maker, region, router, redis.url)
