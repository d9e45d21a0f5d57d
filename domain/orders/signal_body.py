"""The base class of all signals, and the types of their fields.

A signal is a statement, not a command: it is kept even when it is late or contradicts another.
Its identity is (source, id, order). `event_time` is when it happened, by the source's clock; the
envelope of the recording event has the time of arrival (two clocks, as in EPCIS).
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, structs

from domain.personal_data import PERSONAL
from domain.texts import Text, form, one_line

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

SourceName = Annotated[
    str,
    form(
        "[a-z0-9][a-z0-9_.-]{0,63}",
        "a source of a-z, 0-9, `_`, `.` and `-`, such as psp",
        "The system that sends the signal, e.g. psp.",
    ),
]
OWN_SOURCE: Final = "casetrail"
"""The source of signals that our own look-ups derive. No outside system may use it."""
ReasonText = Annotated[str, one_line(500), PERSONAL]
"""Text by the customer or about the customer."""
SourceId = Annotated[str, one_line(200, least=1)]
"""The source's own id of a statement, a payment or a shipment."""
OrderId = Annotated[
    str,
    form(
        "[!-.0-~]{1,120}",
        "an order id: 1 to 120 visible ASCII characters, none of them a slash or a space",
        "The shop's id of the order, without a slash.",
    ),
]


def check_moment(moment: datetime) -> None:
    """Raise ValueError for a time outside 1990 … 2199: usually a mix-up of units."""
    if not EARLIEST <= moment < LATEST:
        raise ValueError(
            f"{moment.isoformat()} is not between 1990 and 2199: check the unit and the year"
        )


def check_day(day: date) -> None:
    """Raise ValueError for a day outside 1990 … 2199."""
    if not EARLIEST.date() <= day < LATEST.date():
        raise ValueError(f"{day} is not between 1990 and 2199: check the year")


def normalize_moment(struct: Struct, field: str) -> None:
    """Check a time field and store it in UTC; None stays None. Raises ValueError as check_moment."""
    moment: datetime | None = getattr(struct, field)
    if moment is not None:
        check_moment(moment)
        if moment.tzinfo is not UTC:
            structs.force_setattr(struct, field, moment.astimezone(UTC))


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is not a time zone of the IANA database: use a name such as Europe/Berlin"
        ) from None


Moment = Annotated[
    datetime, Meta(tz=True, description="RFC 3339, with an offset.", extra={"check": check_moment})
]


ZoneName = Annotated[
    str, Meta(description="A time zone of the IANA database.", extra={"check": time_zone})
]


class SignalBody(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, tag_field="type"
):
    """The fields of every signal."""

    source: SourceName
    id: SourceId
    order: OrderId
    event_time: Moment

    def __post_init__(self) -> None:
        normalize_moment(self, "event_time")

    @property
    def key(self) -> str:
        """The signal's identity within its order."""
        return f"{self.source}/{self.id}"

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)


Skus = Annotated[tuple[Text, ...], Meta(max_length=1000)]
