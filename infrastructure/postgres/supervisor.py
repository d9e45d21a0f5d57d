"""Keeps the embedded server running: a dead one is started again, a stopped process of it goes on.

Every long-lived process that uses the server looks. The process that acts holds the server's lock and looks again,
so that several do not act twice. A slow server is left alone: only death, a stop by a signal or a debugger,
and a silence of many seconds are faults.
"""

import logging
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from infrastructure.postgres.embedded import NOTE, EmbeddedPostgres, PostgresNotStarted
from infrastructure.postgres.server_processes import family, send, stopped, thaw

LOOK_SECONDS: Final = 0.5
THAW_LOOKS: Final = 2
"""A process that is stopped in so many looks gets SIGCONT, at this look and each later one."""
KILL_LOOKS: Final = 6
"""One that is stopped in so many looks is beyond the reach of signals, and is killed."""
PING_SECONDS: Final = 5.0
MOST_UNANSWERED: Final = 4
"""After so many new connections in a row without an answer, the server is killed and started again."""
MOST_ACTIONS: Final = 10
PERIOD_SECONDS: Final = 120.0
"""So many starts and kills in this period; more would not help."""
_logger = logging.getLogger("casetrail.database")


class Supervisor:
    """Looks at the server, and acts. `look` is called about twice a second, by one thread."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._stopped: Counter[int] = Counter()
        self._pinged_at = time.monotonic()
        self._unanswered = 0
        self._is_failing = False
        self._acted_at: deque[float] = deque()
        self._told: str | None = None

    def look(self) -> None:
        """Raises PostgresNotStarted or OSError if the server cannot be started again."""
        postmaster = self._server.postmaster
        if postmaster is None:
            if self._server.was_shut_down:
                self._tell("was shut down: to start it, start casetrail again")
            elif not self._server.answers():
                self._restart(None, "has died")
            return
        if self._server.is_being_repaired:
            return
        unreachable = self._thaw(family(postmaster))
        if postmaster in unreachable:
            self._restart(postmaster, "is stopped and does not go on")
        elif unreachable:
            self._kill(unreachable)
        elif self._is_silent():
            self._restart(postmaster, f"has not answered {MOST_UNANSWERED} new connections")

    def failed(self, error: Exception) -> None:
        """The next look tries again: perhaps a disk is full, and does no harm if it fails."""
        if self._acted_at:
            self._acted_at.pop()
        if not self._is_failing:
            self._is_failing = True
            _logger.warning("the database server could not be started again: %s", error)
        is_full = "No space left on device" in str(error)
        cause = "its disk is full" if is_full else "its log says why"
        self._tell(f"cannot be started again: {cause}")

    def _thaw(self, pids: list[int]) -> list[int]:
        """Let stopped processes go on; return those that stay stopped."""
        self._stopped = Counter({pid: self._stopped[pid] + 1 for pid in stopped(pids)})
        if late := [pid for pid, looks in self._stopped.items() if looks >= THAW_LOOKS]:
            _logger.warning("processes of the database server are stopped: %s; SIGCONT sent", late)
            thaw(late)
        return [pid for pid in late if self._stopped[pid] >= KILL_LOOKS]

    def _kill(self, backends: list[int]) -> None:
        """After that, the postmaster itself ends all others and recovers."""
        if self._may_act(f"has processes that stay stopped: {backends}"):
            for pid in backends:
                send(pid, signal.SIGKILL)

    def _is_silent(self) -> bool:
        """Counted in pings, because this process may be stopped itself, or starved."""
        if (now := time.monotonic()) - self._pinged_at >= PING_SECONDS:
            self._pinged_at = now
            self._unanswered += 1
            if self._server.answers():
                self._all_is_well()
        return self._unanswered >= MOST_UNANSWERED

    def _restart(self, hung: int | None, reason: str) -> None:
        if self._may_act(reason) and self._server.restart(hung):
            self._stopped.clear()
            self._all_is_well()
            _logger.warning("the database server was started again")

    def _may_act(self, reason: str) -> bool:
        now = time.monotonic()
        while self._acted_at and now - self._acted_at[0] > PERIOD_SECONDS:
            self._acted_at.popleft()
        if len(self._acted_at) >= MOST_ACTIONS:
            self._tell(
                f"{reason}, after {MOST_ACTIONS} starts in {PERIOD_SECONDS:g} s: the next one waits. "
                "See its log"
            )
            return False
        self._acted_at.append(now)
        if not self._is_failing:
            self._tell(reason)
        return True

    def _all_is_well(self) -> None:
        self._unanswered, self._told, self._is_failing = 0, None, False
        with suppress(OSError):
            self._server.note.unlink(missing_ok=True)

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._told = what
            text = f"the database server {what}"
            _logger.warning("%s", text)
            with suppress(OSError):
                self._server.note.write_text(text)


@contextmanager
def supervised(server: EmbeddedPostgres) -> Iterator[None]:
    """Supervise the started server within the context, in a thread."""
    ending = threading.Event()

    def run() -> None:
        supervisor = Supervisor(server)
        while not ending.wait(LOOK_SECONDS):
            try:
                supervisor.look()
            except (PostgresNotStarted, OSError) as error:
                supervisor.failed(error)

    thread = threading.Thread(target=run, name="database-supervisor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def read_note(dsn: str) -> str | None:
    """What the supervisor of the embedded server with this address told last."""
    host = str(conninfo_to_dict(dsn).get("host") or "")
    with suppress(OSError):
        return (Path(host) / NOTE).read_text() if host.startswith("/") else None
    return None
