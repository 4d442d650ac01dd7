"""A router process with a config made for it."""

import json
import os
import signal
import subprocess

from .client import Connection, chat, open_stream, request
from .proc import Process, free_port, kill_all, program, wait_for


def region_entry(region, priority, **more):
    entry = {"name": region.name, "base_url": region.base_url, "priority": priority, **more}
    if region.key:
        entry["api_key"] = region.key
    return entry


def merge(base, over):
    """over's members on top of base's, section by section; None takes a member away."""
    out = dict(base)
    for name, value in over.items():
        if isinstance(value, dict) and isinstance(out.get(name), dict):
            out[name] = merge(out[name], value)
        elif value is None:
            out.pop(name, None)
        else:
            out[name] = value
    return out


class Router:
    PORT_TRIES = 10

    def __init__(self, folder, regions, redis_url=None, name="router", env=None, ready=True,
                 version=None, within=(), **config):
        """regions: Region objects in order of priority, or ready config entries.

        version: older or newer, for a program of build/versions.
        within: a program and its arguments that run what follows them.
        """
        self.version, self.within = version, within
        self.folder, self.name, self.env = folder, name, env
        entries = [r if isinstance(r, dict) else region_entry(r, i + 1)
                   for i, r in enumerate(regions)]
        # A test that counts requests has a recovered region's traffic back at once, and no
        # request that it did not send.
        self.config = merge({"fleet": "test", "regions": entries,
                             "breaker": {"recovery_ramp": "0s"},
                             "health": {"interval": "0s"}}, config)
        if redis_url:
            # Patient: on a busy machine a living Redis may be silent for longer than by default.
            # Redis counts as away after five times as long.
            self.config["redis"] = {"url": redis_url, "command_timeout": "300ms",
                                    "connect_timeout": "5s", **(config.get("redis") or {})}
        self.path = folder / f"{name}-{os.urandom(3).hex()}.json"
        self.process = None
        for _ in range(self.PORT_TRIES):
            self.port, self.admin_port = free_port(), free_port()
            if self.launch(ready):
                return
        raise RuntimeError(f"{self.name} found no free port: {self.process.err()}")

    def write_config(self, **change):
        self.config = merge(self.config, change)
        whole = {**self.config, "listen": f"127.0.0.1:{self.port}",
                 "admin_listen": f"127.0.0.1:{self.admin_port}"}
        self.path.write_text(json.dumps(whole, indent=1))

    def launch(self, ready=True):
        """False when somebody else was faster to take a port."""
        self.write_config()
        self.process = Process([*self.within, program("sluice-router", self.version), "-c", self.path],
                               self.folder, self.name, self.env)
        if ready:
            wait_for(lambda: not self.process.alive() or self.is_ready(),
                     what=f"{self.name} to be ready")
            if not self.process.alive() and "in use" not in self.process.err():
                raise RuntimeError(f"{self.name} ended with {self.process.rc}: "
                                   f"{self.process.err()}")
        return self.process.alive() or not ready

    def is_ready(self):
        return self.admin("/readyz").status == 200

    def answers(self):
        """Is anybody at its private port, ready or not?"""
        try:
            return self.admin("/livez").status == 200
        except OSError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def admin(self, path):
        return request(self.admin_port, "GET", path)

    def state(self):
        return self.admin("/state").json()

    def metrics(self):
        """Samples of /metrics: {'name{labels}': value}."""
        out = {}
        for line in self.admin("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                sample, value = line.rsplit(" ", 1)
                out[sample] = float(value)
        return out

    def breaker(self, region):
        """closed, open or half-open, as this router sees it."""
        state = self.metrics()[f'sluice_region_breaker_state{{region="{region}"}}']
        return ("closed", "open", "half-open")[int(state)]

    def is_attached(self):
        """Every worker reaches the shared state and has read it."""
        found = [v for name, v in self.metrics().items()
                 if name.split("{")[0] == "sluice_store_attached"]
        return len(found) == self.config.get("workers", 1) and all(v == 1 for v in found)

    def connect(self, **how):
        return Connection(self.port, **how)

    def chat(self, *args, **what):
        return chat(self.port, *args, **what)

    def stream(self, *args, **what):
        return open_stream(self.port, *args, **what)

    def term(self):
        """Drain, then end."""
        self.process.signal(signal.SIGTERM)

    def hup(self):
        self.process.signal(signal.SIGHUP)

    def workers(self):
        """Pids that serve: the supervisor's children, or the process itself."""
        return self.process.children() or [self.process.pid]

    def kill_worker(self, number=signal.SIGKILL):
        """Kills one worker; its pid."""
        pid = self.workers()[0]
        os.kill(pid, number)
        return pid

    def kill(self):
        """The supervisor and every worker, without a word."""
        pids = self.process.children()
        self.process.kill()
        kill_all(pids)

    def stop(self):
        # A stream that a test left open would keep a draining router: the second
        # signal of a clean-up is final.
        pids = self.process.children() if self.process.alive() else []
        self.process.signal(signal.SIGCONT)
        for patience_s in (0.7, 3):
            self.process.signal(signal.SIGTERM)
            try:
                return self.process.wait_end(patience_s)
            except subprocess.TimeoutExpired:
                pass
        rc = self.process.kill()
        kill_all(pids)
        return rc
