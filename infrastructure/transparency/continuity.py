"""Whether a database that is connected to anew is the one that was appended to before.

A database cannot be restored without breaking every connection: what is appended on a connection that
was looked at once is appended to what was looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from psycopg.errors import InsufficientPrivilege

from infrastructure.postgres.datastore import LogHalted
from infrastructure.transparency.acknowledged import AcknowledgedMissing, Head, Heads, must_be_there
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed, halt
from infrastructure.transparency.nodes import Connection, PositionsMissing, fill_all
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.transparency.storage import OutsideUnavailable

_logger = logging.getLogger("casetrail.log")
_HERE = "; this process has acknowledged them. Restore a later backup, and start it again."


class Continuity:
    """As one process knows it, and, where heads and checkpoints are given, as others do."""

    def __init__(
        self,
        heads: Heads | None = None,
        checkpoints: Callable[[], Checkpoints | None] | None = None,
    ) -> None:
        """`checkpoints` are opened when they are asked for: most commands append nothing."""
        self._heads = heads
        self._checkpoints = checkpoints
        self._last: Head | None = None

    def acknowledged(self, position: int, leaf: bytes) -> None:
        """Before its caller is told."""
        self._last = Head(position, leaf)
        if self._heads is not None:
            self._heads.acknowledged(self._last)

    def must_hold(self, connection: Connection) -> None:
        """Raises LogHalted, and then nobody writes; while the server recovers, we do not."""
        row = connection.execute("SELECT pg_is_in_recovery() AS is_so").fetchone()
        assert row is not None
        if row[0]:
            raise LogHalted("the database is being recovered, or is a copy")
        try:
            must_be_there(connection, [self._last] if self._last is not None else [], _HERE)
            if self._heads is not None:
                self._heads.must_be_there(connection)
                self._heads.open()
            checkpoints = self._checkpoints() if self._checkpoints is not None else None
            if checkpoints is not None:
                _must_be_as_witnessed(connection, checkpoints)
        except (OutsideUnavailable, KeyUnusable) as error:
            raise LogHalted(
                f"whether the log is as it was witnessed is not known: {error}"
            ) from None
        except OSError as error:
            _logger.error("nothing is appended: what is acknowledged cannot be noted: %s", error)
            raise LogHalted(
                "what is acknowledged cannot be noted down: see the service's messages"
            ) from None
        except (AcknowledgedMissing, LogNotAsWitnessed, PositionsMissing) as error:
            halt(connection)
            _logger.error("nothing is appended: %s", error)  # what it names is the operator's
            raise LogHalted(
                "the log is not as it was acknowledged: see the service's messages"
            ) from None

    def close(self) -> None:
        if self._heads is not None:
            self._heads.close()


def _must_be_as_witnessed(connection: Connection, checkpoints: Checkpoints) -> None:
    try:
        checkpoints.must_be_as_witnessed(connection)
    except LogNotAsWitnessed:
        with suppress(InsufficientPrivilege):  # whoever only appends cannot fill it in
            fill_all(connection)
        checkpoints.must_be_as_witnessed(connection)
