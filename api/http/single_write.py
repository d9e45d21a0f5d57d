"""The HTTP/1.1 protocol: an answer in one write, and time limits for the head and the body of a request.

uvicorn writes them separately. On a fast network each write wakes the client, which is half the cost of
a short request.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 10.0
"""How long a client may take for the request line and the headers of a request."""
HEAD_BYTES: Final = 64 << 10
"""Of a request, without its body: what the parser keeps until it is complete."""
BODY_SECONDS: Final = 20.0
BODY_BYTES: Final = 64 << 10
"""In so many seconds so many bytes of a body must come, or its rest. A slower client holds what it has sent in memory,
before anything is known of it."""
_BODY_WEIGHT: Final = 9
"""Of a body in chunks, each byte may have eight beside it: chunks may be small."""
_TOO_LARGE: Final = f"The request line and the headers have more than {HEAD_BYTES} bytes."
_REFUSED: Final = (
    b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\n"
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
    request in time, or sends its body too slowly, is disconnected: else a few slow clients could hold all
    connections, and their memory. So is one whose head, or what stands beside the chunks of its body, is too large."""

    _limit: asyncio.TimerHandle | None = None
    _is_in_head = True
    _is_in_body = False
    _beside_body = 0
    """Bytes of the request that are not of its body."""
    _body_bytes = 0
    """Of the body, within the time that is measured."""
    _was_paused = False
    """Whether we did not take more within that time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(BufferedTransport(transport, self.loop))
        self._start_limit()

    def data_received(self, data: bytes) -> None:
        if self._is_in_head or self._is_in_body:
            self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > HEAD_BYTES:
            self._end_large_request()
            return
        # Most requests come in one piece: no timer for them.
        if self._is_in_body:
            self._body_bytes += len(data)
            self._was_paused = self._was_paused or self.flow.read_paused
        if self._limit is None:
            if self._is_in_head or self._is_idle():
                self._start_limit()
            elif self._is_in_body:
                self._measure_body()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._beside_body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._is_in_body = True
        self._beside_body = 0
        self._stop_limit()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._beside_body -= _BODY_WEIGHT * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_body = False
        self._beside_body = 0
        self._stop_limit()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_limit()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._refuse(b"400 Bad Request", msg)

    def _refuse(self, status: bytes, msg: str) -> None:
        body = msg.encode("ascii")
        self.transport.write(_REFUSED % (status, len(body), body))
        self.transport.close()

    def _end_large_request(self) -> None:
        if self._is_in_head and self._is_idle():
            self._refuse(b"431 Request Header Fields Too Large", _TOO_LARGE)
        elif not self.transport.is_closing():
            self.transport.close()

    def _is_idle(self) -> bool:
        """Whether no request is being answered, though something has come (an empty line, for example)."""
        return self.cycle is None or self.cycle.response_complete

    def _start_limit(self) -> None:
        self._limit = self.loop.call_later(HEAD_SECONDS, self._end_slow_request)

    def _measure_body(self) -> None:
        """Measure how much of the body comes from now on."""
        self._body_bytes = 0
        self._was_paused = self.flow.read_paused
        self._limit = self.loop.call_later(BODY_SECONDS, self._end_slow_body)

    def _end_slow_body(self) -> None:
        if self._body_bytes < BODY_BYTES and not (self._was_paused or self.flow.read_paused):
            self._end_slow_request()
        else:
            self._measure_body()

    def _stop_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _end_slow_request(self) -> None:
        self._limit = None
        if not self.transport.is_closing():
            self.transport.close()
