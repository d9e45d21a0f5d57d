"""A server that gives every request the same response."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


@contextmanager
def serve_canned_answer(status: int, body: str, **by_path: str) -> Iterator[str]:
    """Yield its address. `by_path`: responses with 200, by the last word of the path of a GET."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            word = self.path.partition("?")[0].rpartition("/")[2]
            self._send(*((200, by_path[word]) if word in by_path else (status, body)))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(status, body)

        def _send(self, status: int, body: str) -> None:
            content = body.encode("utf-8", "surrogateescape")
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *values: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
