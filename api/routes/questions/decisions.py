"""Questions about decisions: who could have made one, who did, under what, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from api.routes.questions.question import Asking, Question, Sources
from api.routes.questions.times import At
from api.routes.who_could import WhoCouldView, must_be_decided, who_could_view
from application.audit.decisions import Act, Seen, Under, acts_on, seen, under
from application.audit.why_not import CouldNot, why_not
from application.cases.trail import NotShown, told_lines
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import refusals_stream
from domain.cases.errors import NoSuchVersion

Case = Annotated[UUID, Meta(description="The case.")]
Adjustment = Annotated[UUID, Meta(description="The adjustment.")]
OfDuty = Annotated[Duty, Meta(description="approve (if left out), execute or reconcile")]
Version = Annotated[
    int | None,
    Meta(description="The decision's version in the case's trail; left out: every decision."),
]


class AboutDecision(Asking, frozen=True, kw_only=True):
    case: Case
    adjustment: Adjustment
    duty: OfDuty = Duty.APPROVE
    at: At = None


class AboutPerson(Asking, frozen=True, kw_only=True):
    case: Case
    adjustment: Adjustment
    person: Annotated[str, Meta(description="The person, by any name.")]
    duty: OfDuty = Duty.APPROVE
    at: At = None


class AboutAdjustment(Asking, frozen=True, kw_only=True):
    case: Case
    adjustment: Adjustment


class AboutLine(Asking, frozen=True, kw_only=True):
    case: Case
    version: Version = None


class Acts(Struct, frozen=True):
    acts: Sequence[Act]


class AllSeen(Struct, frozen=True):
    """`unchanged` unless a packet, or what a decision is bound to, has another digest than it had: as far
    as nothing personal in it was erased."""

    unchanged: bool
    decisions: Sequence[Seen]


class Hidden(Struct, frozen=True, kw_only=True):
    """A decision of a person on a packet, and the signals that were recorded by then and on which
    nothing in that packet rests."""

    version: int
    type: str
    said: str
    who: str
    recorded_at: datetime
    packet: str
    not_shown: Sequence[NotShown]


class AllHidden(Struct, frozen=True):
    decisions: Sequence[Hidden]


def who_could_have(sources: Sources, asked: AboutDecision) -> WhoCouldView:
    """Everybody who was here at that time, with the roles that reached the case, and each rule that
    stood against the person."""
    lines = sources.desks.cases.trail(asked.case)
    return who_could_view(sources.desks, lines, asked.adjustment, asked.duty, asked.at)


def who_did(sources: Sources, asked: AboutAdjustment) -> Acts:
    """Everything that was done about the adjustment: by whom, for whom, with which key or login,
    through which agents, and whose duty it became."""
    return Acts(acts_on(sources.desks.cases.trail(asked.case), asked.adjustment))


def why_could_not(sources: Sources, asked: AboutPerson) -> CouldNot:
    """Each rule that stood against the person at that time, with the act that it followed from; and
    what the person tried in this case until then and was refused."""
    must_be_decided(asked.duty)
    desks = sources.desks
    return why_not(
        desks.who_could,
        desks.cases.trail(asked.case),
        desks.log.trail(refusals_stream(asked.case)),
        asked.adjustment,
        asked.duty,
        asked.person,
        asked.at or desks.clock(),
    )


def under_which(sources: Sources, asked: AboutAdjustment) -> Under:
    """What the policy required, by which version and digest, whether that is the document in the log
    and decided then, and each approval's limit, looked up again."""
    desks = sources.desks
    lines = desks.cases.trail(asked.case)
    governance = desks.policy.refresh()
    matrix = desks.policy.matrix
    return under(lines, asked.adjustment, governance, matrix)


def what_was_seen(sources: Sources, asked: AboutLine) -> AllSeen:
    """The packet of each decision, as its bytes and as facts, with its digest worked out anew; and
    whether what the decision is bound to is still what was proposed."""
    lines = sources.desks.cases.trail(asked.case)
    found = seen(lines, _known(asked.version, len(lines)))
    return AllSeen(all(one.unchanged is not False for one in found), found)


def what_was_not_shown(sources: Sources, asked: AboutLine) -> AllHidden:
    """Beside each decision of a person on a packet: what the log had of the order by then, and the
    packet did not rest on."""
    lines = sources.desks.cases.trail(asked.case)
    version = _known(asked.version, len(lines))
    told = told_lines(lines, sources.order_trail(lines))
    return AllHidden(
        [
            Hidden(
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


def _known(version: int | None, of: int) -> int | None:
    """Raises NoSuchVersion."""
    if version is not None and not 1 <= version <= of:
        raise NoSuchVersion(f"the case has versions 1 to {of}, not {version}")
    return version


_TRAIL = ("GET /v1/cases/{case_id}/trail",)
_TRAIL_COMMAND = ("casetrail case trail",)
DECISIONS = (
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
        holds=lambda found: found.unchanged,
        routes=("GET /v1/cases/{case_id}/packets/{digest}",),
    ),
    Question(
        number=6,
        answer=what_was_not_shown,
        routes=_TRAIL,
        commands=_TRAIL_COMMAND,
    ),
)
