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
from domain.cases.exception_case import ExceptionCase, State
from domain.cases.packet import packet_digest, packet_of
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.step_events import Held, HoldReleased, TaskCreated, TaskDone, TaskDropped
from domain.cases.timing import Staff, next_rung
from domain.cases.work_commands import DeclareError, HandOff, LinkTo, StartWait
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
    Retermed,
    SaidNote,
    WaitEnd,
    WaitEnded,
    WaitStarted,
)
from domain.clock.clock import Change, Clock, Moment
from domain.clock.terms import Measure
from domain.errors import Fault, Invalid
from domain.orders.order import Order
from domain.policy.decision import Decision
from domain.policy.document import Ladder
from domain.policy.parts import Name
from domain.policy.rulebook import Rulebook

HANDED_OFF = "handed-off"
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
    if case.state is not State.OPEN and not (case.ownership.resumed and case.person == person):
        holder = f"{case.person} holds it" if case.person else f"it is {case.state}"
        raise CaseNotOpen(f"case {case.id} cannot be claimed: {holder}", state=case.state)
    return Claimed(person=person, lease=lease)


def release(case: ExceptionCase, person: str, note: Note) -> CaseReleased:
    must_be_held_by(case, person)
    return CaseReleased(note=note)


def hand_off(
    case: ExceptionCase,
    person: str,
    to: NextOwner,
    note: SaidNote,
    evidence: tuple[EvidenceRef, ...] = (),
) -> HandedOff:
    """One's own case, or one that nobody holds, goes to its next owner.

    Of a resolved one only who answers for it changes: another queue, and nobody to work on it.
    """
    if not case.is_resolved or to.person is not None or to.queue == case.queue:
        _must_be_free_or_held_by(case, person)
    must_have(case, to.requires, f"to hand case {case.id} to {to.queue}")
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
    _must_be_free_or_held_by(case, person)
    started = WaitStarted(
        dependency=ask.dependency, party=ask.party, note=ask.note, expected_by=ask.expected_by
    )
    if case.waiting is None:
        return [started]
    return [WaitEnded(how=WaitEnd.RESUMED), started]


def resume(case: ExceptionCase, person: str, note: Note) -> WaitEnded:
    _must_be_free_or_held_by(case, person)
    if case.waiting is None:
        raise CaseNotWaiting(f"case {case.id} is {case.state}", state=case.state)
    return WaitEnded(how=WaitEnd.RESUMED, note=note)


def add_note(case: ExceptionCase, note: SaidNote) -> NoteAdded:
    return NoteAdded(note=note)


def attach(case: ExceptionCase, evidence: Evidence) -> EvidenceAttached:
    return EvidenceAttached(evidence=evidence)


def add_task(case: ExceptionCase, ask: AddTask) -> TaskCreated:
    _must_not_be_resolved(case)
    return steps.add_task(case.steps, ask, case.ownership.team)


def complete_task(case: ExceptionCase, ask: CompleteTask) -> TaskDone:
    _must_not_be_resolved(case)
    steps.must_be_open(case.steps, ask.task)
    return TaskDone(task=ask.task, note=ask.note)


def drop_task(case: ExceptionCase, ask: DropTask) -> TaskDropped:
    _must_not_be_resolved(case)
    steps.must_be_open(case.steps, ask.task)
    return TaskDropped(task=ask.task, note=ask.note)


def place_hold(case: ExceptionCase, ask: PlaceHold) -> Held:
    _must_not_be_resolved(case)
    return steps.place_hold(case.steps, ask)


def release_hold(case: ExceptionCase, ask: ReleaseHold) -> HoldReleased:
    return steps.release_hold(case.steps, ask.hold, ask.note)


def escalate(case: ExceptionCase, note: SaidNote, staff: Staff) -> Escalated:
    """By hand: the next rung of the case's ladder is told."""
    _must_not_be_resolved(case)
    if case.timing.ladder is None:
        return Escalated(cause=EscalationCause.BY_HAND, rung=0, to=None, note=note)
    return next_rung(case.timing.ladder, case.timing.rung, EscalationCause.BY_HAND, staff, note)


def reterm(case: ExceptionCase, note: SaidNote, now: datetime, rulebook: Rulebook) -> Retermed:
    """The terms that policy has now, for a case whose clock runs under older ones.

    Raises NoTermsFit.
    """
    _must_not_be_resolved(case)
    assert case.routed is not None
    found = rulebook.service(case.routed.work_type, case.tier)
    if found is None or case.timing.clock.terms is None:
        raise NoTermsFit(f"no service level fits work of type {case.routed.work_type}")
    service, terms = found
    before = case.timing.clock.as_of(now)
    moment = Moment(at=now, change=Change.RETERMED, terms=terms)
    return Retermed(
        service=service,
        policy=rulebook.version,
        terms=terms,
        note=note,
        due_before=_dues(before),
        due_after=_dues(before.after(moment)),
    )


def _dues(clock: Clock) -> dict[Measure, datetime]:
    return {m: run.due_at for m, run in clock.runs.items() if run.due_at and run.is_running}


def link(case: ExceptionCase, other: ExceptionCase, ask: LinkTo) -> Linked:
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
    must_be_held_by(case, person)
    steps.must_be_settled(case.steps)
    if live := case.adjustments.live:
        told = [{"id": str(one.id), "state": one.state.value} for one in live]
        raise AdjustmentsOpen(f"case {case.id} has {len(live)} of them", adjustments=told)
    must_have(
        case, required, f"to resolve case {case.id} as {resolution.reason}", resolution.evidence
    )
    packet = packet_of(order) if order is not None else ()
    digest = packet_digest(packet)
    known: list[CaseEvent] = [Enriched(packet=packet, digest=digest)] * (digest != case.packet)
    return [*known, Resolved(resolution=resolution, packet=digest)]


def reopen(case: ExceptionCase, note: SaidNote) -> tuple[CaseEvent, ...]:
    """Back to work, in the queue that it was in."""
    if not case.is_resolved:
        raise CaseNotResolved(f"case {case.id} is {case.state}", state=case.state)
    routed = case.routed
    assert routed is not None
    if routed.queue != case.queue:
        decision = Decision(policy=routed.decision.policy, rule=HANDED_OFF, verdicts=())
        routed = structs.replace(
            routed, queue=case.queue, owner_team=case.ownership.team, decision=decision
        )
    return Reopened(note=note), routed


def _must_not_be_resolved(case: ExceptionCase) -> None:
    if case.is_resolved:
        raise CaseAlreadyResolved(f"case {case.id} is resolved", state=case.state)


def must_be_held_by(case: ExceptionCase, person: str) -> None:
    """Raises CaseAlreadyResolved, CaseNotYours."""
    _must_not_be_resolved(case)
    if case.person != person:
        holder = case.person or "nobody"
        raise CaseNotYours(f"{holder} holds case {case.id}, not {person}", owner=case.person)


def _must_be_free_or_held_by(case: ExceptionCase, person: str) -> None:
    _must_not_be_resolved(case)
    if case.person is not None:
        must_be_held_by(case, person)


def must_have(
    case: ExceptionCase,
    required: Collection[EvidenceType],
    what: str,
    named: Collection[EvidenceRef] | None = None,
) -> None:
    """Raises EvidenceMissing."""
    there = {one.type for one in case.evidence if named is None or one.ref in named}
    if missing := [str(kind) for kind in required if kind not in there]:
        raise EvidenceMissing(f"{what}, attach: {', '.join(missing)}", missing=missing)
