"""The HTTP/1.1 protocol: an answer in one write, and a time limit for the head of a request.

uvicorn writes them separately. On a fast network each write wakes the client, which is half the cost of
a short request.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 10.0
"""How long a client may take for the request line and the headers of a request."""
_REFUSED: Final = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"x-content-type-options: nosniff\r\ncache-control: no-store\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b"
)


class BufferedTransport(asyncio.Transport):
    """A transport that joins the writes of one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes | bytearray | memoryview[Any]] = []

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, []
            self._transport.write(b"".join(pending))

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def abort(self) -> None:
        self._pending.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + sum(map(len, self._pending))

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._transport.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()


class SingleWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with one write per answer. A client that does not complete the head of a
    request in time is disconnected: else a few slow clients could hold all connections."""

    _limit: asyncio.TimerHandle | None = None
    _is_in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(BufferedTransport(transport, self.loop))
        self._start_limit()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # The head of most requests comes in one piece: no timer for them.
        if self._limit is None and (self._is_in_head or self._is_idle()):
            self._start_limit()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_limit()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_limit()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        body = msg.encode("ascii")
        self.transport.write(_REFUSED % (len(body), body))
        self.transport.close()

    def _is_idle(self) -> bool:
        """Whether no request is being answered, though something has come (an empty line, for example)."""
        return self.cycle is None or self.cycle.response_complete

    def _start_limit(self) -> None:
        self._limit = self.loop.call_later(HEAD_SECONDS, self._end_slow_request)

    def _stop_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _end_slow_request(self) -> None:
        self._limit = None
        if not self.transport.is_closing():
            self.transport.close()
