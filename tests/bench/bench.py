"""make bench: what a router costs, beside HAProxy and a bare publish in the same run.

Prints one table.  It gives no verdict: the numbers of a busy machine are worth what its load
was.  Environment: ROUNDS (divert rounds, 300), STREAMS (2000), SECONDS (of one round of
requests, 2), REPEAT (such rounds, 5), ONLY (rows, as in ONLY=cpu,divert).
"""

import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
sys.dont_write_bytecode = True

from haproxy import HAProxy  # noqa: E402
from sluice.client import Connection, chat_body  # noqa: E402
from sluice.proc import Process, program, wait_for  # noqa: E402
from sluice.redis import Redis  # noqa: E402
from sluice.region import Region  # noqa: E402
from sluice.router import Router  # noqa: E402
from streams import bench_chunks  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "300"))
STREAMS = int(os.environ.get("STREAMS", "2000"))
SECONDS = float(os.environ.get("SECONDS", "2"))
REPEAT = int(os.environ.get("REPEAT", "5"))
ONLY = [name for name in os.environ.get("ONLY", "").split(",") if name]

KEY = "bench-0123456789abcdef"
BODY_BYTES = 1024
CLIENTS = 32
RATE = 500
PROCESSES = 50

WRK_SCRIPT = """wrk.method = "POST"
wrk.body = [==[{body}]==]
wrk.headers["Content-Type"] = "application/json"
"""


def request_body():
    empty = len(json.dumps(chat_body("")))
    return json.dumps(chat_body("x" * (BODY_BYTES - empty)))


