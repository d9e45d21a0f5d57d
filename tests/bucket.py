"""An HTTP server that answers like S3 for the calls that we make: conditional put, get, list and delete."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

REFUSED = b"<Error><Code>PreconditionFailed</Code></Error>"


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


class Bucket(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BucketHandler)
        self.objects: dict[str, bytes] = {}
        self.unsigned = 0
        self.is_down = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class BucketHandler(BaseHTTPRequestHandler):
    server: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._must_answer():
            if self.headers.get("If-None-Match") == "*" and self.name in self.server.objects:
                return self._answer(412, REFUSED)
            wanted = self.headers.get("If-Match")
            if wanted is not None and wanted != etag(self.server.objects.get(self.name, b"")):
                return self._answer(412, REFUSED)
            self.server.objects[self.name] = body
            self._answer(200, b"", body)

    def do_GET(self) -> None:
        if self._must_answer():
            if "list-type=2" in self.path:
                return self._answer(200, self._listed())
            found = self.server.objects.get(self.name)
            if found is None:
                return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            self._answer(200, found)

    def do_HEAD(self) -> None:
        if self._must_answer():
            found = self.server.objects.get(self.name)
            self._answer(404 if found is None else 200, found or b"", found)

    def do_DELETE(self) -> None:
        if self._must_answer():
            self.server.objects.pop(self.name, None)
            self._answer(204, b"")

    def do_POST(self) -> None:
        """Delete several objects in one request."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._must_answer():
            names = re.findall("<Key>(.*?)</Key>", body)
            for name in names:
                self.server.objects.pop(f"{self.name.rstrip('/')}/{name}", None)
            deleted = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
            self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _listed(self) -> bytes:
        query = parse_qs(urlsplit(self.path).query)
        bucket = self.name.rstrip("/") + "/"
        names = [name.removeprefix(bucket) for name in sorted(self.server.objects)]
        prefix = query.get("prefix", [""])[0]
        contents = "".join(
            f"<Contents><Key>{name}</Key><LastModified>2026-11-21T12:00:00.000Z</LastModified>"
            f"<Size>{len(self.server.objects[bucket + name])}</Size><ETag>x</ETag></Contents>"
            for name in names
            if name.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()

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

    def _answer(self, status: int, body: bytes, of: bytes | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag(body if of is None else of))
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serve_bucket() -> Iterator[Bucket]:
    bucket = Bucket()
    thread = threading.Thread(target=bucket.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        bucket.shutdown()
        bucket.server_close()
        thread.join()
