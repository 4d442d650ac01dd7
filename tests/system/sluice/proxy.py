"""A proxy that makes tunnels (CONNECT, SOCKS 5), and notes who asked for which."""

import select
import socket
import threading


class Proxy:
    """asked: request line and lower-case header fields of every CONNECT; of a SOCKS client the
    line as if it were one.

    status: of the answers; with another than 200 no tunnel is made.
    """

    def __init__(self, status=200):
        self.asked, self.status = [], status
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def url(self, credentials="", scheme="http"):
        return f"{scheme}://{credentials}127.0.0.1:{self.port}"

    def _accept(self):
        self.listener.settimeout(0.05)
        while not self.ends.is_set():
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, client):
        with client, client.makefile("rb") as lines:
            if lines.peek(1)[:1] == b"\x05":
                self._serve_socks(client, lines)
                return
            first = lines.readline().decode().strip()
            fields = {}
            while (line := lines.readline().decode().strip()):
                name, value = line.split(":", 1)
                fields[name.lower()] = value.strip()
            self.asked.append((first, fields))
            host, port = first.split()[1].rsplit(":", 1)
            client.sendall(f"HTTP/1.1 {self.status} X\r\nX-Of-Proxy: 1\r\n\r\n".encode())
            if self.status == 200:
                with socket.create_connection((host, int(port))) as server:
                    self._pump(client, server)

    def _serve_socks(self, client, lines):
        """RFC 1928, no authentication, a name or an IPv4 address."""
        lines.read(lines.read(2)[1])
        client.sendall(b"\x05\x00")
        kind = lines.read(4)[3]
        host = (socket.inet_ntoa(lines.read(4)) if kind == 1
                else lines.read(lines.read(1)[0]).decode())
        port = int.from_bytes(lines.read(2), "big")
        self.asked.append((f"CONNECT {host}:{port} SOCKS/5", {}))
        with socket.create_connection((host, port)) as server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            self._pump(client, server)

    def _pump(self, a, b):
        while not self.ends.is_set():
            for ready in select.select([a, b], [], [], 0.05)[0]:
                if not (data := ready.recv(65536)):
                    return
                (b if ready is a else a).sendall(data)

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()
        self.listener.close()
