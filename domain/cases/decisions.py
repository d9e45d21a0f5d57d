"""What people may do with a case, and what time does to it: decisions that return events."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct, structs

from domain.adjustments.errors import AdjustmentsOpen
from domain.cases import steps
from domain.cases.errors import (
    CaseAlreadyResolved,
    CaseNotOpen,
    CaseNotResolved,
    CaseNotWaiting,
    CaseNotYours,
    EvidenceMissing,
    NoNextOwner,
    NoSuchVersion,
    NoTermsFit,
    QueueNotFound,
)
from domain.cases.events import CaseEvent, Enriched, Reopened, Resolution, Resolved
from domain.cases.evidence import Evidence, EvidenceRef, EvidenceType
from domain.cases.exception_case import CaseState, ExceptionCase
from domain.cases.packet import packet_digest, packet_of
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.step_events import Held, HoldReleased, TaskCreated, TaskDone, TaskDropped
from domain.cases.timing import RoleMembers, next_rung
from domain.cases.work_commands import DeclareError, HandOff, LinkCase, StartWait
from domain.cases.work_events import (
    CaseReleased,
    Claimed,
    ErrorDeclared,
    Escalated,
    EscalationCause,
    EvidenceAttached,
    HandedOff,
    Linked,
    Note,
    NoteAdded,
    RequiredNote,
    Retermed,
    WaitEnd,
    WaitEnded,
    WaitStarted,
)
from domain.clock.clock import Clock, ClockChange, ClockChangeKind
from domain.clock.terms import Measure
from domain.errors import Fault, Invalid
from domain.orders.order import Order
from domain.policy.decision import Decision
from domain.policy.document import Ladder
from domain.policy.document_types import Name
from domain.policy.rulebook import Rulebook

HAND_OFF_RULE = "handed-off"
"""A rule of no policy: somebody decided."""


class NextOwner(Struct, frozen=True, kw_only=True):
    """A queue with its team, or a person of it; and what must be attached to hand over to it."""

    queue: Name
    owner_team: Name
    person: str | None = None
    requires: tuple[EvidenceType, ...] = ()
    ladder: Ladder | None = None
    lease: timedelta | None = None


def next_owner(case: ExceptionCase, ask: HandOff, rulebook: Rulebook) -> NextOwner:
    """Raises NoNextOwner, QueueNotFound."""
    if ask.to_queue is None and ask.to_person is None:
        raise NoNextOwner("neither to_queue nor to_person is named")
    name = ask.to_queue or case.queue
    queue = rulebook.document.queues.get(name)
    if queue is None:
        raise QueueNotFound(f"no queue {name}")
    if name == case.queue and ask.to_person == case.person:
        raise NoNextOwner(f"{case.owner} of {name} has case {case.id} already")
    return NextOwner(
        queue=name,
        owner_team=queue.owner_team,
        person=ask.to_person,
        requires=queue.hand_off_requires if name != case.queue else (),
        ladder=rulebook.ladder(name),
        lease=queue.claim_lease if ask.to_person is not None else None,
    )


def claim(case: ExceptionCase, person: str, lease: timedelta | None = None) -> Claimed:
    """Take an open case; or take up again one's own whose wait has ended."""
    if case.state is not CaseState.OPEN and not (case.ownership.resumed and case.person == person):
        holder = f"{case.person} holds it" if case.person else f"it is {case.state}"
        raise CaseNotOpen(f"case {case.id} cannot be claimed: {holder}", state=case.state)
    return Claimed(person=person, lease=lease)


def release(case: ExceptionCase, person: str, note: Note) -> CaseReleased:
    require_claimed_by(case, person)
    return CaseReleased(note=note)


def hand_off(
    case: ExceptionCase,
    person: str,
    to: NextOwner,
    note: RequiredNote,
    evidence: tuple[EvidenceRef, ...] = (),
) -> HandedOff:
    """One's own case, or one that nobody holds, goes to its next owner.

    Of a resolved one only who answers for it changes: another queue, and nobody to work on it.
    """
    if not case.is_resolved or to.person is not None or to.queue == case.queue:
        _require_unclaimed_or_claimed_by(case, person)
    require_evidence(case, to.requires, f"to hand case {case.id} to {to.queue}")
    return HandedOff(
        from_queue=case.queue,
        from_person=case.person,
        to_queue=to.queue,
        owner_team=to.owner_team,
        to_person=to.person,
        note=note,
        evidence=evidence,
        ladder=to.ladder,
        lease=to.lease,
    )


def wait(case: ExceptionCase, person: str, ask: StartWait) -> list[CaseEvent]:
    """Wait for somebody else; a wait for another ends the one before."""
    _require_unclaimed_or_claimed_by(case, person)
    started = WaitStarted(
        dependency=ask.dependency, party=ask.party, note=ask.note, expected_by=ask.expected_by
    )
    if case.waiting is None:
        return [started]
    return [WaitEnded(how=WaitEnd.RESUMED), started]


def resume(case: ExceptionCase, person: str, note: Note) -> WaitEnded:
    _require_unclaimed_or_claimed_by(case, person)
    if case.waiting is None:
        raise CaseNotWaiting(f"case {case.id} is {case.state}", state=case.state)
    return WaitEnded(how=WaitEnd.RESUMED, note=note)


def add_note(case: ExceptionCase, note: RequiredNote) -> NoteAdded:
    return NoteAdded(note=note)


def attach_evidence(case: ExceptionCase, evidence: Evidence) -> EvidenceAttached:
    return EvidenceAttached(evidence=evidence)


def add_task(case: ExceptionCase, ask: AddTask) -> TaskCreated:
    _require_not_resolved(case)
    return steps.add_task(case.steps, ask, case.ownership.team)


