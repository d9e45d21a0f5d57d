"""What every signal carries, and the types that their fields are made of.

A signal is a statement, not a command: it is kept even when it is late or contradicts another.
Its identity is (source, id, order). `event_time` is when it happened in the source's world; when
it reached us stands in the envelope of the event that records it (two clocks, as in EPCIS).
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, structs

from domain.personal_data import PERSONAL
from domain.texts import END, Text, one_line

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

SourceName = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9][a-z0-9_.-]{0,63}" + END,
        description="The system that speaks, e.g. psp.",
    ),
]
OWN_SOURCE: Final = "casetrail"
"""The source of what is derived here, from look-ups. No outside system may speak as it."""
SaidText = Annotated[str, one_line(500), PERSONAL]
"""What the customer wrote, or somebody about the customer."""
SourceId = Annotated[str, one_line(200, least=1)]
"""The source's own id of a statement, a payment or a shipment."""
OrderId = Annotated[
    str,
    Meta(
        pattern="^[!-.0-~]{1,120}" + END, description="The shop's id of the order, without a slash."
    ),
]


def check_moment(moment: datetime) -> None:
    """Raise ValueError for a time that no order of ours can have: a unit mix-up, as a rule."""
    if not EARLIEST <= moment < LATEST:
        raise ValueError(
            f"{moment.isoformat()} is outside 1990 … 2199: check the unit and the year"
        )


def check_day(day: date) -> None:
    """Raise ValueError for a day that no order of ours can have."""
    if not EARLIEST.date() <= day < LATEST.date():
        raise ValueError(f"{day} is outside 1990 … 2199: check the year")


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from None


Moment = Annotated[
    datetime,
    Meta(tz=True, description="RFC 3339, with its offset.", extra={"check": check_moment}),
]


ZoneName = Annotated[str, Meta(description="Of the IANA database.", extra={"check": time_zone})]


class SignalBody(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, tag_field="type"
):
    """What every signal carries."""

    source: SourceName
    id: SourceId
    order: OrderId
    event_time: Moment

    def __post_init__(self) -> None:
        check_moment(self.event_time)
        if self.event_time.tzinfo is not UTC:
            structs.force_setattr(self, "event_time", self.event_time.astimezone(UTC))

    @property
    def key(self) -> str:
        """The signal's identity within its order."""
        return f"{self.source}/{self.id}"

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)


Skus = Annotated[tuple[Text, ...], Meta(max_length=1000)]
