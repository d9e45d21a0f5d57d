"""The whole contract of a report: its row, which row a line belongs to, and a pure fold.

The runner does the rest: it makes the table from the row, reads the log in batches, folds in
memory, writes rows and position in one transaction, catches up after a kill, rebuilds beside the
live table, and holds back a single stream whose event cannot be folded.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from domain.recorded_event import RecordedEvent

Row = TypeVar("Row", bound=Struct)
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""In the place of a time that there is not, where rows are sorted by it."""


class Projection(Struct, Generic[Row], frozen=True, kw_only=True):
    """One report.

    name     the table's name, and the report's in the API
    version  raise it when the row or the fold changes: the report is then rebuilt from the start
    row      a frozen struct; its first field is the key, its fields are the columns
    key      the key of the row that a line belongs to; None if the line says nothing to the report
    fold     the row before (None if there is none) and a line, to the row after (None: no row)
    indexes  what follows CREATE INDEX ON table, e.g. "(queue, priority DESC)"
    """

    name: str
    version: int
    row: type[Row]
    key: Callable[[RecordedEvent], object | None]
    fold: Callable[[Row | None, RecordedEvent], Row | None]
    indexes: tuple[str, ...] = ()


AnyProjection = Projection[Any]


def case_key(line: RecordedEvent) -> object | None:
    """The key of a report with a row for each case."""
    return line.stream if line.type.startswith("case.") else None
