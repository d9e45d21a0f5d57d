"""The decision trail of a case."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from api.routes.cases import Asking
from api.service import Service
from api.threads import get
from domain.adjustments.refusals import refusals_stream
from domain.authority import Permission
from domain.recorded import Recorded


class TrailView(Struct, frozen=True):
    case: UUID
    order: str
    lines: Sequence[Recorded]
    refused: Sequence[Recorded]
    """What somebody tried and may not: by which rule, and because of which line."""


@get("/cases/{case_id:uuid}/trail", needs=Permission.READ_CASES, summary="The decision trail")
def get_trail(
    request: Asking, case_id: FromPath[UUID], service: NamedDependency[Service]
) -> TrailView:
    """Every event of the case: who, when, why, with the verdict of each test of policy."""
    lines = service.desks.cases.trail(case_id, request.user.authority)
    refused = service.desks.log.trail(refusals_stream(case_id))
    return TrailView(case_id, lines[0].order or "", lines, refused)
