"""HTTP as bytes: sends exactly what it is told and reads exactly what comes.

No library between the test and the wire: a library would mend or hide what the
tests look for.
"""

import collections
import json as json_module
import re
import socket
import struct
import time

from .proc import PATIENCE_S


class Cut(ConnectionError):
    """The peer ended the connection before the answer was whole."""


class Broken(Exception):
    """What the peer sent is not HTTP/1.1 as RFC 9112 has it."""


class Response:
    def __init__(self, status, reason, fields, version):
        self.status, self.reason, self.fields, self.version = status, reason, fields, version
        self.body = b""
        self.complete = False

    @property
    def headers(self):
        """Names in lower case; the last of equal names wins."""
        return {name.lower(): value for name, value in self.fields}

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json_module.loads(self.body)

    def events(self):
        return parse_events(self.body)

    def content(self):
        """The answer's text, plain or streamed."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            return "".join(delta_text(e) for e in self.events() if e != "[DONE]")
        choice = self.json()["choices"][0]
        return choice["message"]["content"] if "message" in choice else choice["text"]

    def __repr__(self):
        return f"<Response {self.status} {self.fields} {self.body[:500]!r}>"


def delta_text(event):
    choices = event.get("choices") or [{}]
    choice = choices[0]
    return (choice.get("delta", {}).get("content") or choice.get("text") or "")


def parse_events(body):
    """Whole `data:` events of an SSE body: JSON values, or the text where it is no JSON."""
    text = body.decode().replace("\r\n", "\n").replace("\r", "\n")
    out = []
    for block in text.split("\n\n")[:-1]:
        lines = [l[5:].removeprefix(" ") for l in block.split("\n") if l.startswith("data:")]
        if not lines:
            continue
        data = "\n".join(lines)
        try:
            out.append(json_module.loads(data))
        except ValueError:
            out.append(data)
    return out


class Connection:
    """One TCP connection to a port on loopback."""

    def __init__(self, port, host="127.0.0.1", seconds=PATIENCE_S, receive_buffer=None):
        self.seconds = seconds
        self.host, self.port = host, port
        self.data = b""      # received, not consumed
        self.ended = False   # FIN seen
        self.was_reset = False
        self.sock = socket.socket()
        if receive_buffer:   # before connect: the window is agreed on there
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(seconds)
        try:
            self.sock.connect((host, port))
        except OSError:
            self.sock.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.settimeout(self.seconds)
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def send_request(self, method, path, json=None, body=None, headers=None):
        """headers: pairs or a dict; Host and Content-Length are added where missing."""
        if json is not None:
            body = json_module.dumps(json)
        if isinstance(body, str):
            body = body.encode()
        fields = list(headers.items() if isinstance(headers, dict) else headers or [])
        names = {n.lower() for n, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", f"{self.host}:{self.port}"))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        if json is not None and "content-type" not in names:
            fields.append(("Content-Type", "application/json"))
        head = f"{method} {path} HTTP/1.1\r\n"
        head += "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
        return self.send(head.encode("latin-1") + (body or b""))

    # -- reading -----------------------------------------------------------

    def receive(self, seconds=None, size=65536):
        """More bytes into data; False at the end of the connection, TimeoutError at the deadline."""
        if self.ended:
            return False
        self.sock.settimeout(max(0.001, self.seconds if seconds is None else seconds))
        try:
            got = self.sock.recv(size)
        except ConnectionResetError:
            self.ended = self.was_reset = True
            return False
        self.data += got
        self.ended = not got
        return bool(got)

    def read_until(self, mark, seconds=None):
        """Bytes up to and including mark; Cut when the connection ends first."""
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        while mark not in self.data:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {mark!r}; so far: {self.data[-200:]!r}")
            if not self.receive(deadline - time.monotonic()):
                raise Cut(f"the connection ended before {mark!r}")
        return self._take(self.data.index(mark) + len(mark))

    def read_bytes(self, n, seconds=None):
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        while len(self.data) < n:
            if not self.receive(deadline - time.monotonic()):
                raise Cut(f"{len(self.data)} of {n} bytes")
        return self._take(n)

    def read_all(self, seconds=None):
        """Everything until the peer ends the connection."""
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        while self.receive(deadline - time.monotonic()):
            pass
        return self._take(len(self.data))

    def is_silent(self, seconds):
        """True when nothing at all comes for that long: no byte and no end."""
        if self.data or self.ended:
            return False
        try:
            self.receive(seconds)
        except TimeoutError:
            return True
        return False

    def _take(self, n):
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def read_head(self, seconds=None):
        head = self.read_until(b"\r\n\r\n", seconds).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        parts = first.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            raise Broken(f"not a status line: {first!r}")
        fields = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise Broken(f"not a header field: {line!r}")
            fields.append((name, value.strip()))
        return Response(int(parts[1]), parts[2] if len(parts) > 2 else "", fields, parts[0])

    def pieces(self, response, seconds=None):
        """The body's bytes as they arrive; ends when it is whole, raises Cut when it never is."""
        lengths = set(response.all("content-length"))
        codings = [c.lower() for c in response.all("transfer-encoding")]
        if codings and lengths or len(lengths) > 1:
            raise Broken(f"two framings: {codings} {lengths}")
        if response.status < 200 or response.status in (204, 304):
            pass
        elif codings:
            yield from self._chunks(seconds)
        elif lengths:
            yield from self._length(int(lengths.pop()), seconds)
        else:
            while self.data or self.receive(seconds):
                yield self._take(len(self.data))
            if self.was_reset:
                raise Cut("reset")
        response.complete = True

    def _length(self, left, seconds):
        while left > 0:
            if not self.data and not self.receive(seconds):
                raise Cut(f"{left} bytes of the body are missing")
            piece = self._take(min(left, len(self.data)))
            left -= len(piece)
            yield piece

    def _chunks(self, seconds):
        while True:
            line = self.read_until(b"\r\n", seconds)
            try:
                size = int(line.split(b";")[0].strip(), 16)
            except ValueError:
                raise Broken(f"not a chunk size: {line!r}") from None
            if size == 0:
                if self.read_until(b"\r\n", seconds) != b"\r\n":
                    raise Broken("trailers are not expected here")
                return
            yield from self._length(size, seconds)
            if self.read_bytes(2, seconds) != b"\r\n":
                raise Broken("no CRLF behind a chunk")

    def read_response(self, seconds=None, cut_ok=False):
        """A whole answer.  cut_ok: an answer that was cut comes back with complete False."""
        response = self.read_head(seconds)
        while response.status == 100:
            response = self.read_head(seconds)
        try:
            for piece in self.pieces(response, seconds):
                response.body += piece
        except Cut:
            if not cut_ok:
                raise
        return response

    def request(self, method, path, seconds=None, cut_ok=False, **what):
        return self.send_request(method, path, **what).read_response(seconds, cut_ok)


