"""Questions about one decision on an adjustment: who could have, and who did."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from api.routes.questions.question import Asking, Question, Sources
from api.routes.who_could import WhoCouldView, who_could_view
from domain.adjustments.kinds import Duty

Case = Annotated[UUID, Meta(description="The case.")]
Adjustment = Annotated[UUID, Meta(description="The adjustment.")]


class AboutDecision(Asking, frozen=True, kw_only=True):
    case: Case
    adjustment: Adjustment
    duty: Annotated[Duty, Meta(description="approve, execute or reconcile")] = Duty.APPROVE
    at: Annotated[
        datetime | None,
        Meta(description="As it was recorded until then: an RFC 3339 time; left out: now."),
    ] = None


def who_could_have(sources: Sources, asked: AboutDecision) -> WhoCouldView:
    """Everybody who was here at that time, with the roles that reached the case, and each rule that
    stood against the person."""
    lines = sources.desks.cases.trail(asked.case)
    return who_could_view(sources.desks, lines, asked.adjustment, asked.duty, asked.at)


DECISIONS = (
    Question(
        number=1,
        name="who_could_have",
        asking=AboutDecision,
        gives=WhoCouldView,
        answer=who_could_have,
        routes=("GET /v1/cases/{case_id}/adjustments/{adjustment_id}/who-could",),
    ),
)
