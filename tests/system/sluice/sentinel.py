"""A master, a replica and three Sentinels, all of them private."""

from .proc import Process, free_port, wait_for
from .redis import Redis, RedisClient, RedisError

CONFIG = """\
bind 127.0.0.1
dir {dir}
daemonize no
sentinel monitor {name} 127.0.0.1 {master} 2
sentinel down-after-milliseconds {name} 2000
sentinel failover-timeout {name} 3000
sentinel parallel-syncs {name} 1
"""


class Sentinel:
    """redis-server as a Sentinel: its config file is its memory."""

    def __init__(self, folder, name, master_port, more=(), tls=None):
        self.folder, self.tls = folder, tls
        folder.mkdir()
        text = CONFIG.format(dir=folder, name=name, master=master_port)
        text += "".join(f"{line}\n" for line in more)
        for _ in range(Redis.PORT_TRIES):
            self.port = free_port()
            if self._launch(text):
                return
        raise RuntimeError("no free port for a Sentinel: " + self.process.out())

    def _launch(self, text):
        path = self.folder / "sentinel.conf"
        ports = f"port 0\ntls-port {self.port}\n" if self.tls else f"port {self.port}\n"
        path.write_text(text + ports)
        self.process = Process(["redis-server", path, "--sentinel"], self.folder, "sentinel")
        return wait_for(lambda: "ended" if not self.process.alive() else self("PING") == "PONG",
                        what="a Sentinel to answer") is True

    def __call__(self, *args):
        with RedisClient(port=self.port, tls=self.tls) as c:
            return c(*args)

    def stop(self):
        self.process.stop()


class Watched:
    """redises[0] begins as the master of the rest; password: of the redises.

    certs: all of them speak TLS only, with a certificate by that authority.
    """

    def __init__(self, maker, name="main", password=None, n_replicas=1, certs=None):
        self.name, self.password = name, password
        tls = {}
        if certs:
            cert, key = certs.issue("server")
            tls = {"tls-cert-file": cert, "tls-key-file": key, "tls-ca-cert-file": certs.ca,
                   "tls-replication": "yes", "tls-auth-clients": "no"}
        options = [w for k, v in tls.items() for w in (f"--{k}", v)]
        if certs:
            options += ["--port", 0, "--tls-port", "{port}"]
        login = ["--requirepass", password, "--masterauth", password] if password else []
        self.redises = []
        for i in range(1 + n_replicas):
            folder = maker.folder / f"redis{i}"
            folder.mkdir()
            of = ["--replicaof", "127.0.0.1", self.redises[0].port] if i else []
            self.redises.append(maker.add(Redis(folder, *options, *login, *of)))
        more = [f"{k} {v}" for k, v in tls.items()]
        if password:
            more.append(f"sentinel auth-pass {name} {password}")
        context = certs.context() if certs else None
        self.sentinels = [maker.add(Sentinel(maker.folder / f"sentinel{i}", name,
                                             self.redises[0].port, more, context))
                          for i in range(3)]
        wait_for(lambda: all(self.is_ready(s) for s in self.sentinels), seconds=60,
                 what="the Sentinels to know each other and every replica")

    def is_ready(self, sentinel):
        try:
            usable = sentinel("SENTINEL", "CKQUORUM", self.name).startswith("OK 3 ")
        except RedisError:
            return False
        replicas = [dict(zip(r[::2], r[1::2]))
                    for r in sentinel("SENTINEL", "REPLICAS", self.name)]
        return (usable and len(replicas) == len(self.redises) - 1 and
                all(r.get("master-link-status") == "ok" for r in replicas))

    def url(self, scheme="redis+sentinel"):
        login = f":{self.password}@" if self.password else ""
        hosts = ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels)
        return f"{scheme}://{login}{hosts}/{self.name}"

    def ask(self, redis, *args):
        with redis.client() as c:
            if self.password:
                c("AUTH", self.password)
            return c(*args)

    def master(self):
        """As the first Sentinel names it."""
        _, port = self.sentinels[0]("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)
        return next(r for r in self.redises if r.port == int(port))

    def subscribers(self, redis, channel):
        return self.ask(redis, "PUBSUB", "NUMSUB", channel)[1]
