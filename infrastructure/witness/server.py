"""The witness's server: one route, on a socket that listens already."""

from __future__ import annotations

import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from infrastructure.transparency.ask_witness import LARGEST_BYTES, PATH, Answer, Malformed, asked
from infrastructure.witness.memory import Memory, MemoryBroken

_logger = logging.getLogger("casetrail.witness")


class WitnessServer(ThreadingHTTPServer):
    """Answers until `shutdown`."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, memory: Memory) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.memory = memory

    def answer(self, body: bytes) -> Answer:
        try:
            wanted = asked(body)
            answer = self.memory.answer(wanted)
        except Malformed as error:
            return Answer(400, f"{error}\n")
        except (MemoryBroken, OSError) as error:
            _logger.error("%s", error)
            return Answer(500, "what was cosigned last cannot be read or kept: see the log\n")
        if answer.status not in (200, 409):
            origin, size = wanted.checkpoint.origin, wanted.checkpoint.size
            _logger.warning("%s, %s positions: %s", origin, size, answer.body.strip())
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 60
    server: WitnessServer

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BYTES:
            self.close_connection = True
            if length.isdecimal():  # who still sends when we close learns only that it was cut off
                self.rfile.read(min(int(length), 16 * LARGEST_BYTES))
            self._send(Answer(413, f"a body of at most {LARGEST_BYTES} bytes\n"))
            return
        body = self.rfile.read(int(length))
        if urlsplit(self.path).path != PATH:
            self._send(Answer(404, f"POST {PATH} is all there is\n"))
            return
        self._send(self.server.answer(body))

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode()
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:  # whoever asked has gone, and asks again from the size that it is told then
            self.close_connection = True

    def log_message(self, format: str, *values: object) -> None:
        """Not a line for each request."""
