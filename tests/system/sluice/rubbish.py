"""A server that speaks no Redis."""

import socket
import threading


class Rubbish:
    """Answers whatever comes on a port with the same bytes; None hangs up at once."""

    def __init__(self, answer, port=0):
        self.answer = answer
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
                while self.answer is not None and not self.over and c.recv(65536):
                    self.heard += 1
                    c.sendall(self.answer)
            except OSError:
                return
        self.heard += 1

    def stop(self):
        if not self.over:
            self.over = True
            self.server.shutdown(socket.SHUT_RDWR)
            self.server.close()
