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
SCALE = (1, 10, 50, 200)
COMMANDS_RATE = 1000
DEAD_RATE = 400

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


def start_rate(port, rate, seconds):
    return subprocess.Popen([program("tests/bench/bench_rate"), str(port), str(rate),
                             f"{seconds:g}", str(BODY_BYTES), KEY],
                            stdout=subprocess.PIPE, text=True)


def end_rate(process):
    out, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"bench_rate ended with {process.returncode}")
    return json.loads(out)


def at_rate(port):
    found = end_rate(start_rate(port, RATE, SECONDS))
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


def divert(redis, processes, rounds, percentiles):
    out = subprocess.run([program("tests/bench/bench_divert"), redis.url, str(processes),
                          str(rounds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    if out.returncode != 0:
        raise RuntimeError(out.stderr)
    found = json.loads(out.stdout)
    ours, bare = found["divert"], found["bare"]
    return [(f"failure to last of {processes} processes, {p}", f"{ours[p] / 1000:.2f} ms",
             f"bare publish {bare[p] / 1000:.2f} ms", ours[p] / bare[p],
             "1.5" if p == "p50" else "") for p in percentiles]


def bench_divert(_, redis):
    return divert(redis, PROCESSES, ROUNDS, ("p50", "p99", "max"))


def bench_scale(_, redis):
    return [row for n in SCALE for row in divert(redis, n, max(1, ROUNDS // 3), ("p50", "p99"))]


class Fleet:
    """Regions by priority and routers that share redis."""

    def __init__(self, folder, redis, name, n_regions=2, n_routers=2, **config):
        self.name, self.redis = name, redis
        self.regions = [Region(folder, f"{name}-{i}", KEY, text="bench", tokens=17, log_max=5000)
                        for i in range(n_regions)]
        self.routers = [Router(folder, self.regions, redis.url, name=f"{name}-router-{i}",
                               fleet=name, http={"keepalive_requests": 1000000000}, **config)
                        for i in range(n_routers)]
        for r in self.routers:
            wait_for(r.is_attached, what="the routers to reach Redis")

    def stop(self):
        for thing in self.routers + self.regions:
            thing.stop()

    def load(self, rate, seconds):
        return [start_rate(r.port, rate, seconds) for r in self.routers]


def script_calls(redis):
    """Scripts that Redis ran; a router sends hardly anything else."""
    text = redis("INFO", "commandstats")
    return sum(int(n) for n in re.findall(r"cmdstat_(?:eval|evalsha):calls=(\d+)", text))


def bench_commands(folder, redis):
    fleet = Fleet(folder, redis, "commands")
    metric = "sluice_store_commands_total"
    try:
        before = [r.metrics()[metric] for r in fleet.routers]
        inside = script_calls(redis)
        done = [end_rate(p)["n"] for p in fleet.load(COMMANDS_RATE, max(5, SECONDS))]
        inside = script_calls(redis) - inside
        sent = [r.metrics()[metric] - b for r, b in zip(fleet.routers, before)]
    finally:
        fleet.stop()
    n = len(fleet.routers)
    return [(f"Redis commands per request, {n} routers at {COMMANDS_RATE} requests/s each",
             f"{sum(sent) / sum(done):.4f}",
             f"{inside / sum(done):.4f} by INFO commandstats", None, "0.05")]


def die_under_load(fleet):
    """One death of the first region: ms after the trip of each request that still came, and
    how many were there at the trip."""
    region, redis = fleet.regions[0], fleet.redis
    load = fleet.load(DEAD_RATE, 1.5)
    wait_for(lambda: region.attempts() > DEAD_RATE // 4, what="the load")
    region.fault(status=503, delay_head_ms=20)
    for p in load:
        if end_rate(p)["failed"]:
            raise RuntimeError("requests failed")
    events = redis("XRANGE", f"{{sluice:{fleet.name}}}:log", "-", "+")
    trips = [dict(zip(e[1][::2], e[1][1::2])) for e in events]
    trip_ms = [int(t["t"]) for t in trips if t["kind"] == "trip"][-1]
    came = [a["time_ms"] - trip_ms for a in region.log()]
    return [ms for ms in came if ms > 0], sum(-20 <= ms <= 0 for ms in came)


def bench_dead(folder, redis):
    late, at_trip = [], 0
    for i in range(REPEAT):
        fleet = Fleet(folder, redis, f"dead{i}", breaker={"recovery_timeout": "60s"})
        try:
            more, there = die_under_load(fleet)
        finally:
            fleet.stop()
        late += more
        at_trip += there
    last = f", the last {max(late)} ms after it" if late else ""
    return [(f"requests to a dead region after its trip, 2 routers at {DEAD_RATE} requests/s each",
             f"{len(late) / REPEAT:.1f}{last}", f"{at_trip / REPEAT:.1f} in flight at the trip",
             None, "0")]


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
             f"HAProxy {haproxy / 1024:.1f} KiB", sluice / haproxy, "24 KiB")]


ROWS = {"cpu": bench_cpu, "latency": bench_latency, "divert": bench_divert,
        "memory": bench_memory, "scale": bench_scale, "commands": bench_commands,
        "dead": bench_dead,
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
