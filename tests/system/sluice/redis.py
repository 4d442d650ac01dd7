"""A private redis-server, and a small client that speaks its protocol."""

import os
import signal
import socket

from .proc import PATIENCE_S, Process, free_port, wait_for


class RedisError(Exception):
    pass


class RedisClient:
    """RESP2 on one connection (https://redis.io/docs/reference/protocol-spec/)."""

    def __init__(self, path=None, port=None, seconds=PATIENCE_S, tls=None):
        """tls: an ssl.SSLContext."""
        if path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(seconds)
            self.sock.connect(str(path))
        else:
            self.sock = socket.create_connection(("127.0.0.1", port), seconds)
            if tls:
                self.sock = tls.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, *args):
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        out = b"*%d\r\n" % len(parts)
        out += b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
        self.sock.sendall(out)

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2].decode(errors="surrogateescape")
        if kind == b"*":
            n = int(rest)
            return None if n < 0 else [self.read() for _ in range(n)]
        raise RedisError(f"unknown reply {line!r}")

    def __call__(self, *args):
        """redis("GET", key): the reply; raises RedisError for an error reply."""
        self.send(*args)
        reply = self.read()
        if isinstance(reply, RedisError):
            raise reply
        return reply


class Redis:
    """redis-server with persistence, on a free TCP port and on a unix socket in folder.

    "{port}" in an option becomes the port: Redis(folder, "--port", 0, "--tls-port", "{port}").
    "{bus}" becomes another free one.
    """

    PORT_TRIES = 20
    host = "127.0.0.1"
    inside = ()  # words before the command line, such as those of "ip netns exec"

    def __init__(self, folder, *options):
        self.folder, self.options = folder, options
        self.path = folder / "redis.sock"
        self.port = None
        self.process = None
        self.clients_made = 0  # of this life of the server
        for _ in range(self.PORT_TRIES):
            self.port, self.bus = free_port(), free_port()
            if self._launch():
                return
        raise RuntimeError("no free port for redis-server: " + self.process.out())

    def _launch(self):
        self.clients_made = 0
        argv = [*self.inside, "redis-server", "--port", self.port, "--bind", self.host,
                "--unixsocket", self.path, "--dir", self.folder, "--save", "",
                "--appendonly", "yes", "--appendfsync", "everysec", "--daemonize", "no",
                *[str(o).replace("{port}", str(self.port)).replace("{bus}", str(self.bus))
                  for o in self.options]]
        self.process = Process(argv, self.folder, f"redis-{os.urandom(3).hex()}")
        return self._wait_up()

    def _wait_up(self):
        def up():
            if not self.process.alive():
                return "ended"
            with self.client() as c:
                try:
                    return c("PING") == "PONG"
                except RedisError as e:  # NOAUTH is a living server's word
                    return not str(e).startswith("LOADING")
        return wait_for(up, what="redis-server to answer") is True

    @property
    def url(self):
        return f"redis://{self.host}:{self.port}/0"

    @property
    def unix_url(self):
        return f"unix://{self.path}"

    def client(self):
        c = RedisClient(path=self.path)
        self.clients_made += 1
        return c

    def __call__(self, *args):
        with self.client() as c:
            return c(*args)

    def pause(self):
        """Alive but mute: connections stay, nothing is answered."""
        self.process.signal(signal.SIGSTOP)

    def cont(self):
        self.process.signal(signal.SIGCONT)

    def kill(self):
        return self.process.kill()

    def stop(self):
        return self.process.stop()

    def restart(self):
        """On the same port, with the data that was persisted."""
        if self.process.alive():
            self.process.stop()
        if not self._launch():
            raise RuntimeError("redis-server did not come back: " + self.process.out())
        return self
