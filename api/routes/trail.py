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
from api.routes.cases import Asking
from api.routes.trail_page import CSV, HTML, as_csv, as_page
from application.cases.trail import ToldLine, told_line, told_lines
from domain.adjustments.refusals import refusals_stream
from domain.authority import EVERYWHERE, Authority
from domain.orders.order import order_stream
from domain.permissions import Permission
from domain.recorded import Recorded

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
    lines: Sequence[Recorded]
    told: Sequence[ToldLine]
    """The same lines for people: a sentence each, and who, when, why, on what evidence."""
    refused: Sequence[Recorded]
    """What somebody tried and may not: by which rule, and because of which line."""
    refusals: Sequence[ToldLine]
    """The same for people."""


def trail_of(desks: Desks, case_id: UUID, authority: Authority = EVERYWHERE) -> TrailView:
    """Raises CaseNotFound."""
    lines = desks.cases.trail(case_id, authority)
    order = lines[0].order or ""
    beside = desks.log.trails([refusals_stream(case_id), order_stream(order)])
    refused = beside.get(refusals_stream(case_id), [])
    return TrailView(
        case=case_id,
        order=order,
        lines=lines,
        told=told_lines(lines, beside.get(order_stream(order), [])),
        refused=refused,
        refusals=[told_line(line) for line in refused],
    )


@get("/cases/{case_id:uuid}/trail", needs=Permission.READ_CASES, summary="The decision trail")
def get_trail(
    request: Asking, case_id: FromPath[UUID], service: NamedDependency[Service]
) -> Response[TrailView]:
    """Every event of the case: who, when, why, with the verdict of each test of policy, as recorded
    and in words. With `Accept: text/csv` as a table, with `Accept: text/html` as a page to print."""
    trail = trail_of(service.desks, case_id, request.user.authority)
    accepted = request.headers.get("accept", "")
    if CSV in accepted:
        return _text(as_csv(trail.told), CSV)
    if HTML in accepted:
        return _text(as_page(case_id, trail.order, trail.told, trail.refusals), HTML)
    return Response(trail, headers={"Vary": "Accept"})


def _text(text: str, media_type: str) -> Response[TrailView]:
    content = text.encode()
    return Response(content, media_type=media_type, headers=_HEADERS)  # type: ignore[arg-type]
