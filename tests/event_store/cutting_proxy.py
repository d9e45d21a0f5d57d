"""A proxy that loses an append, or its answer, on the way between a recorder and PostgreSQL.

It listens on a loopback port, passes everything on message by message, and knows enough of the
protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html) to cause an
armed fault at the next call of append_events.
"""

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

CANCEL_REQUEST = 80877102
TIMEOUT_SECONDS = 10
FLUSH = b"H\x00\x00\x00\x04"


class Fault(StrEnum):
    NEVER_SENT = "the connection is cut before the append reaches the server"
    UNCOMMITTED = (
        "the server has carried the append out, and the connection is cut before it commits"
    )
    ANSWER_LOST = "the server has committed and answered, the answer is lost, the connection is cut"
    FROZEN = "the server has carried the append out, and what would commit it does not come"


def nothing() -> None:
    pass


class CuttingProxy:
    """`dsn` is its address. `struck` lists the faults that happened. A frozen connection is cut when
    `thawed` is set."""

    def __init__(self, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            self._host, self._port = connection.info.host, connection.info.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.dsn = make_conninfo(
            dsn, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable"
        )
        self.struck: list[Fault] = []
        self.thawed = threading.Event()
        self._refusing = False
        self._armed: deque[tuple[Fault, Callable[[], object]]] = deque()
        self._passages: list[ProxiedConnection] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def arm(self, fault: Fault, meanwhile: Callable[[], object] = nothing, times: int = 1) -> None:
        """Cause a fault at the next appends. `meanwhile` is called before the client sees the cut."""
        self._armed.extend([(fault, meanwhile)] * times)

    def disarm(self) -> None:
        self._armed.clear()

    def refuse_connections(self) -> None:
        self._refusing = True

    def allow_connections(self) -> None:
        self._refusing = False

    def next_fault(self) -> tuple[Fault, Callable[[], object]] | None:
        with suppress(IndexError):
            return self._armed.popleft()
        return None

    def rearm(self, fault: Fault, meanwhile: Callable[[], object]) -> None:
        self._armed.appendleft((fault, meanwhile))

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thawed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for passage in self._passages:
            passage.cut()
        for thread in self._threads[1:]:
            thread.join()
        for passage in self._passages:
            passage.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refusing:
                    client.close()
                    continue
                # Without this, each of the many small messages would wait for an acknowledgement.
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    server = self._connect()
                except OSError:  # the server is down and will come back
                    client.close()
                    continue
                passage = ProxiedConnection(self, client, server)
                self._passages.append(passage)
                for work in (passage.to_server, passage.to_client):
                    thread = threading.Thread(target=work, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _connect(self) -> socket.socket:
        if not self._host.startswith("/"):
            server = socket.create_connection((self._host, self._port))
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return server
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        except OSError:
            server.close()
            raise
        return server


class ProxiedConnection:
    """One connection through the proxy."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._statements: dict[bytes, bytes] = {}
        self._fault: Fault | None = None
        self._meanwhile: Callable[[], object] = nothing
        # True once the server has answered the append that the fault is armed for.
        self._carried_out = threading.Event()
        self._struck_on_the_way_in = False

    def cut(self) -> None:
        for end in (self._server, self._client):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._carried_out.set()

    def close(self) -> None:
        self._server.close()
        self._client.close()

    def to_server(self) -> None:
        with suppress(OSError, EOFError):
            length = read(self._client, 4)
            start = read(self._client, int.from_bytes(length) - 4)
            self._server.sendall(length + start)
            if int.from_bytes(start[:4]) != CANCEL_REQUEST:
                for message in messages(self._client):
                    self._look_at(message)
                    self._server.sendall(message)
        self.cut()

    def _look_at(self, message: bytes) -> None:
        match message[:1]:
            case b"P":  # Parse: the statement's name, its text
                name, text, _ = message[5:].split(b"\0", 2)
                self._statements[name] = text
            case b"B":  # Bind: the portal's name, the statement's name
                _, name, _ = message[5:].split(b"\0", 2)
                if b"append_events" in self._statements.get(name, b""):
                    self._begin_append()
            case b"S" if self._fault in (Fault.UNCOMMITTED, Fault.FROZEN):
                # Sync commits. Send Flush instead, to learn that everything before it is done.
                self._server.sendall(FLUSH)
                assert self._carried_out.wait(TIMEOUT_SECONDS)
                if self._fault is not None:
                    self._struck_on_the_way_in = True
                    self._strike()
            case _:
                pass

    def _begin_append(self) -> None:
        if armed := self._proxy.next_fault():
            self._carried_out.clear()
            self._fault, self._meanwhile = armed
            if self._fault is Fault.NEVER_SENT:
                self._struck_on_the_way_in = True
                self._strike()

    def to_client(self) -> None:
        held = b""
        with suppress(OSError, EOFError):
            for message in messages(self._server):
                if self._fault is None:
                    self._client.sendall(message)
                    continue
                held += message
                match message[:1]:
                    case b"E" if not self._carried_out.is_set():
                        # The append was refused: the fault waits for another one.
                        self._proxy.rearm(self._fault, self._meanwhile)
                        self._fault = None
                        self._carried_out.set()
                        self._client.sendall(held)
                        held = b""
                    case b"C":  # CommandComplete
                        self._carried_out.set()
                    case b"Z" if self._carried_out.is_set():  # ReadyForQuery: it is committed
                        self._strike()
                    case _:
                        pass
        if not self._struck_on_the_way_in:
            self.cut()

    def _strike(self) -> None:
        assert self._fault is not None
        self._proxy.struck.append(self._fault)
        if self._fault is Fault.FROZEN:
            self._proxy.thawed.wait()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._meanwhile()
        raise EOFError


def messages(source: socket.socket) -> Iterator[bytes]:
    while True:
        head = read(source, 5)
        yield head + read(source, int.from_bytes(head[1:]) - 4)


def read(source: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = source.recv(min(count - len(parts), 1 << 16))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
