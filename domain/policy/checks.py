"""Checks of policy documents: durations against limits, and names against the known ones."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from domain.errors import Fault

SMALLEST: Final = timedelta.resolution
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def describe_duration(duration: timedelta) -> str:
    """A duration in words, in whole seconds: `1 day 30 minutes`."""
    seconds, parts = abs(duration) // timedelta(seconds=1), []
    for unit, length in _UNITS:
        many, seconds = divmod(seconds, length)
        if many:
            parts.append(f"{many} {unit}{'s' if many > 1 else ''}")
    return ("minus " if duration < timedelta() else "") + (" ".join(parts) or "0 seconds")


def duration_faults(
    pointer: str, duration: timedelta | None, most: timedelta, least: timedelta = SMALLEST
) -> Iterator[Fault]:
    """A fault if a given duration is not from `least` to `most`."""
    if duration is not None and not least <= duration <= most:
        low = "more than 0" if least == SMALLEST else f"at least {describe_duration(least)}"
        limits = f"{low} and at most {describe_duration(most)}"
        yield Fault(pointer, f"must be {limits}, not {describe_duration(duration)}")


def unknown_name(pointer: str, what: str, name: object, known: Iterable[str]) -> Fault:
    """The fault of a name that does not exist, with the names that do."""
    return Fault(
        pointer, f"there is no {what} {name}; known are: {', '.join(sorted(known)) or 'none'}"
    )
