"""Times as people and clients write them, and what is wrong with those that cannot be."""

from __future__ import annotations

from datetime import UTC, datetime

from api.http.errors import MalformedParameter

SUCH_AS = "2026-10-01 or 2026-10-01T00:00:00Z"


def moment_of(told: str) -> datetime:
    """A date, or a date and a time; of UTC unless it says otherwise. Raises ValueError, in words."""
    try:
        moment = datetime.fromisoformat(told)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{told!r} is no time such as {SUCH_AS}") from None


def must_have_zone(name: str, moment: datetime) -> None:
    """Raise MalformedParameter for a time that could be any of a day's, and for one that UTC has none
    for."""
    if moment.tzinfo is None:
        raise MalformedParameter(
            f"{name}={moment.isoformat()} has no offset; write it as in 2026-11-21T12:00:00Z"
        )
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise MalformedParameter(
            f"{name}={moment.isoformat()} lies outside of the years 1 to 9999 of UTC"
        ) from None


def must_be_in_order(since: datetime | None, until: datetime | None) -> None:
    """Raise MalformedParameter for a period that ends before it begins."""
    if since is not None and until is not None and until < since:
        raise MalformedParameter(
            f"from={since.isoformat()} is later than to={until.isoformat()}: they are swapped"
        )
