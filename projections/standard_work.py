"""The stages that every order passed, with or without a case: who saw to it, and whether in time. Behind
GET /v1/views/standard-work."""

from typing import Any

import msgspec
from msgspec import Struct, UnsetType
from msgspec.structs import replace

from domain.orders.events import SignalRecorded, SignalTimeCame, StagesNamed
from domain.orders.stage import Stage, StageChanges, StagePassage, with_changes
from domain.recorded_event import RecordedEvent
from projections.projection import Projection


class StandardWorkRow(Struct, frozen=True):
    name: str
    """The text that names the order in the log."""
    passages: dict[str, dict[str, Any]] = {}
    """Stage -> its passage, as the events have it."""
    in_time: int = 0
    late: int = 0


def key(line: RecordedEvent) -> str | None:
    return line.order if _changes(line) is not None else None


def fold(row: StandardWorkRow | None, line: RecordedEvent) -> StandardWorkRow | None:
    changes = _changes(line)
    if changes is None:
        return row
    row = row or StandardWorkRow(name=line.order or "")
    before = msgspec.convert(row.passages, dict[Stage, StagePassage])
    passages = with_changes(before, changes)
    done = [(p.until, p.due_at) for p in passages.values() if p.until and p.due_at]
    in_time = sum(until <= due_at for until, due_at in done)
    return replace(
        row, passages=msgspec.to_builtins(passages), in_time=in_time, late=len(done) - in_time
    )


def _changes(line: RecordedEvent) -> StageChanges | None:
    match line.event:
        case (
            SignalRecorded(stages=found) | SignalTimeCame(stages=found) | StagesNamed(stages=found)
        ):
            return None if isinstance(found, UnsetType) else found
        case _:
            return None


STANDARD_WORK = Projection(name="standard_work", version=2, row=StandardWorkRow, key=key, fold=fold)