_END = rb"(?:\r\n|\n|\r(?!\n))"
_EVENT_END = re.compile(_END + _END)


class Stream:
    """A streaming answer, event by event."""

    def __init__(self, connection, seconds=None):
        self.connection = connection
        self.response = connection.read_head(seconds)
        self.raw = b""      # the body so far
        self._rest = b""    # of it, what no whole event covers yet
        self._events = collections.deque()
        self._pieces = connection.pieces(self.response, seconds)

    def next(self):
        """The next event, or None when the stream has ended properly."""
        while not self._events:
            piece = next(self._pieces, None)
            if piece is None:
                return None
            self.raw += piece
            self._rest += piece
            while found := _EVENT_END.search(self._rest):
                self._events.extend(parse_events(self._rest[:found.end()]))
                self._rest = self._rest[found.end():]
        return self._events.popleft()

    def rest(self):
        out = []
        while (event := self.next()) is not None:
            out.append(event)
        return out

    def is_silent(self, seconds):
        """True when nothing comes for that long: no event and no end."""
        c = self.connection
        if self._events or c.ended or c.data.strip(b"\r\n"):
            return False
        try:
            c.receive(seconds)
        except TimeoutError:
            return True
        return False

    def close(self):
        self.connection.close()


def request(port, method, path, seconds=PATIENCE_S, cut_ok=False, **what):
    """One request on a connection of its own."""
    with Connection(port, seconds=seconds) as c:
        return c.request(method, path, cut_ok=cut_ok, **what)


def chat_body(text="hello", model="gpt-4.1", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def chat(port, text="hello", model="gpt-4.1", headers=None, seconds=PATIENCE_S, cut_ok=False,
         **more):
    """A chat completion; stream=True reads the whole stream."""
    return request(port, "POST", "/v1/chat/completions", seconds, cut_ok, headers=headers,
                   json=chat_body(text, model, **more))


def open_stream(port, text="hello", model="gpt-4.1", headers=None, seconds=PATIENCE_S,
                receive_buffer=None, **more):
    """A streaming chat whose head has arrived."""
    c = Connection(port, seconds=seconds, receive_buffer=receive_buffer)
    c.send_request("POST", "/v1/chat/completions", headers=headers,
                   json=chat_body(text, model, stream=True, **more))
    return Stream(c, seconds)
