"""A private Redis Cluster of three nodes without replicas."""

from .proc import wait_for
from .redis import Redis, RedisError

SLOTS = 16384
NODE_TIMEOUT_MS = 2000  # longer than a busy machine keeps a living node waiting


class Cluster:
    def __init__(self, maker, *options):
        self.nodes = []
        for i in range(3):
            folder = maker.folder / f"node{i}"
            folder.mkdir()
            self.nodes.append(maker.add(Redis(
                folder, "--cluster-enabled", "yes", "--cluster-port", "{bus}",
                "--cluster-node-timeout", NODE_TIMEOUT_MS, *options)))
        for i, node in enumerate(self.nodes):
            first, last = SLOTS * i // 3, SLOTS * (i + 1) // 3 - 1
            node("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            self.nodes[0]("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus)
        self.wait_ok()

    def wait_ok(self):
        def ok():
            return all("cluster_state:ok" in n("CLUSTER", "INFO") and
                       len(n("CLUSTER", "NODES").splitlines()) == 3 for n in self.nodes)
        wait_for(ok, seconds=60, what="the Cluster to be whole")

    def owner(self, key):
        """The node that serves key, by its own word."""
        for node in self.nodes:
            try:
                node("EXISTS", key)
                return node
            except RedisError:
                pass
        raise LookupError(key)

    def move(self, key, to):
        """All keys of key's slot, as redis-cli --cluster reshard does it, in one batch."""
        source = self.owner(key)
        slot = source("CLUSTER", "KEYSLOT", key)
        source_id, to_id = (n("CLUSTER", "MYID") for n in (source, to))
        to("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source("CLUSTER", "SETSLOT", slot, "MIGRATING", to_id)
        while keys := source("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            source("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", *keys)
        for node in (to, source, *self.nodes):
            node("CLUSTER", "SETSLOT", slot, "NODE", to_id)
