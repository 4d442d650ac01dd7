"""A region that speaks TLS with a given certificate, and notes what it is asked."""

import http.server
import json
import ssl
import threading

_ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that does not trust us breaks the handshake off: no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        # Here, in this connection's own thread: a handshake must not keep the others waiting.
        self.request.do_handshake()
        super().setup()

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append((self.path, dict(self.headers)))
        body = json.dumps(_ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


class TlsRegion:
    """cert, key: files.  asked: path and header fields of every request that arrived."""

    def __init__(self, name, cert, key, api_key="secret"):
        self.name, self.key = name, api_key
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.asked = self.asked = []
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def entry(self, priority=1, **more):
        """Its part of a router's config."""
        return {"name": self.name, "base_url": f"https://127.0.0.1:{self.port}/v1",
                "api_key": self.key, "priority": priority, **more}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