def complete_task(case: ExceptionCase, ask: CompleteTask) -> TaskDone:
    _require_not_resolved(case)
    steps.require_open_task(case.steps, ask.task)
    return TaskDone(task=ask.task, note=ask.note)


def drop_task(case: ExceptionCase, ask: DropTask) -> TaskDropped:
    _require_not_resolved(case)
    steps.require_open_task(case.steps, ask.task)
    return TaskDropped(task=ask.task, note=ask.note)


def place_hold(case: ExceptionCase, ask: PlaceHold) -> Held:
    _require_not_resolved(case)
    return steps.place_hold(case.steps, ask)


def release_hold(case: ExceptionCase, ask: ReleaseHold) -> HoldReleased:
    return steps.release_hold(case.steps, ask.hold, ask.note)


def escalate(case: ExceptionCase, note: RequiredNote, staff: RoleMembers) -> Escalated:
    """By hand: the next rung of the case's ladder is told."""
    _require_not_resolved(case)
    if case.timing.ladder is None:
        return Escalated(cause=EscalationCause.BY_HAND, rung=0, to=None, note=note)
    return next_rung(case.timing.ladder, case.timing.rung, EscalationCause.BY_HAND, staff, note)


def reterm(case: ExceptionCase, note: RequiredNote, now: datetime, rulebook: Rulebook) -> Retermed:
    """The terms that policy has now, for a case whose clock runs under older ones.

    Raises NoTermsFit.
    """
    _require_not_resolved(case)
    assert case.routed is not None
    found = rulebook.service(case.routed.work_type, case.tier)
    if found is None or case.timing.clock.terms is None:
        raise NoTermsFit(f"no service level fits work of type {case.routed.work_type}")
    service, terms = found
    before = case.timing.clock.as_of(now)
    moment = ClockChange(at=now, change=ClockChangeKind.RETERMED, terms=terms)
    return Retermed(
        service=service,
        policy=rulebook.version,
        terms=terms,
        note=note,
        due_before=_due_times(before),
        due_after=_due_times(before.after(moment)),
    )


def _due_times(clock: Clock) -> dict[Measure, datetime]:
    return {m: run.due_at for m, run in clock.runs.items() if run.due_at and run.is_running}


def link(case: ExceptionCase, other: ExceptionCase, ask: LinkCase) -> Linked:
    """The other stays as it is: an original is never merged away."""
    if case.id == other.id:
        raise Invalid([Fault("/case", "a case cannot be linked to itself")], "the link")
    return Linked(link=ask.link, case=other.id, note=ask.note)


def declare_error(case: ExceptionCase, ask: DeclareError) -> ErrorDeclared:
    if ask.about > case.version:
        raise NoSuchVersion(f"case {case.id} has versions 1 to {case.version}, not {ask.about}")
    return ErrorDeclared(about=ask.about, reason=ask.reason, note=ask.note)


def resolve(
    case: ExceptionCase,
    person: str,
    resolution: Resolution,
    order: Order | None,
    required: Collection[EvidenceType] = (),
) -> list[CaseEvent]:
    """End it, on what is known of the order now: if that has changed since it was last told, the
    trail tells it first. What policy requires for the reason must be attached, and be named."""
    require_claimed_by(case, person)
    steps.require_no_open_steps(case.steps)
    if live := case.adjustments.live:
        told = [{"id": str(one.id), "state": one.state.value} for one in live]
        raise AdjustmentsOpen(f"case {case.id} has {len(live)} of them", adjustments=told)
    require_evidence(
        case, required, f"to resolve case {case.id} as {resolution.reason}", resolution.evidence
    )
    packet = packet_of(order) if order is not None else ()
    digest = packet_digest(packet)
    known: list[CaseEvent] = [Enriched(packet=packet, digest=digest)] * (digest != case.packet)
    return [*known, Resolved(resolution=resolution, packet=digest)]


def reopen(case: ExceptionCase, note: RequiredNote) -> tuple[CaseEvent, ...]:
    """Back to work, in the queue that it was in."""
    if not case.is_resolved:
        raise CaseNotResolved(f"case {case.id} is {case.state}", state=case.state)
    routed = case.routed
    assert routed is not None
    if routed.queue != case.queue:
        decision = Decision(policy=routed.decision.policy, rule=HAND_OFF_RULE, verdicts=())
        routed = structs.replace(
            routed, queue=case.queue, owner_team=case.ownership.team, decision=decision
        )
    return Reopened(note=note), routed


def _require_not_resolved(case: ExceptionCase) -> None:
    if case.is_resolved:
        raise CaseAlreadyResolved(f"case {case.id} is resolved", state=case.state)


def require_claimed_by(case: ExceptionCase, person: str) -> None:
    """Raises CaseAlreadyResolved, CaseNotYours."""
    _require_not_resolved(case)
    if case.person != person:
        holder = case.person or "nobody"
        raise CaseNotYours(f"{holder} holds case {case.id}, not {person}", owner=case.person)


def _require_unclaimed_or_claimed_by(case: ExceptionCase, person: str) -> None:
    _require_not_resolved(case)
    if case.person is not None:
        require_claimed_by(case, person)


def require_evidence(
    case: ExceptionCase,
    required: Collection[EvidenceType],
    what: str,
    named: Collection[EvidenceRef] | None = None,
) -> None:
    """Raises EvidenceMissing."""
    there = {one.type for one in case.evidence if named is None or one.ref in named}
    if missing := [str(kind) for kind in required if kind not in there]:
        raise EvidenceMissing(f"{what}, attach: {', '.join(missing)}", missing=missing)
