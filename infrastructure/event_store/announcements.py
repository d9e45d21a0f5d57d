"""Telling followers that the log has grown: at once within the process, by NOTIFY to others.

NOTIFY is sent after the commit, from a connection of its own, and says nothing but "look": within
the append's transaction it would serialise every commit of the database.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

import psycopg

from infrastructure.postgres.datastore import LONGEST_PAUSE_SECONDS, connect

_logger = logging.getLogger("casetrail.log")
GROWN = "stored_events"
"""The channel that the library's own subscriptions listen to."""
PROJECTED = "projected"
BUSY_COMMITS = 3
BUSY_PAUSE_SECONDS = 0.01
"""Followers read batches: telling them of each commit of a busy log only takes the log's time."""


class Announcer:
    """Sends NOTIFY for what was committed, many commits in one if they come faster."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._grown = threading.Event()
        self._closing = False
        self._listeners: list[Callable[[int], None]] = []
        self._commits = 0
        """Since followers were told."""
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def subscribe(self, listener: Callable[[int], None]) -> None:
        """Call the listener, from the committing thread, with the log's new head."""
        self._listeners.append(listener)

    def announce(self, head: int) -> None:
        for listener in self._listeners:
            try:
                listener(head)
            except Exception:
                # A listener's fault is its own: the events are stored, and must be answered.
                _logger.exception("a listener of the log failed")
        self._commits += 1
        self._grown.set()
        if self._thread is None:
            self._start()

    def close(self) -> None:
        self._closing = True
        self._grown.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        connection: psycopg.Connection[tuple[object, ...]] | None = None
        while True:
            self._grown.wait()
            self._grown.clear()
            if self._closing:
                break
            commits, self._commits = self._commits, 0
            try:
                connection = connection or connect(self._dsn)
                connection.execute(f"NOTIFY {GROWN}".encode())
                if commits >= BUSY_COMMITS:
                    time.sleep(BUSY_PAUSE_SECONDS)
            except psycopg.Error:
                # Followers poll once a second as well: a lost announcement only costs time.
                with contextlib.suppress(psycopg.Error):
                    if connection is not None:
                        connection.close()
                connection = None
        if connection is not None:
            connection.close()


class Ear:
    """Listens on one channel and calls back; reconnects for as long as it is open.

    `heard` is called with each payload, and with "" after every (re)connection, because what was
    announced while nobody listened is lost.
    """

    def __init__(self, dsn: str, channel: str, heard: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._channel = channel
        self._heard = heard
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ear-{channel}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.05
        while not self._closing.is_set():
            try:
                with connect(self._dsn) as connection:
                    connection.execute(f"LISTEN {self._channel}".encode())
                    self._tell("")
                    pause = 0.05
                    while not self._closing.is_set():
                        for notification in connection.notifies(timeout=0.2):
                            self._tell(notification.payload)
            except psycopg.Error:
                self._closing.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _tell(self, payload: str) -> None:
        try:
            self._heard(payload)
        except psycopg.Error:
            raise
        except Exception:
            # What anybody may send must not deafen us for good.
            _logger.exception("what was heard on %s was not understood", self._channel)
