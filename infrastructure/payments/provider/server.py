"""The provider's server: two faces over one ledger, and a connection that can be cut."""

from __future__ import annotations

import logging
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from infrastructure.payments.provider.exchange import Answer, Asked, told
from infrastructure.payments.provider.ledger import Ledger
from infrastructure.payments.provider.own_api import OwnFace
from infrastructure.payments.provider.stripe_api import StripeFace
from infrastructure.payments.provider.switches import Board, Switches

LARGEST_BYTES = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)
_REFUNDING = ("/refunds", "/v1/refunds")
_logger = logging.getLogger("casetrail.provider")


class ProviderServer(ThreadingHTTPServer):
    """Answers on a socket that listens already, until `shutdown`."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, ledger_file: Path) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.board = Board()
        self.ledger = Ledger(ledger_file)
        self.own = OwnFace(self.ledger, self.board)
        self.stripe = StripeFace(self.ledger)

    def server_close(self) -> None:
        super().server_close()
        self.ledger.close()

    def answer(self, asked: Asked, switches: Switches) -> Answer:
        face = self.stripe if asked.path.startswith("/v1/") else self.own
        try:
            return face.answer(asked, switches)
        except Exception:
            _logger.exception("%s %s", asked.method, asked.path)
            return told(500, {"error": {"type": "api_error", "message": "see the log"}})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 60
    server: ProviderServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BYTES:
            self.close_connection = True
            self._send(
                told(413, {"error": {"message": f"a body of at most {LARGEST_BYTES} bytes"}})
            )
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        asked = Asked(self.command, address.path, query, self.headers, body)
        for_a_refund = asked.method == "POST" and asked.path in _REFUNDING
        switches = self.server.board.take() if for_a_refund else Switches()
        time.sleep(switches.delay_seconds)
        answer = self.server.answer(asked, switches)
        if switches.drop_answer:
            self._cut()
        else:
            self._send(answer)

    def _cut(self) -> None:
        """Reset the connection: whoever asked learns that nothing more will come, and no more."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.connection.close()
        self.close_connection = True

    def _send(self, answer: Answer) -> None:
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
        except OSError:  # whoever asked has gone; the ledger has what was done
            self.close_connection = True

    def log_message(self, format: str, *values: object) -> None:
        """Not a line for each request."""
