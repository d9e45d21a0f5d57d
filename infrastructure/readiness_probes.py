"""What readiness tries: a write to the database, the key store and the evidence store."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Final

import psycopg
from eventsourcing.persistence import PersistenceError
from msgspec import Struct
from psycopg.errors import DiskFull
from psycopg_pool import PoolTimeout

from application.audit.evidence import EvidenceUnreadable
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.daemon_threads import run_in_daemon_thread
from infrastructure.evidence_store import EvidenceStore
from infrastructure.personal.key_ring import KeyRing
from infrastructure.postgres.datastore import Datastore
from infrastructure.postgres.rows import fetch_rows

CACHE_SECONDS: Final = 1.0
DEADLINE_SECONDS: Final = 2.0
"""How long each trial may take; they run at the same time."""
DATABASE, KEYS, EVIDENCE = "the database", "the key store", "the evidence store"
_LIMITS: Final = "SET LOCAL statement_timeout = '1500ms'; SET LOCAL work_mem = '64kB'"
"""Against a database that answers late, and so that the sort needs a file."""
_WRITE: Final = (
    # Into the write-ahead log, not into a table: nothing to clean up.
    "SELECT pg_logical_emit_message(true, 'casetrail', 'readiness'); "
    # A sort beyond `work_mem` writes a temporary file, on the disk of the tables. A row in a table would
    # find room in a page that the table has, also on a full disk.
    "SELECT count(*) FROM (SELECT repeat('x', 100) FROM generate_series(1, 2000) AS n "
    "ORDER BY md5(n::text) OFFSET 0) AS sorted"
)

_LOCK_HOLDER: Final = (
    "SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::int FROM pg_stat_activity "
    "JOIN pg_locks USING (pid) WHERE relation = 'log_head'::regclass AND mode = 'RowExclusiveLock' "
    "AND granted AND xact_start < clock_timestamp() - interval '3 s'"
)
"""Each append locks the log for milliseconds. Seen by the login of the appending sessions."""


class AppendsWait(Exception):
    """A session of the database holds the lock of the log."""


class TrialResult(Struct, frozen=True):
    problems: Sequence[str] = ()
    writable: bool = True
    """Whether signals can be recorded: evidence files are not needed for that."""


class Probes:
    """Tries the stores, each in a thread with a deadline; requests within a second share the result."""

    def __init__(
        self, datastore: Datastore, keys: KeyRing | None, evidence: EvidenceStore | None
    ) -> None:
        self._trials: Mapping[str, Callable[[], None]] = {
            DATABASE: lambda: _write_to(datastore),
            **({KEYS: keys.try_store} if keys is not None else {}),
            **({EVIDENCE: evidence.try_write} if evidence is not None else {}),
        }
        self._lock = threading.Lock()
        self._running: dict[str, Future[None]] = {}
        self._result = TrialResult()
        self._valid_until = 0.0

    def run(self) -> TrialResult:
        with self._lock:
            if time.monotonic() >= self._valid_until:
                self._result = self._try_all()
                self._valid_until = time.monotonic() + CACHE_SECONDS
            return self._result

    def _try_all(self) -> TrialResult:
        started = [self._start(name, trial) for name, trial in self._trials.items()]
        ends_at = time.monotonic() + (DEADLINE_SECONDS if any(started) else 0.0)
        problems, failed = [], set()
        for name, trial in [*self._running.items()]:
            try:
                trial.result(max(0.0, ends_at - time.monotonic()))
            except TimeoutError:
                problems.append(f"{name} does not answer within {DEADLINE_SECONDS:g} s")
                failed.add(name)
                continue  # a later request looks at this trial again
            except Exception as error:  # noqa: BLE001 - any failure is a reason not to be ready
                problems.append(_describe(name, error))
                failed.add(name)
            del self._running[name]
        return TrialResult(problems, failed <= {EVIDENCE})

    def _start(self, name: str, trial: Callable[[], None]) -> bool:
        """Whether it was started: one that hangs is not tried twice at once."""
        if name in self._running:
            return False
        self._running[name] = run_in_daemon_thread(trial, "readiness")
        return True


def _write_to(datastore: Datastore) -> None:
    with datastore.get_connection() as connection, connection.transaction():
        connection.execute(_LIMITS)
        connection.execute(_WRITE)
        connection.execute("SET LOCAL ROLE NONE")
        for pid, seconds in fetch_rows(connection, _LOCK_HOLDER):
            raise AppendsWait(
                f"its process {pid} has held the lock of the log for {seconds} s: writes wait for it"
            )


def _describe(name: str, error: Exception) -> str:
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    if isinstance(error.__cause__, DiskFull):  # the library's pool wraps the driver's errors
        return f"the disk of the database is full: {text}"
    match error:
        case KeyStoreUnavailable():
            return text
        case psycopg.Error() | PersistenceError() | PoolTimeout():
            return f"a write to the database failed: {text}"
        case OSError() | EvidenceUnreadable():
            return f"{name} cannot be written: {text}"
        case _:
            return f"{name}: {text}"
