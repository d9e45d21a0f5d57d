"""Who could decide on an adjustment at a given time, and why others could not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.composition import Desks
from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.errors import MalformedParameter
from api.http.service import ServiceDependency
from api.http.times import require_offset
from api.routes.people import At
from application.money.eligibility import PERMISSION_BY_DUTY, Candidate
from domain.adjustments.kinds import Duty
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent


class WhoCouldView(Struct, frozen=True):
    case: UUID
    adjustment: UUID
    duty: Duty
    as_of: datetime
    people: Sequence[Candidate]


@get(
    "/cases/{case_id:uuid}/adjustments/{adjustment_id:uuid}/who-could",
    needs=Permission.READ_CASES,
    summary="List who can decide on an adjustment",
)
def who_could(
    request: AuthenticatedRequest,
    case_id: FromPath[UUID],
    adjustment_id: FromPath[UUID],
    service: ServiceDependency,
    duty: Annotated[
        Duty, QueryParameter(description="approve, execute or reconcile")
    ] = Duty.APPROVE,
    moment: At = None,
) -> WhoCouldView:
    """Every person at that time, with the roles that reach the case, and each rule that bars the
    person, with the act in the trail that it follows from. It uses the grants, duties and policy of
    that time."""
    if moment is not None:
        require_offset("at", moment)
    lines = service.desks.cases.trail(case_id, request.user.authority)
    return who_could_view(service.desks, lines, adjustment_id, duty, moment)


def who_could_view(
    desks: Desks,
    lines: Sequence[RecordedEvent],
    adjustment_id: UUID,
    duty: Duty,
    moment: datetime | None,
) -> WhoCouldView:
    """Raises MalformedParameter, AdjustmentNotFound. `lines`: the trail of the adjustment's case."""
    require_adjustment_duty(duty)
    now = moment or desks.clock()
    people = desks.who_could.look(lines, adjustment_id, duty, now)
    return WhoCouldView(lines[0].stream, adjustment_id, duty, now, people)


def require_adjustment_duty(duty: Duty) -> None:
    """Raises MalformedParameter."""
    if duty not in PERMISSION_BY_DUTY:
        raise MalformedParameter(
            f"duty={duty} does not decide on an adjustment; use approve, execute or reconcile"
        )
