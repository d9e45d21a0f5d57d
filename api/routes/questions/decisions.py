"""Questions about decisions: who could make one, who did, under which policy, on which facts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from api.routes.eligibility import WhoCouldView, require_adjustment_duty, who_could_view
from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from api.routes.questions.times import AsOfTime
from application.audit import decisions as answers
from application.audit.why_not import WhyNotReport, explain_why_not
from application.cases.trail import UnshownSignal, describe_lines
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import refusals_stream
from domain.cases.errors import NoSuchVersion
from domain.struct_fields import fill

CaseId = Annotated[UUID, Meta(description="The id of the case.")]
AdjustmentId = Annotated[UUID, Meta(description="The id of the adjustment.")]
OptionalDuty = Annotated[Duty, Meta(description="approve, execute or reconcile [approve].")]
DecisionVersion = Annotated[
    int | None,
    Meta(description="The version of the decision in the case's trail [every decision]."),
]


class DecisionParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    adjustment: AdjustmentId
    duty: OptionalDuty = Duty.APPROVE
    at: AsOfTime = None


class PersonParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    adjustment: AdjustmentId
    person: Annotated[str, Meta(description="Any name of the person.")]
    duty: OptionalDuty = Duty.APPROVE
    at: AsOfTime = None


class AdjustmentParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    adjustment: AdjustmentId


class TrailLineParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    version: DecisionVersion = None


class ActsAnswer(Struct, frozen=True):
    acts: Sequence[answers.AdjustmentAct]


class SeenPackets(Struct, frozen=True):
    """The packets of decisions. `unchanged` is true if every packet, and all that a decision refers to,
    was hashed now and has its digest; false if a digest differs; null if erased personal data makes a
    digest impossible to compute, or if there is no decision."""

    unchanged: bool | None
    decisions: Sequence[answers.SeenPacket]


class DecisionNotShown(Struct, frozen=True, kw_only=True):
    """A person's decision on a packet, and the signals recorded by then that the packet does not use."""

    version: int
    type: str
    said: str
    who: str
    recorded_at: datetime
    packet: str
    not_shown: Sequence[UnshownSignal]


class NotShownAnswer(Struct, frozen=True):
    decisions: Sequence[DecisionNotShown]


def who_could_have(sources: AnswerSources, given: DecisionParameters) -> WhoCouldView:
    """Every person at that time, with the roles that reach the case, and each rule that barred the
    person."""
    lines = sources.desks.cases.trail(given.case)
    return who_could_view(sources.desks, lines, given.adjustment, given.duty, given.at)


def who_did(sources: AnswerSources, given: AdjustmentParameters) -> ActsAnswer:
    """Every act on the adjustment: by whom, on whose behalf, with which key or login, through which
    agents, and who got a duty by it."""
    return ActsAnswer(
        answers.list_adjustment_acts(sources.desks.cases.trail(given.case), given.adjustment)
    )


def why_could_not(sources: AnswerSources, given: PersonParameters) -> WhyNotReport:
    """Each rule that barred the person at that time, with the act that it follows from; and the person's
    refused attempts in this case until then, and requests that were refused by permission or scope."""
    require_adjustment_duty(given.duty)
    desks = sources.desks
    return explain_why_not(
        desks.log,
        desks.who_could,
        desks.cases.trail(given.case),
        desks.log.trail(refusals_stream(given.case)),
        given.adjustment,
        given.duty,
        given.person,
        given.at or desks.clock(),
    )


def under_which(sources: AnswerSources, given: AdjustmentParameters) -> answers.ApprovalBasis:
    """What the policy required, its version and digest, whether it is the document in the log and was
    active then, and each approval's limit, looked up again."""
    desks = sources.desks
    lines = desks.cases.trail(given.case)
    governance = desks.policy.refresh()
    matrix = desks.policy.matrix
    return answers.find_approval_basis(lines, given.adjustment, governance, matrix)


def what_was_seen(sources: AnswerSources, given: TrailLineParameters) -> SeenPackets:
    """The packet of each decision, as bytes and as facts, with its digest computed again; and whether the
    decision refers to what was proposed."""
    lines = sources.desks.cases.trail(given.case)
    found = answers.find_seen_packets(lines, _require_version(given.version, len(lines)))
    states = {packet.unchanged for packet in found}
    unchanged = False if False in states else True if states == {True} else None
    return SeenPackets(unchanged, found)


def what_was_not_shown(sources: AnswerSources, given: TrailLineParameters) -> NotShownAnswer:
    """For each person's decision on a packet: the signals of the order that were recorded by then and that
    the packet does not use."""
    lines = sources.desks.cases.trail(given.case)
    version = _require_version(given.version, len(lines))
    described = describe_lines(lines, sources.order_trail(lines))
    return NotShownAnswer(
        [
            fill(DecisionNotShown, line, packet=line.packet or "")
            for line in described
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
    Question(number=2, answer=who_did, routes=_TRAIL, commands=_TRAIL_COMMAND),
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
    Question(number=6, answer=what_was_not_shown, routes=_TRAIL, commands=_TRAIL_COMMAND),
)
