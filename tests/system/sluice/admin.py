"""sluice-admin, run once per call."""

import json
import os
import subprocess

from .proc import PATIENCE_S, program


class Result:
    def __init__(self, rc, out, err):
        self.rc, self.out, self.err = rc, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<rc {self.rc} out {self.out!r} err {self.err!r}>"


class Admin:
    """fleet is the one that Router's configs name; with a config the file says it."""

    def __init__(self, redis_url=None, config=None, fleet="test", version=None):
        self.version = version  # older or newer, of build/versions
        self.where = ["--redis", redis_url] if redis_url else ["-c", str(config)] if config else []
        self.env = {"SLUICE_FLEET": fleet}

    def argv(self, *args):
        return [program("sluice-admin", self.version), *self.where, *[str(a) for a in args]]

    def environment(self, env=None):
        return dict(os.environ, **self.env, **(env or {}))

    def __call__(self, *args, seconds=PATIENCE_S, env=None):
        """admin("region", "down", "us-east"): rc, out and err, whatever they are."""
        done = subprocess.run(self.argv(*args), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=seconds, env=self.environment(env))
        return Result(done.returncode, done.stdout, done.stderr)

    def json(self, *args, **how):
        """The same with --json, parsed; fails unless the command succeeded."""
        result = self("--json", *args, **how)
        assert result.rc == 0, result
        return result.json()

    def story(self, region):
        """What happened to a region: (kind, from, to) of every event, oldest first."""
        return [(e["kind"], e["from"], e["to"]) for e in self.json("events")["events"]
                if e["region"] == region]
