"""HAProxy in front of one upstream: one thread, connections reused, the same header added.

http-no-delay is for streams: without it each chunk waits for the next, up to 200 ms.
"""

from sluice.proc import Process, free_port, wait_for
from sluice.client import Connection

CONFIG = """global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
    option http-no-delay
frontend in
    bind 127.0.0.1:{port}
    default_backend region
backend region
    http-request set-header Authorization "Bearer {key}"
    server region 127.0.0.1:{upstream}
"""


class HAProxy:
    def __init__(self, folder, upstream, key):
        self.port = free_port()
        path = folder / "haproxy.cfg"
        path.write_text(CONFIG.format(port=self.port, upstream=upstream, key=key))
        self.process = Process(["haproxy", "-db", "-f", path], folder, "haproxy")
        wait_for(self._answers, what="haproxy to listen")

    def _answers(self):
        if not self.process.alive():
            raise RuntimeError(f"haproxy ended: {self.process.err()}")
        with Connection(self.port):
            return True

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        return self.process.kill()
