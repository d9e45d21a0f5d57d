"""Reads: waiting for a position of the log, pages with opaque cursors, versions and ETags.

A route that reads a report takes `read: ReadQuery`; a list takes `listing: ListQuery`. They hold the
parameters that such routes have in common.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.errors import MalformedParameter, ReportBehind, VersionRequired
from api.http.parameter_objects import ParameterObject
from api.http.service import Service, ServiceDependency
from domain.authority import Authority
from projections.projection import NEVER

DEFAULT_LIMIT = 50
MOST_ROWS = 200
DEFAULT_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 30.0

KEY_PATTERN = re.compile(r"^[!-~]{1,200}(?!\n)$")
KEY_FORM = "an idempotency key: 1 to 200 visible characters of ASCII, no spaces"

R = TypeVar("R")
T = TypeVar("T")

Limit = Annotated[
    int, QueryParameter(ge=1, le=MOST_ROWS, description="Rows per page, at most 200.")
]
Cursor = Annotated[
    str | None, QueryParameter(description="Where the page starts: `next` of the page before.")
]
Names = Annotated[list[str] | None, QueryParameter()]
MinPosition = Annotated[
    int | None,
    HeaderParameter(
        name="Casetrail-Min-Position",
        ge=0,
        description="The log position that the answer must include.",
    ),
]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="`wait=N`: wait up to N seconds for Casetrail-Min-Position (default 5, at most 30).",
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description='The ETag of the version you read, e.g. `"7"`.'),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=KEY_PATTERN.pattern,
        description="A key of your choice. A retry with the same key gets the first answer.",
    ),
]

Sort = Mapping[str, type[Any]]
"""The columns that a list is sorted by, with their types. A cursor holds their values."""


class Page(Struct, Generic[T], frozen=True):
    """One page of a list. `next` is the cursor of the following page; null on the last page."""

    items: Sequence[T]
    next: str | None = None


class ReadQuery(ParameterObject):
    """A read of reports."""

    def __init__(
        self,
        request: AuthenticatedRequest,
        service: ServiceDependency,
        min_position: MinPosition = None,
        prefer: Prefer = None,
    ) -> None:
        self.request = request
        self._service = service
        self._min_position = min_position
        self._prefer = prefer

    @property
    def authority(self) -> Authority:
        return self.request.user.authority

    def wait_for(self, report: str) -> None:
        """Wait until the report includes the client's position. Raises ReportBehind on timeout."""
        wait_for_report(self._service, report, self._min_position, self._prefer)


class ListQuery(ReadQuery):
    """A request for one page of a list."""

    def __init__(
        self,
        request: AuthenticatedRequest,
        service: ServiceDependency,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        min_position: MinPosition = None,
        prefer: Prefer = None,
    ) -> None:
        super().__init__(request, service, min_position, prefer)
        self._limit = limit
        self._cursor = cursor

    def page(
        self,
        sort: Sort,
        rows: Callable[[list[Any] | None, int], Sequence[R]],
        view: Callable[[R], Any] = lambda row: row,
    ) -> Response[Page[Any]]:
        """The page as the answer, with a link to the next page.

        `rows(after, limit)` reads at most `limit` rows, in the order of `sort`, that come after the row
        with the values `after` (None: from the start). `view` makes the JSON of a row. Raises
        MalformedParameter for a cursor of another list.
        """
        query = self.request.query_params.dict()
        filters = {
            name: ",".join(map(str, values))
            for name, values in sorted(query.items())
            if name not in ("cursor", "limit")
        }
        scope = {"": self.request.url.path, **filters}
        found = rows(decode_cursor(self._cursor, scope, sort), self._limit + 1)
        shown = found[: self._limit]
        views = [view(row) for row in shown]
        if len(found) <= self._limit:
            return Response(Page(views))
        cursor = encode_cursor([getattr(shown[-1], name) for name in sort], scope)
        following = urlencode({**filters, "limit": self._limit, "cursor": cursor})
        link = f'<{self.request.url.path}?{following}>; rel="next"'
        return Response(Page(views, cursor), headers={"Link": link})


def wait_for_report(
    service: Service, report: str, position: int | None, prefer: str | None
) -> None:
    """Wait until the report includes the position. Raises ReportBehind on timeout."""
    if position is None:
        return
    found = re.search(r"\bwait=(\d{1,4})\b", prefer or "", re.IGNORECASE)
    seconds = min(float(found[1]), LONGEST_WAIT_SECONDS) if found else DEFAULT_WAIT_SECONDS
    if not service.positions.wait(report, position, seconds):
        raise ReportBehind(
            f"the report {report} does not include position {position} yet", report=report
        )


def expected_version(if_match: str | None) -> int:
    """The version in an If-Match header. Raises VersionRequired, MalformedParameter."""
    if if_match is None:
        raise VersionRequired("the If-Match header is missing")
    found = re.fullmatch(r'(?:W/)?"(\d{1,9})"', if_match.strip())
    if found is None:
        raise MalformedParameter(
            f'If-Match is {if_match!r}; it must be a version in quotes such as "7"'
        )
    return int(found[1])


def etag(version: int) -> str:
    return f'"{version}"'


def given_filters(**filters: object) -> dict[str, object]:
    """The filters that the client set."""
    return {name: value for name, value in filters.items() if value is not None}


def none_if_never(moment: datetime) -> datetime | None:
    """A time of a row, or None where reports sort by the year 9999."""
    return moment if moment.year < NEVER.year else None


def encode_cursor(values: Sequence[object], scope: Mapping[str, str]) -> str:
    packed = msgspec.json.encode([values, scope])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(cursor: str | None, scope: Mapping[str, str], sort: Sort) -> list[Any] | None:
    """The sort values of the last row of the page before. Raises MalformedParameter.

    A cursor holds its scope (path and filters), so that it is not used with another list.
    """
    if cursor is None:
        return None
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values, cursor_scope = msgspec.json.decode(packed, type=tuple[list[Any], dict[str, str]])
        if cursor_scope != scope or any(isinstance(v, str) and "\0" in v for v in values):
            raise ValueError(cursor)
        return [msgspec.convert(v, kind) for v, kind in zip(values, sort.values(), strict=True)]
    except (ValueError, RecursionError, binascii.Error, msgspec.MsgspecError):
        raise MalformedParameter("the cursor is not from this list with these filters") from None
