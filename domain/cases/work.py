"""What people may do with a case, and what time does to it: decisions that return events."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from msgspec import Struct, structs

from domain.cases.events import CaseEvent, Enriched, Reopened, Resolution, Resolved, Routed
from domain.cases.evidence import Evidence, EvidenceRef, EvidenceType
from domain.cases.exception_case import ExceptionCase, State
from domain.cases.packet import packet_digest, packet_of
from domain.cases.timing import Staff, next_rung
from domain.cases.work_asks import DeclareError, HandOff, LinkTo, OpenCase, StartWait
from domain.cases.work_events import (
    CaseReleased,
    Claimed,
    ClaimLapsed,
    ErrorDeclared,
    Escalated,
    EscalationCause,
    EvidenceAttached,
    HandedOff,
    Linked,
    Note,
    NoteAdded,
    Opened,
    Retermed,
    SaidNote,
    WaitEnd,
    WaitEnded,
    WaitStarted,
)
from domain.clock.clock import Change, Clock, Moment
from domain.clock.terms import Measure
from domain.errors import (
    CaseAlreadyResolved,
    CaseNotOpen,
    CaseNotResolved,
    CaseNotWaiting,
    CaseNotYours,
    EvidenceMissing,
    Fault,
    Invalid,
    NoNextOwner,
    NoSuchVersion,
    NoTermsFit,
    OrderNotFound,
    QueueNotFound,
)
from domain.orders.order import Order
from domain.policy.decision import Decision
from domain.policy.document import Kind, Ladder
from domain.policy.facts import CaseFacts
from domain.policy.parts import Name
from domain.policy.rulebook import Routing, Rulebook

BY_HAND = "by-hand"
HANDED_OFF = "handed-off"
"""Rules of no policy: somebody decided."""
Opening = Callable[[int], list[CaseEvent]]
"""The events that open a case, given which occurrence it is."""


class NextOwner(Struct, frozen=True, kw_only=True):
    """A queue with its team, or a person of it; and what must be attached to hand over to it."""

    queue: Name
    owner_team: Name
    person: str | None = None
    requires: tuple[EvidenceType, ...] = ()
    ladder: Ladder | None = None


def open_by_hand(ask: OpenCase, order: Order | None, rulebook: Rulebook) -> Opening:
    """What opens a case for a problem that no rule has found, but for its number.

    Policy routes it, unless the caller names the queue. Raises Invalid, OrderNotFound.
    """
    kinds, queues = rulebook.document.kinds, rulebook.document.queues
    faults = []
    if ask.kind not in kinds:
        faults.append(Fault("/kind", f"no kind {ask.kind}; known are: {', '.join(sorted(kinds))}"))
    if ask.queue is not None and ask.queue not in queues:
        known = ", ".join(sorted(queues))
        faults.append(Fault("/queue", f"no queue {ask.queue}; known are: {known}"))
    if faults:
        raise Invalid(faults, "the case")
    if order is None and ask.queue is None:
        raise OrderNotFound(f"no order {ask.order}: name the queue to open a case all the same")
    kind = kinds[ask.kind]
    facts = CaseFacts(kind=ask.kind, bucket=kind.bucket, severity=kind.severity, rule=BY_HAND)
    routing = rulebook.route(facts, order.facts if order is not None else Order(id="").facts)
    if ask.queue is not None:
        routing = structs.replace(
            routing,
            queue=ask.queue,
            owner_team=queues[ask.queue].owner_team,
            decision=Decision(policy=rulebook.version, rule=BY_HAND, verdicts=()),
        )
    packet = packet_of(order) if order is not None else ()
    rest: tuple[CaseEvent, ...] = (
        Enriched(packet=packet, digest=packet_digest(packet)),
        routed_by(routing, ask.kind, kind, rulebook, order.facts.customer.tier if order else None),
    )
    return lambda occurrence: [
        Opened(
            kind=ask.kind,
            bucket=kind.bucket,
            severity=kind.severity,
            automation=kind.automation,
            occurrence=occurrence,
            note=ask.note,
        ),
        *rest,
    ]


def routed_by(
    routing: Routing, name: str, kind: Kind, rulebook: Rulebook, tier: str | None
) -> Routed:
    """The event of a routing, with the terms that hold from here on."""
    service = rulebook.service(routing.work_type, tier)
    return Routed(
        kind=name,
        bucket=kind.bucket,
        severity=kind.severity,
        queue=routing.queue,
        owner_team=routing.owner_team,
        work_type=routing.work_type,
        skill=routing.skill,
        priority=routing.priority,
        decision=routing.decision,
        tier=tier,
        service=service[0] if service else None,
        terms=service[1] if service else None,
        ladder=rulebook.ladder(routing.queue),
    )


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
    )


def claim(case: ExceptionCase, person: str, lease: timedelta | None = None) -> Claimed:
    """Take an open case; or take up again one's own whose wait has ended."""
    if case.state is not State.OPEN and not (case.resumed and case.person == person):
        holder = f"{case.person} holds it" if case.person else f"it is {case.state}"
        raise CaseNotOpen(f"case {case.id} cannot be claimed: {holder}", state=case.state)
    return Claimed(person=person, lease=lease)


