"""The decision trail of a case: as it was recorded, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from api.composition import Desks
from api.http.concurrency import get
from api.http.service import Service
from api.routes.cases import AuthenticatedRequest
from api.routes.trail_page import CSV, HTML, render_csv, render_page
from application.cases.trail import TrailLine, describe_line, describe_lines
from domain.adjustments.refusals import refusals_stream
from domain.authority import FULL_AUTHORITY, Authority
from domain.orders.order import order_stream
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}
"""A page that shows what people wrote runs nothing, wherever it is opened."""


class TrailView(Struct, frozen=True):
    case: UUID
    order: str
    lines: Sequence[RecordedEvent]
    told: Sequence[TrailLine]
    """The same lines for people: a sentence each, and who, when, why, on what evidence."""
    refused: Sequence[RecordedEvent]
    """What somebody tried and may not: by which rule, and because of which line."""
    refusals: Sequence[TrailLine]
    """The same for people."""


def trail_of(desks: Desks, case_id: UUID, authority: Authority = FULL_AUTHORITY) -> TrailView:
    """Raises CaseNotFound."""
    lines = desks.cases.trail(case_id, authority)
    order = lines[0].order or ""
    beside = desks.log.trails([refusals_stream(case_id), order_stream(order)])
    refused = beside.get(refusals_stream(case_id), [])
    return TrailView(
        case=case_id,
        order=order,
        lines=lines,
        told=describe_lines(lines, beside.get(order_stream(order), [])),
        refused=refused,
        refusals=[describe_line(line) for line in refused],
    )


@get("/cases/{case_id:uuid}/trail", needs=Permission.READ_CASES, summary="The decision trail")
def get_trail(
    request: AuthenticatedRequest, case_id: FromPath[UUID], service: NamedDependency[Service]
) -> Response[TrailView]:
    """Every event of the case: who, when, why, with the verdict of each test of policy, as recorded
    and in words. With `Accept: text/csv` as a table, with `Accept: text/html` as a page to print."""
    trail = trail_of(service.desks, case_id, request.user.authority)
    accepted = request.headers.get("accept", "")
    if CSV in accepted:
        return _text(render_csv(trail.told), CSV)
    if HTML in accepted:
        return _text(render_page(case_id, trail.order, trail.told, trail.refusals), HTML)
    return Response(trail, headers={"Vary": "Accept"})


def _text(text: str, media_type: str) -> Response[TrailView]:
    content = text.encode()
    return Response(content, media_type=media_type, headers=_HEADERS)  # type: ignore[arg-type]
