"""Checks on a new connection that the database is the one this process appended to before.

A restore breaks every connection, so one check for each connection is enough.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from psycopg.errors import InsufficientPrivilege

from infrastructure.postgres.datastore import LogHalted
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.postgres.standbys import StandbyGate
from infrastructure.transparency.acknowledged import (
    AcknowledgedHead,
    AcknowledgedHeads,
    AcknowledgedMissing,
    require_stored,
)
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.halts import halt_log
from infrastructure.transparency.nodes import PositionsMissing, fill_all_nodes
from infrastructure.transparency.origins import read_origins
from infrastructure.transparency.recent_acknowledgements import AcknowledgedCommand
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.transparency.storage import StorageUnavailable

_logger = logging.getLogger("casetrail.log")
_ACKNOWLEDGED_HERE = (
    "; this process has acknowledged them. Restore a later backup and restart the process."
)


class Continuity:
    """The log as this process knows it and, with heads and checkpoints, as others know it."""

    def __init__(
        self,
        heads: AcknowledgedHeads | None = None,
        checkpoints: Callable[[], Checkpoints | None] | None = None,
        standbys: StandbyGate | None = None,
    ) -> None:
        """`checkpoints` opens them when needed: most commands append nothing. `standbys` must flush before
        anything is acknowledged."""
        self.standbys = standbys
        self._heads = heads
        self._checkpoints = checkpoints
        self._last: AcknowledgedHead | None = None
        self._number = 1
        """The number of the origin under which this process appends."""

    def acknowledged(
        self, first: int, leaves: Sequence[bytes], commands: Sequence[AcknowledgedCommand] = ()
    ) -> None:
        """Note the acknowledged positions from `first` on. Call it before the caller gets its answer."""
        self._last = AcknowledgedHead(first + len(leaves) - 1, leaves[-1])
        if self._heads is not None:
            self._heads.acknowledged(self._last)
            self._heads.note_recent(first, leaves, commands)

    def require_same_log(self, connection: Connection) -> None:
        """Raises LogHalted: if the log is another, after halting it; while the server recovers; or if
        the check is not possible."""
        if fetch_rows(connection, "SELECT pg_is_in_recovery()") == [(True,)]:
            raise LogHalted("the database is in recovery, or it is a replica")
        try:
            origins = read_origins(connection)
            own = self._last
            if own is not None and origins.holds(self._number, own.position):
                require_stored(connection, [own], _ACKNOWLEDGED_HERE)
            if self._heads is not None:
                self._heads.require_stored(connection, origins)
            checkpoints = self._checkpoints() if self._checkpoints is not None else None
            if checkpoints is not None:
                _require_as_witnessed(connection, checkpoints)
            elif own is not None and not origins.holds(self._number, own.position):
                raise LogNotAsWitnessed("a loss was accepted, but there is no checkpoint of it")
            if origins.number != self._number:
                self._last, self._number = None, origins.number
            if self._heads is not None:
                self._heads.open(self._number)
        except (StorageUnavailable, KeyUnusable) as error:
            raise LogHalted(f"the log cannot be compared with its checkpoints: {error}") from None
        except OSError as error:
            _logger.error("appends stopped: acknowledged positions cannot be written: %s", error)
            raise LogHalted(
                "acknowledged positions cannot be written: see the service's log messages"
            ) from None
        except (AcknowledgedMissing, LogNotAsWitnessed, PositionsMissing) as error:
            halt_log(connection)
            # The details are for the operator, not for the caller of the API.
            _logger.error("appends stopped: %s", error)
            raise LogHalted(
                "the log is not as it was acknowledged: see the service's log messages"
            ) from None

    def close(self) -> None:
        if self._heads is not None:
            self._heads.close()


def _require_as_witnessed(connection: Connection, checkpoints: Checkpoints) -> None:
    try:
        checkpoints.require_as_witnessed(connection)
    except LogNotAsWitnessed:
        with suppress(InsufficientPrivilege):  # the writer role may not fill in nodes
            fill_all_nodes(connection)
        checkpoints.require_as_witnessed(connection)
