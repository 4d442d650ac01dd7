"""A server that speaks no Redis."""

import re
import socket
import threading


class Rubbish:
    """Answers whatever comes on a port with the same bytes; None hangs up at once.

    to: answers so the commands that begin with this, and OK to any other.
    """

    def __init__(self, answer, port=0, to=b""):
        self.answer, self.to = answer, to
        self.heard = 0
        self.over = False
        self.server = socket.create_server(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.over:
            try:
                c, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(c,), daemon=True).start()

    def _talk(self, c):
        with c:
            try:
                while self.answer is not None and not self.over and (said := c.recv(65536)):
                    self.heard += 1
                    c.sendall(self._answers(said))
            except OSError:
                return
        self.heard += 1

    def _answers(self, said):
        if not self.to:
            return self.answer
        commands = re.split(rb"(?:^|\r\n)\*\d+\r\n\$\d+\r\n", said)[1:]
        return b"".join(self.answer if c.startswith(self.to) else b"+OK\r\n" for c in commands)

    def stop(self):
        if not self.over:
            self.over = True
            self.server.shutdown(socket.SHUT_RDWR)
            self.server.close()
