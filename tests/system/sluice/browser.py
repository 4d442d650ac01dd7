"""A real browser without a window, and a web server whose page it opens."""

import http.server
import json
import os
import shutil
import threading

import pytest

from .proc import Process, wait_for

NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """Serves one page; what its script says with tell() is in told.

    port: one that is free, or 0 for any.
    """

    def __init__(self, script, port=0):
        self.html = "<!doctype html><body><script>%s\n%s</script>" % (TELL, script)
        self.told = []
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(page.html.encode())

            def do_POST(self):
                page.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.answer(b"")

            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def wait_told(self, n=1):
        return wait_for(lambda: self.told[:n] if len(self.told) >= n else None,
                        what=f"the page to tell {n} things; so far {self.told}")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


TELL = """
const tell = what => fetch('/told', {method: 'POST', body: JSON.stringify(what)});
"""


class Browser:
    """Chromium at that URL; the test is skipped where there is none.

    names: host names that lead to 127.0.0.1.
    """

    def __init__(self, folder, url, names=()):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            pytest.skip("needs a Chromium (apt-get install chromium)")
        rules = ",".join(f"MAP {name} 127.0.0.1" for name in names)
        self.process = Process(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--no-proxy-server", "--disable-background-networking",
             f"--host-resolver-rules={rules}",
             f"--user-data-dir={folder}/browser-{os.urandom(3).hex()}", url],
            folder, f"browser-{os.urandom(3).hex()}", env={"HOME": str(folder)})

    def stop(self):
        self.process.stop()
