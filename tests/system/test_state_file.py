"""What the fleet knew outlives a Redis that forgot it and routers that restart without one."""

import re

from sluice.load import Load
from sluice.proc import wait_for

CONFIG = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"},
          "breaker": {"failure_threshold": 3, "recovery_timeout": "60s"}}


def mode(router):
    return router.admin("/readyz").json()["shared_state"]


def view(router, region):
    return next(r for r in router.state()["shared_state"]["regions"] if r["name"] == region)


def force(f, word, region, *more):
    result = f.admin("region", word, region, *more)
    assert result.rc == 0, result
    wait_for(lambda: all(view(r, region)["forced"] == word for r in f.routers),
             what=f"all routers to have {region} {word}")


def restart(router):
    router.term()
    router.process.wait_end()
    assert router.launch()


def check_avoids(f, router, region):
    seen = f.region(region).attempts()
    for i in range(5):
        assert router.chat(f"n{i}").status == 200
    assert f.region(region).attempts() == seen


def kept(folder):
    return sorted(p.name for p in folder.glob("view-*"))


def test_a_forced_state_survives_a_flush_under_traffic(fleet):
    f = fleet(2, 2, **CONFIG)
    force(f, "down", "us-east", "--reason", "incident 7")
    was = f.router.state()["shared_state"]["generation"]
    seen = f.region("us-east").attempts()
    with Load(*f.routers) as load:
        load.more()
        for _ in range(3):
            f.redis("FLUSHALL")
            load.more()
        wait_for(lambda: all(r.is_attached() and r.state()["shared_state"]["generation"]
                             not in ("", was) for r in f.routers), what="a new generation")
        load.more()
    load.check()
    assert f.region("us-east").attempts() == seen
    shown = f.admin.json("status")
    assert "incident 7" in str(shown)


def test_forced_and_open_survive_a_restart_without_redis(fleet, folder):
    f = fleet(3, 2, **CONFIG)
    for i, r in enumerate(f.routers):  # a file of its own for each router of the test
        r.write_config(state_file=str(folder / f"view-{i}"))
        restart(r)
        wait_for(r.is_attached, what="the router to attach")
    force(f, "down", "us-east")
    f.region("eu-west").fault(status=503)
    for _ in range(3):
        assert f.router.chat().status == 200
    wait_for(lambda: all(r.breaker("eu-west") == "open" for r in f.routers), what="both to know")
    f.redis.kill()
    for r in f.routers:
        restart(r)
    assert kept(folder) == ["view-0-0", "view-1-0"]
    for r in f.routers:
        wait_for(lambda r=r: mode(r) == "away", what="the router to be away")
        assert view(r, "us-east")["forced"] == "down"
        assert r.breaker("eu-west") == "open"
        check_avoids(f, r, "us-east")
        check_avoids(f, r, "eu-west")
    f.redis.restart()
    for r in f.routers:
        wait_for(r.is_attached, what="the router to attach")
        assert view(r, "us-east")["forced"] == "down"


def test_a_file_that_makes_no_sense_is_said_and_left(fleet, folder):
    f = fleet(2, 1, **CONFIG)
    path = folder / "view"
    f.router.write_config(state_file=str(path))
    for text in (b"", b"sluice-view 1 other 5 0\nend\n", b"\x00\xff" * 9000, b"x" * 5000000):
        (folder / "view-0").write_bytes(text)
        f.router.kill()
        assert f.router.launch()
        said = re.findall(r".*state_file '.*view-0' is left alone: .*", f.router.process.err())
        assert len(said) == 1, f.router.process.err()
        assert f.router.chat().status == 200
        wait_for(lambda: (folder / "view-0").read_bytes().startswith(b"sluice-view 1 test "),
                 what="the file to be replaced by the fleet's view")


def test_a_file_that_cannot_be_written_is_said_once(fleet, folder):
    f = fleet(2, 1, **CONFIG)
    f.router.write_config(state_file=str(folder / "no" / "such" / "view"))
    restart(f.router)
    wait_for(lambda: "cannot write state_file" in f.router.process.err(), what="a word about it")
    force(f, "drain", "us-east")
    assert f.router.chat().status == 200
    assert f.router.process.err().count("cannot write state_file") == 1
