"""Questions about decisions: who could have made one, who did, under what, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from api.routes.eligibility import WhoCouldView, require_adjustment_duty, who_could_view
from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from api.routes.questions.times import AsOfTime
from application.audit.decisions import (
    AdjustmentAct,
    ApprovalBasis,
    SeenPacket,
    find_approval_basis,
    find_seen_packets,
    list_adjustment_acts,
)
from application.audit.why_not import WhyNotReport, explain_why_not
from application.cases.trail import UnshownSignal, describe_lines
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import refusals_stream
from domain.cases.errors import NoSuchVersion

CaseId = Annotated[UUID, Meta(description="The case.")]
AdjustmentId = Annotated[UUID, Meta(description="The adjustment.")]
OptionalDuty = Annotated[Duty, Meta(description="approve (if left out), execute or reconcile")]
DecisionVersion = Annotated[
    int | None,
    Meta(description="The decision's version in the case's trail; left out: every decision."),
]


class DecisionParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    adjustment: AdjustmentId
    duty: OptionalDuty = Duty.APPROVE
    at: AsOfTime = None


class PersonParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    adjustment: AdjustmentId
    person: Annotated[str, Meta(description="The person, by any name.")]
    duty: OptionalDuty = Duty.APPROVE
    at: AsOfTime = None


class AdjustmentParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    adjustment: AdjustmentId


class TrailLineParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    version: DecisionVersion = None


class ActsAnswer(Struct, frozen=True):
    acts: Sequence[AdjustmentAct]


class SeenPackets(Struct, frozen=True):
    """`unchanged` is true only if every packet, and all that a decision is bound to, was hashed now and
    has its digest. It is false if one has another digest, and null if something personal in a packet was
    erased, so that its digest cannot be worked out, or there is no decision."""

    unchanged: bool | None
    decisions: Sequence[SeenPacket]


class DecisionNotShown(Struct, frozen=True, kw_only=True):
    """A decision of a person on a packet, and the signals that were recorded by then and on which
    nothing in that packet rests."""

    version: int
    type: str
    said: str
    who: str
    recorded_at: datetime
    packet: str
    not_shown: Sequence[UnshownSignal]


class NotShownAnswer(Struct, frozen=True):
    decisions: Sequence[DecisionNotShown]


def who_could_have(sources: AnswerSources, asked: DecisionParameters) -> WhoCouldView:
    """Everybody who was here at that time, with the roles that reached the case, and each rule that
    stood against the person."""
    lines = sources.desks.cases.trail(asked.case)
    return who_could_view(sources.desks, lines, asked.adjustment, asked.duty, asked.at)


def who_did(sources: AnswerSources, asked: AdjustmentParameters) -> ActsAnswer:
    """Everything that was done about the adjustment: by whom, for whom, with which key or login,
    through which agents, and whose duty it became."""
    return ActsAnswer(list_adjustment_acts(sources.desks.cases.trail(asked.case), asked.adjustment))


def why_could_not(sources: AnswerSources, asked: PersonParameters) -> WhyNotReport:
    """Each rule that stood against the person at that time, with the act that it followed from; and
    what the person tried in this case until then and was refused."""
    require_adjustment_duty(asked.duty)
    desks = sources.desks
    return explain_why_not(
        desks.who_could,
        desks.cases.trail(asked.case),
        desks.log.trail(refusals_stream(asked.case)),
        asked.adjustment,
        asked.duty,
        asked.person,
        asked.at or desks.clock(),
    )


def under_which(sources: AnswerSources, asked: AdjustmentParameters) -> ApprovalBasis:
    """What the policy required, by which version and digest, whether that is the document in the log
    and decided then, and each approval's limit, looked up again."""
    desks = sources.desks
    lines = desks.cases.trail(asked.case)
    governance = desks.policy.refresh()
    matrix = desks.policy.matrix
    return find_approval_basis(lines, asked.adjustment, governance, matrix)


def what_was_seen(sources: AnswerSources, asked: TrailLineParameters) -> SeenPackets:
    """The packet of each decision, as its bytes and as facts, with its digest worked out anew; and
    whether what the decision is bound to is still what was proposed."""
    lines = sources.desks.cases.trail(asked.case)
    found = find_seen_packets(lines, _require_version(asked.version, len(lines)))
    told = {one.unchanged for one in found}
    return SeenPackets(False if False in told else True if told == {True} else None, found)


def what_was_not_shown(sources: AnswerSources, asked: TrailLineParameters) -> NotShownAnswer:
    """Beside each decision of a person on a packet: what the log had of the order by then, and the
    packet did not rest on."""
    lines = sources.desks.cases.trail(asked.case)
    version = _require_version(asked.version, len(lines))
    told = describe_lines(lines, sources.order_trail(lines))
    return NotShownAnswer(
        [
            DecisionNotShown(
                version=line.version,
                type=line.type,
                said=line.said,
                who=line.who,
                recorded_at=line.recorded_at,
                packet=line.packet or "",
                not_shown=line.not_shown,
            )
            for line in told
            if line.not_shown is not None and version in (None, line.version)
        ]
    )


def _require_version(version: int | None, of: int) -> int | None:
    """Raises NoSuchVersion."""
    if version is not None and not 1 <= version <= of:
        raise NoSuchVersion(f"the case has versions 1 to {of}, not {version}")
    return version


_TRAIL = ("GET /v1/cases/{case_id}/trail",)
_TRAIL_COMMAND = ("casetrail case trail",)
DECISION_QUESTIONS = (
    Question(
        number=1,
        answer=who_could_have,
        routes=("GET /v1/cases/{case_id}/adjustments/{adjustment_id}/who-could",),
    ),
    Question(
        number=2,
        answer=who_did,
        routes=_TRAIL,
        commands=_TRAIL_COMMAND,
    ),
    Question(
        number=3,
        answer=why_could_not,
        routes=("GET /v1/cases/{case_id}/adjustments/{adjustment_id}/who-could",),
    ),
    Question(number=4, answer=under_which),
    Question(
        number=5,
        answer=what_was_seen,
        holds=lambda found: found.unchanged is not False,
        routes=("GET /v1/cases/{case_id}/packets/{digest}",),
    ),
    Question(
        number=6,
        answer=what_was_not_shown,
        routes=_TRAIL,
        commands=_TRAIL_COMMAND,
    ),
)
