"""A worker that starts knows what the fleet knows before it serves anybody."""

import threading
import time

from sluice.load import Load
from sluice.proc import wait_for

CONFIG = {"retry": {"num_retries": 2, "backoff": "1ms", "backoff_max": "5ms"}}


def ready(router):
    return router.admin("/readyz").json()


def restart(router, **how):
    router.term()
    router.process.wait_end()
    assert router.launch(**how)


def force_down(f, region):
    assert f.admin("region", "down", region).rc == 0
    wait_for(lambda: all(r.state()["shared_state"]["regions"][0]["forced"] == "down"
                         for r in f.routers), what="the word to arrive")


def test_nobody_is_served_before_the_view_is_there(fleet):
    f = fleet(2, 1, redis={"start_wait": "5s"}, **CONFIG)
    force_down(f, "us-east")
    f.redis.pause()
    restart(f.router, ready=False)
    wait_for(lambda: f.router.process.alive() and f.router.answers(), what="the private port")
    assert ready(f.router)["status"] == "starting"
    assert f.router.admin("/readyz").status == 503 and f.router.admin("/livez").status == 200
    answers = []
    asker = threading.Thread(target=lambda: answers.append(f.router.chat()))
    asker.start()  # it waits in the port's queue
    f.redis.cont()
    asker.join(30)
    assert answers[0].status == 200 and answers[0].headers["x-sluice-region"] == "eu-west"
    assert f.region("us-east").attempts() == 0
    assert ready(f.router)["status"] == "ready" and ready(f.router)["view"] == "fleet"


def test_no_start_and_no_killed_worker_leads_to_a_region_that_is_down(fleet):
    f = fleet(2, 2, workers=2, **CONFIG)
    force_down(f, "us-east")
    with Load(*f.routers, threads=4) as load:
        for _ in range(4):
            load.more(20)
            dead = f.router.kill_worker()
            wait_for(lambda dead=dead: len(f.router.workers()) == 2
                     and dead not in f.router.workers(), what="a new worker")
        f.router.hup()
        load.more(20)
    assert f.region("us-east").attempts() == 0


def test_a_redis_that_does_not_answer_is_waited_for_no_longer_than_said(fleet):
    f = fleet(1, 1, redis={"start_wait": "200ms"}, **CONFIG)
    f.redis.pause()
    restart(f.router)
    assert ready(f.router)["view"] == "own" and f.router.chat().status == 200
    assert "serves without having read the shared state" in f.router.process.err()
    f.redis.cont()
    wait_for(f.router.is_attached, what="the router to attach")


def test_a_stop_ends_the_wait(fleet):
    f = fleet(1, 1, redis={"start_wait": "5s"}, **CONFIG)
    f.redis.pause()
    restart(f.router, ready=False)
    wait_for(lambda: f.router.process.alive() and f.router.answers(), what="the private port")
    began = time.monotonic()
    f.router.term()
    f.router.process.wait_end()
    assert f.router.process.rc == 0 and time.monotonic() - began < 4
    f.redis.cont()


def test_with_a_state_file_a_dead_redis_is_not_waited_for(fleet, folder):
    f = fleet(2, 1, redis={"start_wait": "5s"}, **CONFIG)
    f.router.write_config(state_file=str(folder / "view"))
    restart(f.router)
    force_down(f, "us-east")
    f.redis.kill()
    restart(f.router)
    assert ready(f.router)["view"] == "file"
    assert f.router.chat().headers["x-sluice-region"] == "eu-west"
