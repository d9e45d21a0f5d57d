"""The decision trail of a case, as recorded and in words."""

from collections.abc import Sequence
from uuid import UUID

from litestar import Response
from litestar.params import FromPath
from msgspec import Struct

from api.composition import Desks
from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.log_lines import LogLine, log_lines
from api.http.service import ServiceDependency
from api.routes.trail_page import CSV, HTML, render_csv, render_page
from application.cases.trail import TrailLine, describe_line, describe_lines
from domain.adjustments.refusals import refusals_stream
from domain.authority import FULL_AUTHORITY, Authority
from domain.orders.order import order_stream
from domain.orders.order_names import describe_name, order_name
from domain.permissions import Permission

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}
"""The page shows text that people wrote: it must not run scripts."""


class TrailView(Struct, frozen=True):
    case: UUID
    order: str
    shop: str
    lines: Sequence[LogLine]
    told: Sequence[TrailLine]
    """The same lines in words: a sentence each, with who, when, why, and the evidence."""
    refused: Sequence[LogLine]
    """Refused attempts: by which rule, and because of which line."""
    refusals: Sequence[TrailLine]
    """The same in words."""


def trail_of(desks: Desks, case_id: UUID, authority: Authority = FULL_AUTHORITY) -> TrailView:
    """Raises CaseNotFound."""
    lines = desks.cases.trail(case_id, authority)
    order = lines[0].order or ""
    name = order_name(order)
    beside = desks.log.trails([refusals_stream(case_id), order_stream(order)])
    refused = beside.get(refusals_stream(case_id), [])
    return TrailView(
        case=case_id,
        order=name.order,
        shop=name.shop,
        lines=log_lines(lines),
        told=describe_lines(lines, beside.get(order_stream(order), [])),
        refused=log_lines(refused),
        refusals=[describe_line(line) for line in refused],
    )


@get("/cases/{case_id:uuid}/trail", needs=Permission.READ_CASES, summary="Get the decision trail")
def get_trail(
    request: AuthenticatedRequest, case_id: FromPath[UUID], service: ServiceDependency
) -> Response[TrailView]:
    """Every event of the case, as recorded and in words: who, when, why, and each verdict of policy.
    `Accept: text/csv` returns a table, `Accept: text/html` a page to print."""
    trail = trail_of(service.desks, case_id, request.user.authority)
    accepted = request.headers.get("accept", "")
    if CSV in accepted:
        return _text(render_csv(trail.told), CSV)
    if HTML in accepted:
        return _text(
            render_page(
                case_id, describe_name(trail.order, trail.shop), trail.told, trail.refusals
            ),
            HTML,
        )
    return Response(trail, headers={"Vary": "Accept"})


def _text(text: str, media_type: str) -> Response[TrailView]:
    content = text.encode()
    return Response(content, media_type=media_type, headers=_HEADERS)  # type: ignore[arg-type]
