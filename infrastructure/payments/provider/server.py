"""The provider's HTTP server: two APIs over one ledger, and connections that can be cut."""

import logging
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from infrastructure.payments.provider.ledger import Ledger
from infrastructure.payments.provider.messages import (
    ProviderRequest,
    ProviderResponse,
    json_response,
)
from infrastructure.payments.provider.own_api import OwnApi
from infrastructure.payments.provider.stripe_api import StripeApi
from infrastructure.payments.provider.switches import FaultSwitches, SwitchBoard

LARGEST_BYTES = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_REFUND_PATHS = ("/refunds", "/v1/refunds")
_logger = logging.getLogger("casetrail.provider")


class ProviderServer(ThreadingHTTPServer):
    """Answers requests on a socket that already listens, until `shutdown`."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, ledger_file: Path) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.board = SwitchBoard()
        self.ledger = Ledger(ledger_file)
        self.own = OwnApi(self.ledger, self.board)
        self.stripe = StripeApi(self.ledger)

    def server_close(self) -> None:
        super().server_close()
        self.ledger.close()

    def answer(self, request: ProviderRequest, switches: FaultSwitches) -> ProviderResponse:
        api = self.stripe if request.path.startswith("/v1/") else self.own
        try:
            return api.answer(request, switches)
        except Exception:
            _logger.exception("%s %s", request.method, request.path)
            message = "internal error: see the provider's log"
            return json_response(500, {"error": {"type": "api_error", "message": message}})


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
            message = f"the body must have at most {LARGEST_BYTES} bytes"
            self._send(json_response(413, {"error": {"message": message}}))
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        request = ProviderRequest(self.command, address.path, query, self.headers, body)
        is_refund = request.method == "POST" and request.path in _REFUND_PATHS
        switches = self.server.board.take() if is_refund else FaultSwitches()
        time.sleep(switches.delay_seconds)
        answer = self.server.answer(request, switches)
        if switches.drop_answer:
            self._cut()
        else:
            self._send(answer)

    def _cut(self) -> None:
        """Reset the connection, so that the client learns only that no answer will come."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.connection.close()
        self.close_connection = True

    def _send(self, answer: ProviderResponse) -> None:
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
        except OSError:  # the client has gone; the ledger has the refund
            self.close_connection = True

    def log_message(self, format: str, *values: object) -> None:
        """Do not log each request."""
