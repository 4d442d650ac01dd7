"""A vendor that sends without pause and says nothing: it is left in time, and harms nobody."""

import sys
import threading
from pathlib import Path

import pytest

import sluice.flood
from sluice.proc import Process, wait_for


@pytest.fixture
def flood(maker):
    def make(what):
        p = Process([sys.executable, Path(sluice.flood.__file__), what], maker.folder, "flood")
        wait_for(lambda: p.out_path.read_text().strip(), what="the flood's port")
        port = int(p.out_path.read_text())
        return {"name": "flood", "base_url": f"http://127.0.0.1:{port}/v1", "priority": 1}
    return make


def test_events_that_say_nothing_are_no_content_however_many(region, router, flood):
    well = region("well")
    r = router([flood("empty"), {"name": "well", "base_url": well.base_url, "priority": 2}])
    got = r.chat(stream=True)
    assert got.headers["x-sluice-region"] == "well" and "[DONE]" in got.text
    assert r.breaker("flood") == "closed"


def test_a_flood_is_left_and_others_are_served_meanwhile(region, router, flood):
    well = region("well")
    limits = {"first_content": "2s", "idle": "2s", "total": "60s"}
    r = router([flood("comments"), {"name": "well", "base_url": well.base_url, "priority": 2}],
               timeouts=limits, models={"m": {"targets": [{"region": "flood"},
                                                          {"region": "well"}]},
                                        "other": {"targets": [{"region": "well"}]}})
    served = []
    asker = threading.Thread(target=lambda: served.append(r.chat(model="m", stream=True)))
    asker.start()
    wait_for(lambda: r.metrics()["sluice_requests_in_flight"] == 1, what="the flood to begin")
    others = 0
    while asker.is_alive():
        assert r.chat(model="other").status == 200
        others += 1
    assert served[0].headers["x-sluice-region"] == "well" and "[DONE]" in served[0].text
    assert others >= 10, "in the two seconds that the flood is given"
