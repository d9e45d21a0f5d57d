"""The event feed: every line of the log, in order."""

from collections.abc import Sequence
from typing import Annotated

from litestar import Response
from litestar.params import QueryParameter
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.log_lines import LogLine, log_lines
from api.http.query import Limit
from api.http.service import ServiceDependency
from domain.permissions import Permission

FEED_LIMIT = 100


class Feed(Struct, frozen=True):
    """Lines after a position. `next_after` continues after them; `head` is the newest position."""

    items: Sequence[LogLine]
    next_after: int
    head: int


@get("/events", needs=Permission.READ_LOG, summary="List events")
def get_events(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    after: Annotated[int, QueryParameter(ge=0, description="The position to start after [0].")] = 0,
    limit: Limit = FEED_LIMIT,
) -> Response[Feed]:
    """Positions have no gaps: 1, 2, 3 … in commit order. Continue with `next_after` as `after`."""
    head = service.desks.log.head()
    lines = service.desks.log.read(after, limit)
    next_after = lines[-1].position if lines else after
    feed = Feed(log_lines(lines), next_after, max(head, lines[-1].position if lines else 0))
    link = f'</v1/events?after={next_after}&limit={limit}>; rel="next"'
    return Response(feed, headers={"Link": link})
