"""Lines of the log in answers: as recorded, with the order by its id and its shop."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.orders.order_names import OrderName, order_name
from domain.people import Actor
from domain.recorded_event import Event, RecordedEvent, SealedTexts
from domain.struct_fields import fill

_NO_ORDER = OrderName("", "")


class LogLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the log. `version` counts the stream's events, `position` all events of the log.
    `recorded_at` is record time in UTC; an outside event's own time is in the event. `cause` names what
    led to it: `signal:…`, `due:…`, `command:…`. `order` is unique in `shop`."""

    stream: UUID
    version: int
    recorded_at: datetime
    actor: Actor
    event: Event
    order: str = ""
    shop: str = ""
    cause: str | None = None
    position: int = 0
    sealed: SealedTexts | None = None
    """The texts that read `[sealed]` in the event."""


def log_lines(lines: Iterable[RecordedEvent]) -> list[LogLine]:
    return [
        fill(LogLine, order_name(line.order) if line.order is not None else _NO_ORDER, line)
        for line in lines
    ]
