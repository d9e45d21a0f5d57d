"""The positions of live reports, so that a reader can wait for what was just written."""

import contextlib
import threading
import time

import msgspec
import psycopg

from infrastructure.event_store.announcements import REPORTS_CHANNEL, NotificationListener
from infrastructure.postgres.datastore import connect

POLL_SECONDS = 1.0
INITIAL_TIMEOUT_SECONDS = 5.0


class ReportPositions:
    """The position of each live report, learned from announcements; waits for positions."""

    def __init__(self, dsn: str, *, most_waiting: int = 256) -> None:
        self._dsn = dsn
        self._known: dict[str, int] = {}
        self._changed = threading.Condition()
        self._listening = threading.Event()
        self._room = threading.BoundedSemaphore(most_waiting)
        self._listener = NotificationListener(dsn, REPORTS_CHANNEL, self._heard)
        self._listening.wait(INITIAL_TIMEOUT_SECONDS)

    def close(self) -> None:
        self._listener.close()

    def known(self, name: str) -> int:
        """The last announced position of the report."""
        return self._known.get(name, 0)

    def wait(self, name: str, position: int, timeout: float) -> bool:
        """True once the report has reached the position.

        False after `timeout` seconds, or at once if `most_waiting` threads wait already.
        """
        if not self._room.acquire(blocking=False):
            return self._known.get(name, 0) >= position
        try:
            return self._wait(name, position, timeout)
        finally:
            self._room.release()

    def _wait(self, name: str, position: int, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._known.get(name, 0) < position:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                # An announcement may be lost with a connection, so query once a second, too.
                if not self._changed.wait(min(left, POLL_SECONDS)):
                    self._look()
            return self._known.get(name, 0) >= position

    def _heard(self, payload: str) -> None:
        try:
            positions = msgspec.json.decode(payload, type=dict[str, int])
        except msgspec.MsgspecError:
            # Empty after a reconnect, or sent by another program: query instead.
            self._look()
            self._listening.set()
            return
        with self._changed:
            self._known.update(positions)
            self._changed.notify_all()

    def _look(self) -> None:
        with contextlib.suppress(psycopg.Error), connect(self._dsn) as connection:
            rows = connection.execute(
                "SELECT name, position FROM projections WHERE live"
            ).fetchall()
            with self._changed:
                self._known.update(rows)
                self._changed.notify_all()
