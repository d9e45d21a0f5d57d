"""The origins of the log's checkpoints: one, and another after each accepted loss, where positions are used
again."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from application.log.event_codec import from_state
from domain.losses import LOSSES_STREAM, LossAccepted
from infrastructure.postgres.rows import Connection, fetch_rows


class LogNotAsWitnessed(Exception):
    """The log is not the one that was witnessed outside the database; writes are halted."""


class AcceptedLoss(NamedTuple):
    """An accepted loss, and the position of its event."""

    position: int
    event: LossAccepted
    at: datetime

    @property
    def number(self) -> int:
        """The number of the origin that it begins: NAME/2 has 2."""
        return int(self.event.origin.rpartition("/")[2])

    @property
    def extension(self) -> str:
        """The line that each later checkpoint has about it."""
        lost, root = self.event, base64.b64encode(bytes.fromhex(self.event.signed_root)).decode()
        return f"lost {lost.kept + 1} {lost.last} {lost.before} {lost.signed} {root}\n"


class Origins(NamedTuple):
    """The accepted losses of a log, oldest first."""

    losses: Sequence[AcceptedLoss]

    @property
    def number(self) -> int:
        """The number of the origin in force."""
        return self.losses[-1].number if self.losses else 1

    @property
    def extension(self) -> str:
        """The further lines of a checkpoint: each accepted loss."""
        return "".join(loss.extension for loss in self.losses)

    def left(self, number: int) -> int | None:
        """How many positions of an origin are left; None if none of them was lost."""
        kept = (loss.event.kept for loss in self.losses if loss.number > number)
        return min(kept, default=None)

    def holds(self, number: int, position: int) -> bool:
        """Whether the log must have a position of an origin: its loss was not accepted."""
        left = self.left(number)
        return left is None or position <= left


def read_origins(connection: Connection) -> Origins:
    """The origins that the log names. A signature outside must confirm them. Raises LogNotAsWitnessed."""
    rows = fetch_rows(
        connection,
        "SELECT notification_id, state FROM stored_events WHERE originator_id = %s "
        "ORDER BY originator_version",
        LOSSES_STREAM,
    )
    found = list[AcceptedLoss]()
    for position, state in rows:
        try:
            line = from_state(position, state)
            event = line.event
            if not isinstance(event, LossAccepted):
                raise ValueError(f"it is {event.__struct_config__.tag}")
            loss = AcceptedLoss(position, event, line.recorded_at)
            if loss.number <= (found[-1].number if found else 1):
                raise ValueError(f"its origin {event.origin} does not follow")
        except (msgspec.MsgspecError, ValueError) as error:
            raise LogNotAsWitnessed(
                f"Position {position} should accept a loss and cannot be used: {error}"
            ) from None
        found.append(loss)
    return Origins(found)
