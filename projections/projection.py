"""The contract of a report: its row, the key of the row that a line belongs to, and a pure fold.

The runner does the rest. It makes the table from the row, reads the log in batches, folds in memory,
and writes rows and position in one transaction. It catches up after a kill, rebuilds next to the live
table, and holds back a single stream whose event cannot be folded.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypedDict, TypeVar

from msgspec import Struct

from domain.orders.signal_body import split_order_key
from domain.recorded_event import RecordedEvent

Row = TypeVar("Row", bound=Struct)
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Stands for a missing time in columns that rows are sorted by."""


class Projection(Struct, Generic[Row], frozen=True, kw_only=True):
    """One report.

    name     the name of the table, and of the report in the API
    version  raise it when the row or the fold changes: the report is then rebuilt from the start
    row      a frozen struct; its fields are the columns, and the first one is the key
    key      the key of the row that a line belongs to; None if the report ignores the line
    fold     from the row before (None: no row) and a line to the row after (None: no row)
    indexes  what follows CREATE INDEX ON table, e.g. "(queue, priority DESC)"
    """

    name: str
    version: int
    row: type[Row]
    key: Callable[[RecordedEvent], object | None]
    fold: Callable[[Row | None, RecordedEvent], Row | None]
    indexes: tuple[str, ...] = ()


AnyProjection = Projection[Any]


def keyed_by_stream(tags: str) -> Callable[[RecordedEvent], object | None]:
    """The key function of a report with a row for each stream of events whose tags start so."""
    return lambda line: line.stream if line.type.startswith(tags) else None


class OrderColumns(TypedDict):
    order_id: str
    shop: str


def order_columns(line: RecordedEvent) -> OrderColumns:
    """The columns `order_id` and `shop` of the line's order."""
    order, shop = split_order_key(line.order or "")
    return {"order_id": order, "shop": shop}


case_key = keyed_by_stream("case.")
