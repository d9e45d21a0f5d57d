"""A proxy in front of PostgreSQL that can hold back a client's request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHUNK_BYTES = 1 << 16
LONGEST_HOLD_SECONDS = 10


class HoldingProxy:
    def __init__(self, dsn: str) -> None:
        self._there = conninfo_to_dict(dsn)
        self._listener = socket.create_server(("127.0.0.1", 0))
        here = {"host": "127.0.0.1", "port": self._listener.getsockname()[1], "hostaddr": None}
        self.dsn = make_conninfo(dsn, **{**here, "sslmode": "disable", "gssencmode": "disable"})
        self._held_texts: tuple[bytes, ...] = ()
        self._held = threading.Event()
        self._let_go = threading.Event()
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def holding(self, *texts: bytes) -> Iterator[threading.Event]:
        """Hold back data that contains one of the texts; the event is set once something is
        held."""
        self._held.clear()
        self._let_go.clear()
        self._held_texts = texts
        try:
            yield self._held
        finally:
            self._held_texts = ()
            self._let_go.set()

    def close(self) -> None:
        self._let_go.set()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                self._sockets += [client, server]
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _connect(self) -> socket.socket:
        host = str(self._there.get("host") or "/var/run/postgresql")
        port = int(str(self._there.get("port") or 5432))
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        return socket.create_connection((host, port))

    def _carry(self, source: socket.socket, target: socket.socket, from_client: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                if from_client and any(text in chunk for text in self._held_texts):
                    self._held.set()
                    self._let_go.wait(LONGEST_HOLD_SECONDS)
                target.sendall(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def holding_proxy(dsn: str) -> Iterator[HoldingProxy]:
    proxy = HoldingProxy(dsn)
    try:
        yield proxy
    finally:
        proxy.close()
