"""Requests from one server process to another one, over connections that are kept.

Every batch of signals asks the other processes, so this is on the path of each signal. A general client
takes a third of the time of such a request; this one writes a request at once, and reads the answer with
the parser that the server uses (httptools).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlsplit

import httptools
from msgspec import Struct

_logger = logging.getLogger("casetrail.serve")
MOST_IDLE: Final = 32
"""How many connections without a request are kept."""
DEADLINE_SECONDS: Final = 2.0
"""For a whole answer. After that, who asked does the work itself."""
LOOK_SECONDS: Final = 1.5
"""How often a process that kept nobody to the deadline is asked for a sign of life."""
SIGN_OF_LIFE_SECONDS: Final = 0.5
_LIVEZ: Final = b"GET /livez HTTP/1.1\r\nhost: process\r\nconnection: close\r\n\r\n"
Headers = Sequence[tuple[bytes, bytes]]


class NoAnswer(Exception):
    """The other process could not be reached, or did not answer within the deadline."""


class Answer(Struct, frozen=True):
    status: int
    headers: Headers
    """With lower-case names."""
    body: bytes


class ProcessClient:
    """Asks the process at this address, such as `http://127.0.0.1:8000`."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._idle: list[_Connection] = []
        self._is_silent = False
        """It missed the deadline, and has shown no sign of life since."""
        self._looked_at = 0.0

    async def ask(self, method: str, target: bytes, headers: Headers, body: bytes) -> Answer:
        """The answer to one request, within the deadline. Raises NoAnswer.

        If a kept connection turns out to be closed, the request is sent once more over a new one: it must
        be one that may be sent twice.
        """
        lines = [b"%s %s HTTP/1.1" % (method.encode(), target)]
        lines.append(b"host: %s:%d" % (self._host.encode(), self._port))
        lines += [b"%s: %s" % header for header in headers]
        request = b"\r\n".join([*lines, b"content-length: %d\r\n" % len(body), body])
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                if self._is_silent:
                    await self._require_life_again()
                return await self._exchange(request)
        except TimeoutError:
            if not self._is_silent:
                _logger.warning("no answer from process %s:%s", self._host, self._port)
            self._is_silent, self._looked_at = True, time.monotonic()
            raise NoAnswer(f"no answer within {DEADLINE_SECONDS:g} s") from None
        except OSError as error:
            raise NoAnswer(str(error) or type(error).__name__) from None

    async def _require_life_again(self) -> None:
        """Ask a silent process for a sign of life, once in a while. Raises NoAnswer at once otherwise."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_SECONDS:
            self._looked_at = now
            self._is_silent = not await self._lives()
        if self._is_silent:
            raise NoAnswer("it shows no sign of life")
        _logger.warning("process %s:%s lives again", self._host, self._port)

    async def _lives(self) -> bool:
        try:
            async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
                connection = await self._connect()
                try:
                    return (await connection.ask(_LIVEZ)).status == 200
                finally:
                    connection.close()
        except (OSError, NoAnswer):
            return False

    async def _exchange(self, request: bytes) -> Answer:
        while (kept := self._kept()) is not None:
            try:
                return await self._answer(kept, request)
            except NoAnswer:
                continue  # the other process has closed it, perhaps all of them
        return await self._answer(await self._connect(), request)

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, self._host, self._port
        )
        return connection

    async def _answer(self, connection: _Connection, request: bytes) -> Answer:
        answer = await connection.ask(request)
        if connection.is_open and len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return answer


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time. It closes itself after anything but a whole answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Raises NoAnswer."""
        if self._transport is None:
            raise NoAnswer("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:  # also a cancelled request: its answer may still come
            self.close()
            raise

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # The calls of asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked: what follows could be taken for the answer to another request
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"what came is no answer: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._fail(f"the connection was closed{f': {error}' if error else ''}")

    # The calls of the parser

    def on_message_begin(self) -> None:
        if self._answer is not None and self._answer.done():
            self.close()  # a second answer to one request
        self._headers, self._parts = [], []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            return  # an interim answer (RFC 9110, 15.2)
        answer = Answer(self._parser.get_status_code(), self._headers, b"".join(self._parts))
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _fail(self, reason: str) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswer(reason))
