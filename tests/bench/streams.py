"""Rows about streams: what a chunk costs and how late it comes, beside HAProxy and direct."""

import json
import os
import subprocess

from sluice.proc import program

STREAMS = int(os.environ.get("CHUNK_STREAMS", "1000"))
PER_SECOND = 20
SECONDS = float(os.environ.get("CHUNK_SECONDS", "8"))
KEY = "bench-0123456789abcdef"


def read_streams(port):
    out = subprocess.run([program("tests/bench/bench_streams"), str(port), str(STREAMS),
                          str(int(PER_SECOND * SECONDS)), "1000", KEY],
                         capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def bench_chunks(place, cpu_ns):
    """place: an upstream that stamps its chunks, HAProxy and a router in front of it."""
    who = {"direct": (place.region.port, None),
           "haproxy": (place.haproxy.port, place.haproxy.pid),
           "sluice": (place.router.port, place.sluice_pid)}
    found, cpu = {}, {}
    try:
        place.region.fault(events=int(PER_SECOND * SECONDS), chunk_bytes=12,
                           delay_event_ms=1000 // PER_SECOND)
        for name, (port, pid) in who.items():
            before = cpu_ns(pid) if pid else 0
            one = found[name] = read_streams(port)
            cpu[name] = ((cpu_ns(pid) if pid else 0) - before) / 1000 / max(1, one["chunks"])
    finally:
        place.stop()
    sluice, haproxy, direct = (found[name] for name in ("sluice", "haproxy", "direct"))
    wrong = {name: sum(one[w] for w in ("lost", "doubled", "disordered", "failed"))
             for name, one in found.items()}
    many = f"{STREAMS} streams at {PER_SECOND} chunks/s"
    rows = [(f"CPU per chunk, {many}", f"{cpu['sluice']:.1f} us", f"HAProxy {cpu['haproxy']:.1f} us",
             cpu["sluice"] / cpu["haproxy"], "")]
    for p in ("p50", "p99"):
        rows.append((f"added lag of a chunk, {many}, {p}", f"{(sluice[p] - direct[p]) / 1000:.2f} ms",
                     f"HAProxy {(haproxy[p] - direct[p]) / 1000:.2f} ms "
                     f"(direct {direct[p] / 1000:.2f} ms)", None, "5 ms" if p == "p99" else ""))
    rows.append((f"chunks lost, doubled or out of order, of {sluice['chunks']}", str(wrong["sluice"]),
                 f"HAProxy {wrong['haproxy']} (direct {wrong['direct']})", None, "0"))
    return rows
