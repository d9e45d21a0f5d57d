"""The stages that every order passed, with or without a case: who saw to it, and whether in time. Behind
GET /v1/views/standard-work."""

from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from domain.orders.events import SignalRecorded, StagesNamed
from domain.orders.stage import Stage, StagePassage, with_changes
from domain.recorded_event import RecordedEvent
from projections.projection import Projection


class StandardWorkRow(Struct, frozen=True):
    order_id: str
    passages: dict[str, dict[str, Any]] = {}
    """Stage -> its passage, as the events have it."""
    in_time: int = 0
    late: int = 0


def key(line: RecordedEvent) -> str | None:
    match line.event:
        case SignalRecorded(stages=stages) if stages is not UNSET:
            return line.order
        case StagesNamed():
            return line.order
        case _:
            return None


def fold(row: StandardWorkRow | None, line: RecordedEvent) -> StandardWorkRow | None:
    row = row or StandardWorkRow(order_id=line.order or "")
    match line.event:
        case SignalRecorded(stages=changes) | StagesNamed(stages=changes) if changes is not UNSET:
            before = msgspec.convert(row.passages, dict[Stage, StagePassage])
            passages = with_changes(before, changes)
            done = [(p.until, p.due_at) for p in passages.values() if p.until and p.due_at]
            in_time = sum(until <= due_at for until, due_at in done)
            return replace(
                row,
                passages=msgspec.to_builtins(passages),
                in_time=in_time,
                late=len(done) - in_time,
            )
        case _:
            return row


STANDARD_WORK = Projection(name="standard_work", version=1, row=StandardWorkRow, key=key, fold=fold)
