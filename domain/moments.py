"""Times in commands: a moment that every time zone can write, in UTC."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Final, get_args, get_type_hints

from msgspec import Meta, Struct, structs

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_LIMIT: Final = timedelta(days=366)
"""More than the largest offset (24 hours), so that a period can also be added in any zone."""


def check_in_every_zone(moment: datetime) -> None:
    """Raise ValueError for a time that leaves the years 1 to 9999 in some time zone."""
    # Differences of aware times do not overflow; a conversion to UTC would.
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if aware - _FIRST < _LIMIT or _LAST - aware < _LIMIT:
        raise ValueError(f"{moment.isoformat()} is not in the years 2 to 9998: check the year")


Moment = Annotated[
    datetime,
    Meta(tz=True, description="RFC 3339, with an offset.", extra={"check": check_in_every_zone}),
]


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; the first or the last of its times, where it lies outside.

    A log may hold such times: a command could name `9999-12-31T23:59:59-23:59`.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment - _FIRST < _LIMIT else _LAST


def keep_in_years(event: Struct, field: str) -> None:
    """Let a recorded time be one that reports and answers can convert (see `in_utc`)."""
    moment: datetime | None = getattr(event, field)
    if moment is not None and moment.tzinfo is not UTC:
        try:
            moment.astimezone(UTC)
        except OverflowError:
            structs.force_setattr(event, field, in_utc(moment))


class CommandRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of commands. Unknown fields are rejected: the sender may rely on them.

    Times are checked, and kept in UTC.
    """

    def __post_init__(self) -> None:
        for name in _fields_with_moments(type(self)):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is not None:
                check_in_every_zone(moment)
                structs.force_setattr(self, name, moment.astimezone(UTC))


@cache
def _fields_with_moments(kind: type[Struct]) -> tuple[str, ...]:
    hints: dict[str, Any] = get_type_hints(kind)
    return tuple(
        name for name in kind.__struct_fields__ if datetime in (hints[name], *get_args(hints[name]))
    )
