"""What all reads share: waiting for a position, pages with opaque cursors, ETags."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from api.http.errors import MalformedParameter, ReportBehind, VersionRequired
from infrastructure.projections.positions import Positions
from projections.projection import NEVER

DEFAULT_LIMIT = 50
MOST_ROWS = 200
DEFAULT_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 30.0

KEY_PATTERN = re.compile(r"^[!-~]{1,200}(?!\n)$")

R = TypeVar("R")
T = TypeVar("T")

Limit = Annotated[
    int, QueryParameter(ge=1, le=MOST_ROWS, description="Rows of a page, at most 200.")
]
Cursor = Annotated[
    str | None, QueryParameter(description="Where the page begins: from `Link: rel=next`.")
]
MinPosition = Annotated[
    int | None,
    HeaderParameter(
        name="Casetrail-Min-Position",
        ge=0,
        description="The answer is never older than this position of the log.",
    ),
]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer", description="`wait=N`: wait up to N seconds for Casetrail-Min-Position."
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description='The ETag that you decided on, e.g. `"7"`.'),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=KEY_PATTERN.pattern,
        description="Your own key for this request: a retry with it gets the first answer.",
    ),
]


class Page(Struct, Generic[T], frozen=True):
    """One page of a list; `next` is the cursor of the page after it, if there is one."""

    items: Sequence[T]
    next: str | None = None


def wait_for(positions: Positions, report: str, position: int | None, prefer: str | None) -> None:
    """Return once the report has seen the position. Raises ReportBehind when the time runs out."""
    if position is None:
        return
    found = re.search(r"\bwait=(\d{1,4})\b", prefer or "", re.IGNORECASE)
    seconds = min(float(found[1]), LONGEST_WAIT_SECONDS) if found else DEFAULT_WAIT_SECONDS
    if not positions.wait(report, position, seconds):
        raise ReportBehind(f"the report {report} has not seen position {position}", report=report)


def expected_version(if_match: str | None) -> int:
    """The version that an If-Match names. Raises VersionRequired, MalformedParameter."""
    if if_match is None:
        raise VersionRequired("If-Match is missing")
    found = re.fullmatch(r'(?:W/)?"(\d{1,9})"', if_match.strip())
    if found is None:
        raise MalformedParameter(
            f'If-Match is {if_match!r}, and must be a version in quotes such as "7"'
        )
    return int(found[1])


def etag(version: int) -> str:
    return f'"{version}"'


def page_of(
    request: Request[Any, Any, Any],
    rows: Sequence[T],
    limit: int,
    place: Sequence[str],
) -> Response[Page[T]]:
    """The first `limit` of the rows (one more was asked for), with a link to what follows."""
    return page_of_views(request, rows, limit, place, lambda row: row)


def page_of_views(
    request: Request[Any, Any, Any],
    rows: Sequence[R],
    limit: int,
    place: Sequence[str],
    view: Callable[[R], T],
) -> Response[Page[T]]:
    """The same, each row shown as its view."""
    shown = rows[:limit]
    views = [view(row) for row in shown]
    if len(rows) <= limit:
        return Response(Page(views))
    cursor = encode_cursor([getattr(shown[-1], name) for name in place], asked_for(request))
    query = {**filters(request), "limit": limit, "cursor": cursor}
    link = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
    return Response(Page(views, cursor), headers={"Link": link})


def asked(**filters: object) -> dict[str, object]:
    """Those of the filters that were given."""
    return {name: value for name, value in filters.items() if value is not None}


def unless_never(moment: datetime) -> datetime | None:
    """A time that rows are sorted by, as it is told: none where there is none."""
    return moment if moment.year < NEVER.year else None


def only_known(request: Request[Any, Any, Any], *known: str) -> None:
    """Raise MalformedParameter for a parameter that is none: a filter that is misspelt must not
    silently show everything; nor for a text that nothing can hold."""
    allowed = {*known, "limit", "cursor"}
    faults = [
        {"parameter": name, "detail": fault}
        for name, values in request.query_params.dict().items()
        if (
            fault := "unknown"
            if name not in allowed
            else "given more than once"
            if len(values) > 1
            else "holds a NUL"
            if "\0" in str(values[0])
            else ""
        )
    ]
    if faults:
        faults.sort(key=lambda fault: fault["parameter"])
        names = ", ".join(sorted(allowed))
        raise MalformedParameter(f"known parameters are: {names}", errors=faults)


def filters(request: Request[Any, Any, Any]) -> dict[str, str]:
    """What the list was asked for, but for where the page begins and how long it is."""
    query = request.query_params.dict()
    return {
        name: str(values[-1])
        for name, values in sorted(query.items())
        if name not in ("cursor", "limit")
    }


def asked_for(request: Request[Any, Any, Any]) -> dict[str, str]:
    """What a cursor is good for: this list, with these filters."""
    return {"": request.url.path, **filters(request)}


def encode_cursor(values: Sequence[object], asked: Mapping[str, str]) -> str:
    packed = msgspec.json.encode([values, asked])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(
    cursor: str | None, asked: Mapping[str, str], types: tuple[type[Any], ...]
) -> list[Any] | None:
    """The values of the last row of the page before. Raises MalformedParameter."""
    if cursor is None:
        return None
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values, filters_then = msgspec.json.decode(packed, type=tuple[list[Any], dict[str, str]])
        if filters_then != asked or len(values) != len(types):
            raise ValueError(cursor)
        if any(isinstance(value, str) and "\0" in value for value in values):
            raise ValueError(cursor)
        return [msgspec.convert(v, kind) for v, kind in zip(values, types, strict=True)]
    except (ValueError, RecursionError, binascii.Error, msgspec.MsgspecError):
        raise MalformedParameter("the cursor is not one of this list with these filters") from None


URGENCY_TYPES: tuple[type[Any], ...] = (int, datetime, UUID)
LAST_SIGNAL_TYPES: tuple[type[Any], ...] = (datetime, str)
