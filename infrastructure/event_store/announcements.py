"""Announces that the log has grown: by a call within the process, by NOTIFY to other processes.

NOTIFY is sent after the commit, on its own connection and without a payload. Inside the append's
transaction it would serialise every commit of the database.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

import psycopg

from infrastructure.postgres.datastore import LONGEST_PAUSE_SECONDS, connect

_logger = logging.getLogger("casetrail.log")
LOG_GROWN_CHANNEL = "stored_events"
"""The channel that the library's own subscriptions listen to."""
REPORTS_CHANNEL = "projected"
BUSY_COMMITS = 3
BUSY_PAUSE_SECONDS = 0.01
"""Followers read batches: one NOTIFY for each commit of a busy log would only slow the log down."""


class Announcer:
    """Sends NOTIFY after commits: one for several commits when they come fast."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._grown = threading.Event()
        self._closing = False
        self._listeners: list[Callable[[int], None]] = []
        self._commits = 0
        """Commits since the last NOTIFY."""
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
                # The events are stored: a failing listener must not fail the append.
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
                connection.execute(f"NOTIFY {LOG_GROWN_CHANNEL}".encode())
                if commits >= BUSY_COMMITS:
                    time.sleep(BUSY_PAUSE_SECONDS)
            except psycopg.Error:
                # Followers also poll once a second: a lost NOTIFY only delays them.
                with contextlib.suppress(psycopg.Error):
                    if connection is not None:
                        connection.close()
                connection = None
        if connection is not None:
            connection.close()


class NotificationListener:
    """Listens on one channel and calls back; reconnects until it is closed.

    `on_payload` gets each payload, and "" after every (re)connection: notifications sent while the
    connection was down are lost.
    """

    def __init__(self, dsn: str, channel: str, on_payload: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._channel = channel
        self._on_payload = on_payload
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"listen-{channel}", daemon=True)
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
                    self._deliver("")
                    pause = 0.05
                    while not self._closing.is_set():
                        for notification in connection.notifies(timeout=0.2):
                            self._deliver(notification.payload)
            except psycopg.Error:
                self._closing.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _deliver(self, payload: str) -> None:
        try:
            self._on_payload(payload)
        except psycopg.Error:
            raise
        except Exception:
            # Anybody may send a payload: a bad one must not end the listener.
            _logger.exception("a notification on %s could not be handled", self._channel)
