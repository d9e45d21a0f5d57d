"""A bucket on this machine, over HTTP, as S3 answers for the calls that a key store makes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Bucket(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.objects: dict[str, bytes] = {}
        self.unsigned = 0
        self.is_down = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Asked(BaseHTTPRequestHandler):
    server: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._must_answer():
            if self.headers.get("If-None-Match") == "*" and self.name in self.server.objects:
                return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            self.server.objects[self.name] = body
            self._answer(200, b"")

    def do_GET(self) -> None:
        if self._must_answer():
            found = self.server.objects.get(self.name)
            if found is None:
                return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            self._answer(200, found)

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _must_answer(self) -> bool:
        if self.server.is_down:
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            return False
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            self.server.unsigned += 1
        return True

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving_a_bucket() -> Iterator[Bucket]:
    bucket = Bucket()
    thread = threading.Thread(target=bucket.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        bucket.shutdown()
        bucket.server_close()
        thread.join()
