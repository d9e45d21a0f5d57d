"""The event feed: every line of the log, in order, none skipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from api.http.concurrency import get
from api.http.query import Limit, only_known
from api.http.service import Service
from domain.permissions import Permission
from domain.recorded import Recorded

FEED_LIMIT = 100


class Feed(Struct, frozen=True):
    """Lines after a position. `next_after` is where to go on; `head` is the newest position."""

    items: Sequence[Recorded]
    next_after: int
    head: int


@get("/events", needs=Permission.READ_LOG, summary="The event feed")
def get_events(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    after: Annotated[int, QueryParameter(ge=0, description="A position; 0 is the start.")] = 0,
    limit: Limit = FEED_LIMIT,
) -> Response[Feed]:
    """Positions are dense: 1, 2, 3 … in commit order. Keep `next_after` and come back with it."""
    only_known(request, "after")
    head = service.desks.log.head()
    lines = service.desks.log.read(after, limit)
    next_after = lines[-1].position if lines else after
    feed = Feed(lines, next_after, max(head, lines[-1].position if lines else 0))
    link = f'</v1/events?after={next_after}&limit={limit}>; rel="next"'
    return Response(feed, headers={"Link": link})
