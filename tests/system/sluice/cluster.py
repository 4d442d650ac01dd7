"""A private Redis Cluster of three nodes that serve; replicas where a test adds them."""

from .proc import wait_for
from .redis import Redis, RedisError

SLOTS = 16384
NODE_TIMEOUT_MS = 2000  # longer than a busy machine keeps a living node waiting


class Cluster:
    def __init__(self, maker, *options):
        self.maker, self.options = maker, options
        self.nodes = []
        for _ in range(3):
            self._add_node()
        for i, node in enumerate(self.nodes):
            first, last = SLOTS * i // 3, SLOTS * (i + 1) // 3 - 1
            node("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            self.nodes[0]("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus)
        self.wait_ok()

    def _add_node(self):
        folder = self.maker.folder / f"node{len(self.nodes)}"
        folder.mkdir()
        node = self.maker.add(Redis(
            folder, "--cluster-enabled", "yes", "--cluster-port", "{bus}",
            "--cluster-node-timeout", NODE_TIMEOUT_MS, *self.options))
        self.nodes.append(node)
        return node

    def add_replica(self, of):
        """A node that takes over when of dies; known to all, and level with of."""
        node = self._add_node()
        of_id = of("CLUSTER", "MYID")
        node("CLUSTER", "MEET", "127.0.0.1", of.port, of.bus)
        wait_for(lambda: of_id in node("CLUSTER", "NODES"), what="the replica to know its master")
        node("CLUSTER", "REPLICATE", of_id)
        self.wait_ok()
        wait_for(lambda: "master_link_status:up" in node("INFO", "replication"),
                 what="the replica to be level")
        replica_id = node("CLUSTER", "MYID")
        wait_for(lambda: all(f"{replica_id} 127.0.0.1:{node.port}@{node.bus} " in line
                             and " connected" in line and "slave" in line
                             for n in self.nodes if n is not node
                             for line in n("CLUSTER", "NODES").splitlines()
                             if replica_id in line), what="all to know the replica")
        return node

    def wait_ok(self):
        def ok():
            return all("cluster_state:ok" in n("CLUSTER", "INFO") and
                       len(n("CLUSTER", "NODES").splitlines()) == len(self.nodes)
                       for n in self.nodes)
        wait_for(ok, seconds=60, what="the Cluster to be whole")

    def owner(self, key):
        """The node that serves key, by its own word."""
        node = self.owner_among(key, *self.nodes)
        if node is None:
            raise LookupError(key)
        return node

    def owner_among(self, key, *nodes):
        """The one of nodes that serves key; None: none of them."""
        for node in nodes:
            try:
                node("EXISTS", key)
                return node
            except RedisError:
                pass
        return None

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
