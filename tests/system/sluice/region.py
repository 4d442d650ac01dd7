"""The simulated region: start it, tell it to fail, read what it saw."""

import json
import os
import zlib

from .client import request
from .proc import Process, free_port, program, wait_for


class Attempt(dict):
    """One attempt as the region logged it."""

    @property
    def headers(self):
        return {name.lower(): value for name, value in self["headers"]}

    @property
    def body(self):
        """The bytes the region received; checked against the region's own sum."""
        data = self["body"].encode("latin-1")
        assert len(data) < self["body_bytes"] or zlib.crc32(data) == self["body_crc32"]
        return data

    def json(self):
        return json.loads(self.body)


class Region:
    PORT_TRIES = 10

    def __init__(self, folder, name="us-east", key=None, host="127.0.0.1", **flags):
        """host: the address it serves on.  flags: text="seed", tokens=8, events=3, stamp=True, ... as sluice-region takes them."""
        self.name, self.key, self.folder = name, key, folder
        self.flags, self.host = flags, host
        self.process = None
        for left in reversed(range(self.PORT_TRIES)):
            self.port, self.control = free_port(), free_port()
            try:
                self.start()
                return
            except RuntimeError as error:
                if not left or "in use" not in str(error):
                    raise

    def start(self):
        """Again on the same ports after stop() or kill()."""
        argv = [program("sluice-region"), "--listen", f"{self.host}:{self.port}",
                "--control", f"127.0.0.1:{self.control}", "--name", self.name]
        if self.key:
            argv += ["--require-key", self.key]
        for flag, value in self.flags.items():
            argv.append("--" + flag.replace("_", "-"))
            if value is not True:
                argv.append(str(value))
        self.process = Process(argv, self.folder, f"region-{self.name}-{os.urandom(3).hex()}")
        self.process.wait_output(r"^listening on \d+$")
        self.process.wait_output(r"^control on \d+$")
        return self

    @property
    def base_url(self):
        return f"http://{self.host}:{self.port}/v1"

    def stop(self):
        return self.process.stop()

    def kill(self):
        return self.process.kill()

    def _ask(self, method, what, value=None):
        answer = request(self.control, method, f"/_region/{what}", json=value)
        assert answer.status == 200, answer
        return answer.json()

    def fault(self, *faults, **members):
        """fault(status=503, times=2), or several objects of which the first that matches counts."""
        return self._ask("POST", "fault", list(faults) if faults else members)

    def heal(self):
        return self._ask("DELETE", "fault")

    def go(self):
        """What fault(hold=True) or fault(hold_at_event=n) keeps still goes on."""
        return self._ask("POST", "go")

    def reset(self):
        """Healthy, and as if it had seen nothing."""
        return self._ask("POST", "reset")

    def counts(self):
        return self._ask("GET", "counts")

    def attempts(self):
        """Requests for a model so far; active checks are not among them."""
        return self.counts()["attempts"]

    def log(self):
        return [Attempt(a) for a in self._ask("GET", "log")]

    def wait_ended(self, how, n=1):
        """Until n attempts have ended so: complete, client_gone, cut, reset."""
        return wait_for(lambda: self.counts()[how] >= n, what=f"{n} x {how} at {self.name}")

    def wait_active(self, n=1):
        """Until n attempts are under way."""
        try:
            return wait_for(lambda: self.counts()["active"] >= n, what=f"{n} at {self.name}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self._ask('GET', 'log')}") from None
