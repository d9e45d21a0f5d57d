"""Parsing and checking of times that people and clients send."""

from datetime import UTC, datetime
from typing import Annotated

from litestar.params import QueryParameter

from api.http.errors import MalformedParameter

UpdatedSince = Annotated[
    datetime | None,
    QueryParameter(
        description="Only what has an event that was recorded then or later: an RFC 3339 time."
    ),
]
TIME_EXAMPLE = "2026-10-01 or 2026-10-01T00:00:00Z"


def parse_time(text: str) -> datetime:
    """A date, or a date and a time; UTC if it has no offset. Raises ValueError with a message for people."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time such as {TIME_EXAMPLE}") from None


def require_offset(name: str, moment: datetime) -> None:
    """Raise MalformedParameter for a time without an offset, or outside the years of UTC."""
    if moment.tzinfo is None:
        raise MalformedParameter(
            f"{name}={moment.isoformat()} has no offset; write it as in 2026-11-21T12:00:00Z"
        )
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise MalformedParameter(
            f"{name}={moment.isoformat()} is outside the years 1 to 9999 of UTC"
        ) from None


def require_ordered_period(since: datetime | None, until: datetime | None) -> None:
    """Raise MalformedParameter for a period that ends before it begins."""
    if since is not None and until is not None and until < since:
        raise MalformedParameter(
            f"from={since.isoformat()} is later than to={until.isoformat()}; swap them"
        )
