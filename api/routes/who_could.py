"""Who could have decided on an adjustment, at any time, and who could not and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.composition import Desks
from api.http.concurrency import get
from api.http.errors import MalformedParameter
from api.http.query import only_known
from api.http.service import Service
from api.http.times import must_have_zone
from api.routes.cases import Asking
from application.money.eligibility import NEEDS, Candidate
from domain.adjustments.kinds import Duty
from domain.permissions import Permission
from domain.recorded import Recorded


class WhoCouldView(Struct, frozen=True):
    case: UUID
    adjustment: UUID
    duty: Duty
    as_of: datetime
    people: Sequence[Candidate]


@get(
    "/cases/{case_id:uuid}/adjustments/{adjustment_id:uuid}/who-could",
    needs=Permission.READ_CASES,
    summary="Who could have decided on an adjustment, and why the others not",
)
def who_could(
    request: Asking,
    case_id: FromPath[UUID],
    adjustment_id: FromPath[UUID],
    service: NamedDependency[Service],
    duty: Annotated[
        Duty, QueryParameter(description="approve, execute or reconcile")
    ] = Duty.APPROVE,
    moment: Annotated[
        datetime | None,
        QueryParameter(name="at", description="As it was recorded until then: an RFC 3339 time."),
    ] = None,
) -> WhoCouldView:
    """Everybody who was here at that time: the roles that reached the case, and each rule that stood
    against the person, with the act in the trail that it followed from. By the grants, the duties
    and the policy of that time, not of today."""
    only_known(request, "duty", "at")
    if moment is not None:
        must_have_zone("at", moment)
    lines = service.desks.cases.trail(case_id, request.user.authority)
    return who_could_view(service.desks, lines, adjustment_id, duty, moment)


def who_could_view(
    desks: Desks,
    lines: Sequence[Recorded],
    adjustment_id: UUID,
    duty: Duty,
    moment: datetime | None,
) -> WhoCouldView:
    """Of an adjustment in the case with these lines. Raises MalformedParameter, AdjustmentNotFound."""
    must_be_decided(duty)
    now = moment or desks.clock()
    people = desks.who_could.look(lines, adjustment_id, duty, now)
    return WhoCouldView(lines[0].stream, adjustment_id, duty, now, people)


def must_be_decided(duty: Duty) -> None:
    """Raises MalformedParameter."""
    if duty not in NEEDS:
        raise MalformedParameter(f"duty={duty} is everybody's who works the case")
