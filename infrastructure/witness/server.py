"""The witness's HTTP server: one route, on a socket that already listens."""

import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from infrastructure.transparency.ask_witness import (
    LARGEST_BYTES,
    PATH,
    MalformedRequest,
    WitnessResponse,
    parse_request,
)
from infrastructure.witness.cosigned_state import CosignedState, CosignedStateUnreadable

_logger = logging.getLogger("casetrail.witness")


class WitnessServer(ThreadingHTTPServer):
    """Answers requests until `shutdown`."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, state: CosignedState) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.state = state

    def answer(self, body: bytes) -> WitnessResponse:
        try:
            request = parse_request(body)
            answer = self.state.answer(request)
        except MalformedRequest as error:
            return WitnessResponse(400, f"{error}\n")
        except (CosignedStateUnreadable, OSError) as error:
            _logger.error("%s", error)
            message = (
                "the last cosigned checkpoint cannot be read or stored: see the witness's log\n"
            )
            return WitnessResponse(500, message)
        if answer.status not in (200, 409):
            origin, size = request.checkpoint.origin, request.checkpoint.size
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
            if length.isdecimal():  # a client that still sends when we close would miss the answer
                self.rfile.read(min(int(length), 16 * LARGEST_BYTES))
            self._send(WitnessResponse(413, f"the body must have at most {LARGEST_BYTES} bytes\n"))
            return
        body = self.rfile.read(int(length))
        if urlsplit(self.path).path != PATH:
            self._send(WitnessResponse(404, f"the only route is POST {PATH}\n"))
            return
        self._send(self.server.answer(body))

    def _send(self, answer: WitnessResponse) -> None:
        body = answer.body.encode()
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cache-Control", "no-store")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:  # the client has gone; its next request learns the new size
            self.close_connection = True

    def log_message(self, format: str, *values: object) -> None:
        """Do not log each request."""
