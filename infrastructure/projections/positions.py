"""How far the reports have come, for those who must read what was just written."""

from __future__ import annotations

import contextlib
import threading
import time

import msgspec
import psycopg

from infrastructure.event_store.announcements import PROJECTED, Ear
from infrastructure.postgres.datastore import connect

LOOK_AGAIN_SECONDS = 1.0
FIRST_LOOK_SECONDS = 5.0


class Positions:
    """How far each live report has come, as this process has heard; and waiting for it."""

    def __init__(self, dsn: str, *, most_waiting: int = 256) -> None:
        self._dsn = dsn
        self._known: dict[str, int] = {}
        self._changed = threading.Condition()
        self._listening = threading.Event()
        self._room = threading.BoundedSemaphore(most_waiting)
        self._ear = Ear(dsn, PROJECTED, self._heard)
        self._listening.wait(FIRST_LOOK_SECONDS)

    def close(self) -> None:
        self._ear.close()

    def known(self, name: str) -> int:
        """How far the report has come, as far as was heard."""
        return self._known.get(name, 0)

    def wait(self, name: str, position: int, timeout: float) -> bool:
        """True once the report has seen the position; False if the time runs out first, or if so
        many wait already that there would be no threads left for others."""
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
                # An announcement may be lost with a connection: look, too, once a second.
                if not self._changed.wait(min(left, LOOK_AGAIN_SECONDS)):
                    self._look()
            return self._known.get(name, 0) >= position

    def _heard(self, payload: str) -> None:
        try:
            told = msgspec.json.decode(payload, type=dict[str, int])
        except msgspec.MsgspecError:
            # Nothing, after a connection; or what anybody may send. Looking is always right.
            self._look()
            self._listening.set()
            return
        with self._changed:
            self._known.update(told)
            self._changed.notify_all()

    def _look(self) -> None:
        with contextlib.suppress(psycopg.Error), connect(self._dsn) as connection:
            rows = connection.execute(
                "SELECT name, position FROM projections WHERE live"
            ).fetchall()
            with self._changed:
                self._known.update(rows)
                self._changed.notify_all()