def cpu_ns(pid):
    """Time on a processor, of every thread so far (proc(5), schedstat)."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in Path(f"/proc/{pid}/task").iterdir())


class Place:
    """An upstream, and HAProxy and a router in front of it."""

    def __init__(self, folder, redis, name, **region_flags):
        self.region = Region(folder, name, KEY, log_max=0, **region_flags)
        self.haproxy = HAProxy(folder, self.region.port, KEY)
        self.router = Router(folder, [self.region], redis.url, name="router",
                             fleet=name, http={"keepalive_requests": 1000000000},
                             timeouts={"total": "60s"})
        wait_for(self.router.is_attached, what="the router to reach Redis")
        self.sluice_pid = self.router.workers()[0]

    def stop(self):
        for thing in (self.router, self.haproxy, self.region):
            thing.stop()


# -- rows: each returns lists of (what, sluice, beside, ratio) ------------------------------


def wrk(port, script):
    out = subprocess.run(["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS:g}s", "-s", script,
                          f"http://127.0.0.1:{port}/v1/chat/completions"],
                         capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(f"wrk saw errors: {out}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    return requests, float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1])


def bench_cpu(folder, redis):
    place = Place(folder, redis, "us-east", text="bench", tokens=17)
    script = folder / "post.lua"
    script.write_text(WRK_SCRIPT.format(body=request_body()))
    found = {"haproxy": [], "sluice": []}
    who = {"haproxy": (place.haproxy.port, place.haproxy.pid),
           "sluice": (place.router.port, place.sluice_pid)}
    try:
        for i in range(REPEAT + 1):
            for name, (port, pid) in who.items():
                before = cpu_ns(pid)
                n, rate = wrk(port, script)
                if i > 0:  # the first one warms up
                    found[name].append(((cpu_ns(pid) - before) / 1000 / n, rate))
    finally:
        place.stop()
    cpu = {name: statistics.median(c for c, _ in rows) for name, rows in found.items()}
    rate = {name: statistics.median(r for _, r in rows) for name, rows in found.items()}
    return [(f"CPU per request, {CLIENTS} clients", f"{cpu['sluice']:.1f} us",
             f"HAProxy {cpu['haproxy']:.1f} us", cpu["sluice"] / cpu["haproxy"], "3"),
            (f"requests/s, {CLIENTS} clients", f"{rate['sluice']:.0f}",
             f"HAProxy {rate['haproxy']:.0f}", rate["sluice"] / rate["haproxy"], "")]


def at_rate(port):
    out = subprocess.run([program("tests/bench/bench_rate"), str(port), str(RATE),
                          f"{SECONDS:g}", str(BODY_BYTES), KEY],
                         capture_output=True, text=True, check=True).stdout
    found = json.loads(out)
    if found["failed"]:
        raise RuntimeError(f"{found['failed']} requests failed")
    return found


def bench_latency(folder, redis):
    place = Place(folder, redis, "us-west", text="bench", tokens=17)
    ports = {"direct": place.region.port, "haproxy": place.haproxy.port,
             "sluice": place.router.port}
    found = {name: [] for name in ports}
    try:
        for i in range(REPEAT + 1):
            for name, port in ports.items():
                one = at_rate(port)
                if i > 0:
                    found[name].append(one)
    finally:
        place.stop()
    rows = []
    for p in ("p50", "p99"):
        us = {name: statistics.median(one[p] for one in ones) for name, ones in found.items()}
        sluice, haproxy = us["sluice"] - us["direct"], us["haproxy"] - us["direct"]
        rows.append((f"added latency at {RATE} requests/s, {p}", f"{sluice:.0f} us",
                     f"HAProxy {haproxy:.0f} us (direct {us['direct']:.0f} us)",
                     sluice / haproxy if min(sluice, haproxy) > 0 else None, ""))
    return rows


def bench_divert(_, redis):
    out = subprocess.run([program("tests/bench/bench_divert"), redis.url, str(PROCESSES),
                          str(ROUNDS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    if out.returncode != 0:
        raise RuntimeError(out.stderr)
    found = json.loads(out.stdout)
    divert, bare = found["divert"], found["bare"]
    return [(f"failure to last of {PROCESSES} processes, {p}", f"{divert[p] / 1000:.2f} ms",
             f"bare publish {bare[p] / 1000:.2f} ms", divert[p] / bare[p],
             "1.5" if p == "p50" else "") for p in ("p50", "p99", "max")]


def rss_growth(port, pid):
    """Bytes per stream that a process grows by, while STREAMS of them are open."""
    statm = Path(f"/proc/{pid}/statm")
    before = int(statm.read_text().split()[1])
    body = request_body().replace("{", '{"stream": true, ', 1)
    conns = []
    try:
        for _ in range(STREAMS):
            c = Connection(port, seconds=30)
            conns.append(c)
            c.send_request("POST", "/v1/chat/completions", body=body,
                           headers={"Content-Type": "application/json",
                                    "Authorization": f"Bearer {KEY}"})
        for c in conns:
            c.read_until(b"data:")
        grown = int(statm.read_text().split()[1]) - before
    finally:
        for c in conns:
            c.close()
    return grown * os.sysconf("SC_PAGE_SIZE") / STREAMS


def bench_memory(folder, redis):
    place = Place(folder, redis, "eu-west")
    place.region.fault(endless=True, delay_event_ms=20000, delay_first_event_ms=10)
    try:
        sluice = rss_growth(place.router.port, place.sluice_pid)
        wait_for(lambda: place.region.counts()["active"] == 0, 30, what="the streams to end")
        haproxy = rss_growth(place.haproxy.port, place.haproxy.pid)
    finally:
        place.stop()
    return [(f"memory per open stream, {STREAMS} streams", f"{sluice / 1024:.1f} KiB",
             f"HAProxy {haproxy / 1024:.1f} KiB", sluice / haproxy, "32 KiB")]


ROWS = {"cpu": bench_cpu, "latency": bench_latency, "divert": bench_divert,
        "memory": bench_memory,
        "chunks": lambda folder, redis: bench_chunks(Place(folder, redis, "ap-south", stamp=True),
                                                     cpu_ns)}


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    redis = Redis(folder)
    rows = []
    load = os.getloadavg()
    try:
        for name, bench in ROWS.items():
            if not ONLY or name in ONLY:
                print(f"bench: {name} ...", file=sys.stderr, flush=True)
                rows += bench(folder, redis)
    finally:
        redis.stop()
        Process.stop_all_of(folder)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{os.cpu_count()} processors, load {load[0]:.1f} before and "
          f"{os.getloadavg()[0]:.1f} after; all beside each other in this run.\n")
    print("| what | Sluice | beside it | ratio | aim |\n|---|---|---|---|---|")
    for what, sluice, beside, ratio, aim in rows:
        print(f"| {what} | {sluice} | {beside} | {f'{ratio:.2f}' if ratio else '-'} | {aim} |")


if __name__ == "__main__":
    main()
