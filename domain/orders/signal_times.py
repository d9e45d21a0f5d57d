"""Times in signals: their limits, their zones, and local times without an offset."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from typing import Annotated, Any, Final, get_args, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import UNSET, Meta, Struct, UnsetType, structs

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_NO_ZONES: Final = frozenset(("Factory", "localtime", "posixrules"))
"""Files beside the zones of the database: they differ from machine to machine, or mean no zone."""


_NO_ZONE: Final = "is not a time zone of the IANA database: use a name such as Europe/Berlin"


class Assumption(StrEnum):
    EARLIER = "earlier"
    """The local time exists twice, as the clocks go back: the earlier one."""
    OFFSET_BEFORE = "offset_before"
    """The local time does not exist, as the clocks go forward: with the offset before that."""


class AssumedTime(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A local time that exists twice or not at all, and how it was read."""

    pointer: str
    """The JSON Pointer of the field."""
    local: str
    """The time as the source wrote it, in the signal's zone."""
    read_as: datetime
    """The time in UTC."""
    assumption: Assumption


def check_moment(moment: datetime) -> None:
    """Raise ValueError for a time outside 1990 … 2199: usually a mix-up of units."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if not EARLIEST <= aware < LATEST:
        raise ValueError(
            f"{moment.isoformat()} is not between 1990 and 2199: check the unit and the year"
        )


def check_day(day: date) -> None:
    """Raise ValueError for a day outside 1990 … 2199."""
    if not EARLIEST.date() <= day < LATEST.date():
        raise ValueError(f"{day} is not between 1990 and 2199: check the year")


def normalize_moment(struct: Struct, field: str) -> None:
    """Check a time field and store it in UTC; None stays None.

    A local time without an offset is left as it is: the signal that holds it names the zone.
    Raises ValueError as check_moment.
    """
    moment: datetime | UnsetType | None = getattr(struct, field)
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        check_moment(moment)
        if moment.tzinfo is not UTC:
            structs.force_setattr(struct, field, moment.astimezone(UTC))


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} {_NO_ZONE}") from None


AssumedTimes = Annotated[tuple[AssumedTime, ...], Meta(extra={"own": True})]


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_ZONES


def is_zone_name(name: str) -> bool:
    """Whether the IANA database has a zone of this name."""
    return name in _zone_names()


def check_zone_name(name: str) -> None:
    """Raise ValueError for a name that the IANA database does not have, as `localtime` or `right/UTC`.

    What was recorded before keeps its zone, so `time_zone` still reads it.
    """
    if not is_zone_name(name):
        raise ValueError(f"{name!r} {_NO_ZONE}")


Moment = Annotated[
    datetime,
    Meta(
        description="RFC 3339, with an offset, or a local time where `time_zone` names its zone.",
        extra={"check": check_moment},
    ),
]


ZoneName = Annotated[
    str, Meta(description="A time zone of the IANA database.", extra={"check": check_zone_name})
]


@cache
def fields_with_times(kind: type[Struct]) -> tuple[str, ...]:
    """The fields of a struct that may hold a time, themselves or deeper."""
    hints = get_type_hints(kind)
    return tuple(name for name in kind.__struct_fields__ if _may_hold_time(hints[name]))


def _may_hold_time(hint: Any) -> bool:
    if hint is datetime:
        return True
    if isinstance(hint, type) and issubclass(hint, Struct):
        return bool(fields_with_times(hint))
    return any(_may_hold_time(part) for part in get_args(hint))


def find_local_time(value: Any) -> datetime | None:
    """The first time without an offset in a value; None if there is none."""
    if isinstance(value, datetime):
        return value if value.tzinfo is None else None
    if isinstance(value, Struct):
        inner: Iterable[Any] = (getattr(value, name) for name in fields_with_times(type(value)))
    else:
        inner = value if isinstance(value, tuple) else ()
    return next((local for one in inner if (local := find_local_time(one)) is not None), None)


def localize(value: Any, zone: ZoneInfo, assumed: list[AssumedTime], pointer: str = "") -> Any:
    """Give every local time in a struct the zone, in place; nested structs and tuples too.

    `assumed` gets the times that exist twice, or not at all.
    """
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value
        if (assumption := _assumption_of(value, zone)) is not None:
            assumed.append(
                AssumedTime(
                    pointer=pointer,
                    local=value.isoformat(),
                    read_as=value.replace(tzinfo=zone).astimezone(UTC),
                    assumption=assumption,
                )
            )
        return value.replace(tzinfo=zone)
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            before = getattr(value, name)
            after = localize(before, zone, assumed, f"{pointer}/{name}")
            if after is not before:
                structs.force_setattr(value, name, after)
            if isinstance(after, datetime):
                normalize_moment(value, name)
        return value
    if isinstance(value, tuple):
        return tuple(localize(one, zone, assumed, f"{pointer}/{n}") for n, one in enumerate(value))
    return value


def _assumption_of(local: datetime, zone: ZoneInfo) -> Assumption | None:
    """How a local time is read that the zone has twice or not at all (PEP 495, fold 0)."""
    check_moment(local)
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first is None or second is None or first == second:
        return None
    return Assumption.EARLIER if first > second else Assumption.OFFSET_BEFORE


def zones_in(value: Struct, pointer: str = "") -> list[tuple[str, str]]:
    """Each time zone that a struct names, with its JSON Pointer."""
    found: list[tuple[str, str]] = []
    for name in _fields_with_zones(type(value)):
        inner = getattr(value, name)
        if inner is None or inner is UNSET:
            continue  # as in most signals, and each new one is looked at
        if isinstance(inner, str):
            found.append((f"{pointer}/{name}", inner))
        elif isinstance(inner, tuple):
            for n, one in enumerate(inner):
                found += zones_in(one, f"{pointer}/{name}/{n}")
        else:
            found += zones_in(inner, f"{pointer}/{name}")
    return found


@cache
def _fields_with_zones(kind: type[Struct]) -> tuple[str, ...]:
    """The fields of a struct that hold the name of a time zone, themselves or deeper."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        name
        for name in kind.__struct_fields__
        if ZoneName in (hints[name], *get_args(hints[name]))
        or any(map(_fields_with_zones, _structs_in(hints[name])))
    )


def _structs_in(hint: Any) -> Iterator[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
    for part in get_args(hint):
        yield from _structs_in(part)
