"""A vendor that sends a stream's head, role and then WHAT as fast as the socket takes it.

Run as a program (flood.py WHAT): prints its port; a process of its own, so that it floods while
the test waits.
"""

import socket
import sys
import threading

HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n')
FLOODS = {"comments": b":\n\n" * 20000,
          "empty": b'data: {"choices":[{"index":0,"delta":{}}]}\n\n' * 2000}


def serve(c, flood):
    with c:
        try:
            while b"\r\n\r\n" not in c.recv(65536):
                pass
            c.sendall(HEAD)
            while True:
                c.sendall(flood)
        except OSError:
            pass


def main():
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0], FLOODS[sys.argv[1]]),
                         daemon=True).start()


if __name__ == "__main__":
    main()