def release(case: ExceptionCase, person: str, note: Note) -> CaseReleased:
    _must_be_held_by(case, person)
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
    _must_have(case, to.requires, f"to hand case {case.id} to {to.queue}")
    return HandedOff(
        from_queue=case.queue,
        from_person=case.person,
        to_queue=to.queue,
        owner_team=to.owner_team,
        to_person=to.person,
        note=note,
        evidence=evidence,
        ladder=to.ladder,
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
    _must_be_held_by(case, person)
    _must_have(case, required, f"to resolve case {case.id} as {resolution.reason}", resolution)
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
            routed, queue=case.queue, owner_team=case.owner_team, decision=decision
        )
    return Reopened(note=note), routed


def look_at_clock(
    case: ExceptionCase, now: datetime, staff: Staff
) -> tuple[list[CaseEvent], ExceptionCase]:
    """All that has come to pass by now with nobody doing anything, and the case after it."""
    events: list[CaseEvent] = []
    while found := _came_to_pass(case, now, staff):
        for event in found:
            events.append(event)
            case = case.after(event, case.order, now)
    return events, case


def _came_to_pass(case: ExceptionCase, now: datetime, staff: Staff) -> list[CaseEvent]:
    """What comes to pass next."""
    waiting = case.waiting
    if waiting is not None and waiting.expected_by is not None and waiting.expected_by <= now:
        return [WaitEnded(how=WaitEnd.OVERDUE)]
    if case.lease_until is not None and case.lease_until <= now:
        assert case.person is not None
        return [ClaimLapsed(person=case.person, lease_until=case.lease_until)]
    return case.timing.came_to_pass(now, staff)


def _must_not_be_resolved(case: ExceptionCase) -> None:
    if case.is_resolved:
        raise CaseAlreadyResolved(f"case {case.id} is resolved", state=case.state)


def _must_be_held_by(case: ExceptionCase, person: str) -> None:
    _must_not_be_resolved(case)
    if case.person != person:
        holder = case.person or "nobody"
        raise CaseNotYours(f"{holder} holds case {case.id}, not {person}", owner=case.person)


def _must_be_free_or_held_by(case: ExceptionCase, person: str) -> None:
    _must_not_be_resolved(case)
    if case.person is not None:
        _must_be_held_by(case, person)


def _must_have(
    case: ExceptionCase,
    required: Collection[EvidenceType],
    what: str,
    named: Resolution | None = None,
) -> None:
    there = {one.type for one in case.evidence if named is None or one.ref in named.evidence}
    if missing := [str(kind) for kind in required if kind not in there]:
        raise EvidenceMissing(f"{what}, attach: {', '.join(missing)}", missing=missing)
