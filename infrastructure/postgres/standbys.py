"""The standbys that must have flushed what is signed and acknowledged: a quorum of names."""

import logging
import re
import threading
import time
from functools import lru_cache
from typing import Final, Self

import psycopg
from msgspec import Struct

from infrastructure.postgres.datastore import connect
from infrastructure.postgres.rows import Connection, fetch_rows

POLL_SECONDS: Final = 0.0005
_FORM = re.compile(r"(?:ANY\s+|FIRST\s+)?([1-9][0-9]?)\s*\(([^()]+)\)", re.IGNORECASE)
_FLUSHED = """
    SELECT CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn()
    ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn, ARRAY(SELECT flush_lsn - '0/0'::pg_lsn
    FROM pg_stat_replication WHERE application_name = ANY(%s::text[]) AND flush_lsn IS NOT NULL
    ORDER BY flush_lsn DESC)
"""
"""A commit has flushed its own server before it is answered or seen, unless `synchronous_commit` is off; what
others are writing meanwhile is not waited for."""
_logger = logging.getLogger("casetrail.standbys")


class StandbysUnusable(Exception):
    """CASETRAIL_STANDBYS cannot be used."""


class Standbys(Struct, frozen=True):
    """`quorum` of these standbys, each by its application_name."""

    quorum: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.quorum} ({', '.join(self.names)})"


def parse_standbys(text: str) -> Standbys:
    """The standbys of `NUMBER (NAME, NAME …)`. Raises StandbysUnusable."""
    found = _FORM.fullmatch(text.strip())
    names = tuple(name.strip() for name in found[2].split(",")) if found is not None else ()
    if found is None or not all(names) or len(set(names)) < len(names):
        raise StandbysUnusable(
            f"it must be NUMBER (NAME, NAME …), such as 1 (s1, s2), with each name once, and not {text!r}"
        )
    if int(found[1]) > len(names):
        raise StandbysUnusable(f"it wants {found[1]} of {len(names)} standbys")
    return Standbys(int(found[1]), names)


@lru_cache(16)
def waits_for(standbys: Standbys, commit: str, names: str) -> bool:
    """Whether PostgreSQL itself ends a commit only once the quorum has flushed it, with these values of
    `synchronous_commit` and `synchronous_standby_names`. False also where that is not plain."""
    found = _FORM.fullmatch(names.strip())
    if found is None or commit not in ("on", "remote_apply"):
        return False
    waited_for = {name.strip() for name in found[2].split(",")}
    return int(found[1]) >= standbys.quorum and waited_for <= {*standbys.names}


class StandbyGate:
    """Waits until the quorum has flushed what is committed. It has a connection of its own, with the rights of
    the login: other roles do not see how far a standby is."""

    def __init__(self, dsn: str, standbys: Standbys) -> None:
        self.standbys = standbys
        self._dsn = dsn
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._is_waiting = False

    def wait(self, seconds: float, *, quietly: bool = False) -> bool:
        """Whether the quorum flushes, within this time, all that is committed when it is called. If not, that is
        logged once, unless `quietly`."""
        ends_at, target = time.monotonic() + seconds, None
        with self._lock:
            while True:
                written, flushed = self._read()
                target = written if target is None else target
                if target is not None and flushed is not None and flushed >= target:
                    self._note(waits=False)
                    return True
                if time.monotonic() >= ends_at:
                    if not quietly:
                        self._note(waits=True)
                    return False
                time.sleep(POLL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _read(self) -> tuple[int | None, int | None]:
        """How far the log is written, and how far the quorum has flushed it; None if that is not known."""
        try:
            if self._connection is None:
                self._connection = connect(self._dsn)
            ((written, flushed),) = fetch_rows(
                self._connection, _FLUSHED, list(self.standbys.names), prepare=True
            )
        except psycopg.Error:
            self._disconnect()
            time.sleep(POLL_SECONDS)
            return None, None
        quorum = self.standbys.quorum
        return int(written), int(flushed[quorum - 1]) if len(flushed) >= quorum else None

    def _note(self, *, waits: bool) -> None:
        """Log once when it begins to wait, and once when that ends."""
        if waits and not self._is_waiting:
            _logger.warning(
                "the standbys %s have not flushed the log: nothing is signed or acknowledged until they have",
                self.standbys,
            )
        elif self._is_waiting and not waits:
            _logger.warning("the standbys flush the log again")
        self._is_waiting = waits

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
