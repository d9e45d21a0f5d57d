"""People's decisions on a case; they return events."""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct, structs

from domain.adjustments.errors import AdjustmentsOpen
from domain.cases import errors, steps
from domain.cases import work_events as work
from domain.cases.events import CaseEvent, Reopened, Resolution, Resolved
from domain.cases.evidence import EvidenceRef, EvidenceType, evidence_types_of
from domain.cases.exception_case import CaseState, ExceptionCase
from domain.cases.opening import create_enriched
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.step_events import Held, HoldReleased, TaskCreated, TaskDone, TaskDropped
from domain.cases.timing import RoleMembers, next_rung
from domain.cases.truthful import require_truthful_resolution
from domain.cases.work_commands import DeclareError, HandOff, LinkCase, StartWait
from domain.clock.clock import Clock, ClockChange, ClockChangeKind
from domain.clock.terms import Measure
from domain.errors import Fault, Invalid
from domain.fault_texts import no_such
from domain.orders.order import Order
from domain.policy.decision import Decision
from domain.policy.document import Ladder
from domain.policy.document_types import Name
from domain.policy.rulebook import Rulebook
from domain.struct_fields import fill
from domain.texts import Note, RequiredNote

HAND_OFF_RULE = "handed-off"
"""The rule name of a routing that a person decided, not a policy."""


class NextOwner(Struct, frozen=True, kw_only=True):
    """The receiver of a hand-off, a queue or a person of it, and the evidence that it requires."""

    queue: Name
    owner_team: Name
    person: str | None = None
    requires: tuple[EvidenceType, ...] = ()
    ladder: Ladder | None = None
    lease: timedelta | None = None


def next_owner(case: ExceptionCase, request: HandOff, rulebook: Rulebook) -> NextOwner:
    """The receiver that a request names. Raises NoNextOwner, QueueNotFound."""
    if request.to_queue is None and request.to_person is None:
        raise errors.NoNextOwner("name to_queue, to_person or both")
    name = request.to_queue or case.queue
    queue = rulebook.document.queues.get(name)
    if queue is None:
        raise errors.QueueNotFound(no_such("queue", name, rulebook.document.queues))
    if name == case.queue and request.to_person == case.person:
        raise errors.NoNextOwner(f"{case.owner} of queue {name} already owns case {case.id}")
    return NextOwner(
        queue=name,
        owner_team=queue.owner_team,
        person=request.to_person,
        requires=queue.hand_off_requires if name != case.queue else (),
        ladder=rulebook.ladder(name),
        lease=queue.claim_lease if request.to_person is not None else None,
    )


def claim(case: ExceptionCase, person: str, lease: timedelta | None = None) -> work.Claimed:
    """Claim an open case, or one's own case whose wait has ended. Raises CaseNotOpen."""
    if case.state is not CaseState.OPEN and not (case.ownership.resumed and case.person == person):
        holder = f"{case.person} holds it" if case.person else f"it is {case.state}"
        raise errors.CaseNotOpen(f"case {case.id} cannot be claimed: {holder}", state=case.state)
    return work.Claimed(person=person, lease=lease)


def release(case: ExceptionCase, person: str, note: Note) -> work.CaseReleased:
    require_claimed_by(case, person)
    return work.CaseReleased(note=note)


def hand_off(
    case: ExceptionCase,
    person: str,
    to: NextOwner,
    note: RequiredNote,
    evidence: tuple[EvidenceRef, ...] = (),
) -> work.HandedOff:
    """Hand off one's own case, or an unclaimed one; a resolved case only to another queue.

    Raises CaseAlreadyResolved, CaseNotYours, EvidenceMissing.
    """
    if not case.is_resolved or to.person is not None or to.queue == case.queue:
        _require_unclaimed_or_claimed_by(case, person)
    require_evidence(case, to.requires, f"to hand case {case.id} to {to.queue}")
    return work.HandedOff(
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


def wait(case: ExceptionCase, person: str, request: StartWait) -> list[CaseEvent]:
    """Start a wait for another party; it ends the previous wait, if there is one."""
    _require_unclaimed_or_claimed_by(case, person)
    started = fill(work.WaitStarted, request)
    ended = [work.WaitEnded(how=work.WaitEnd.RESUMED)] if case.waiting is not None else []
    return [*ended, started]


def resume(case: ExceptionCase, person: str, note: Note) -> work.WaitEnded:
    _require_unclaimed_or_claimed_by(case, person)
    if case.waiting is None:
        raise errors.CaseNotWaiting(f"case {case.id} is {case.state}", state=case.state)
    return work.WaitEnded(how=work.WaitEnd.RESUMED, note=note)


def add_task(case: ExceptionCase, request: AddTask) -> TaskCreated:
    _require_not_resolved(case)
    return steps.add_task(case.steps, request, case.ownership.team)


def complete_task(case: ExceptionCase, request: CompleteTask) -> TaskDone:
    _require_not_resolved(case)
    steps.require_open_task(case.steps, request.task)
    return TaskDone(task=request.task, note=request.note)


def drop_task(case: ExceptionCase, request: DropTask) -> TaskDropped:
    _require_not_resolved(case)
    steps.require_open_task(case.steps, request.task)
    return TaskDropped(task=request.task, note=request.note)


def place_hold(case: ExceptionCase, request: PlaceHold) -> Held:
    _require_not_resolved(case)
    return steps.place_hold(case.steps, request)


def release_hold(case: ExceptionCase, request: ReleaseHold) -> HoldReleased:
    return steps.release_hold(case.steps, request.hold, request.note)


def escalate(case: ExceptionCase, note: RequiredNote, staff: RoleMembers) -> work.Escalated:
    """Escalate by hand: notify the next rung of the case's ladder."""
    _require_not_resolved(case)
    if case.timing.ladder is None:
        return work.Escalated(cause=work.EscalationCause.BY_HAND, rung=0, to=None, note=note)
    return next_rung(
        case.timing.ladder, case.timing.rung, work.EscalationCause.BY_HAND, staff, note
    )


def reterm(
    case: ExceptionCase, note: RequiredNote, now: datetime, rulebook: Rulebook
) -> work.Retermed:
    """Put the case under the terms of the current policy. Raises CaseAlreadyResolved, NoTermsFit."""
    _require_not_resolved(case)
    assert case.routed is not None
    found = rulebook.service(case.routed.work_type, case.tier)
    if found is None or case.timing.clock.terms is None:
        raise errors.NoTermsFit(
            f"the policy has no service level for work type {case.routed.work_type}"
        )
    service, terms = found[0], found[1].pinned()
    before = case.timing.clock.as_of(now)
    moment = ClockChange(at=now, change=ClockChangeKind.RETERMED, terms=terms)
    return work.Retermed(
        service=service,
        policy=rulebook.version,
        terms=terms,
        note=note,
        due_before=_due_times(before),
        due_after=_due_times(before.after(moment)),
    )


def _due_times(clock: Clock) -> dict[Measure, datetime]:
    return {m: run.due_at for m, run in clock.runs.items() if run.due_at and run.is_running}


def link(case: ExceptionCase, other: ExceptionCase, request: LinkCase) -> work.Linked:
    """Link the case to another one, which does not change. Raises Invalid."""
    if case.id == other.id:
        raise Invalid([Fault("/case", "a case cannot be linked to itself")], "the link")
    return work.Linked(link=request.link, case=other.id, note=request.note)


def declare_error(case: ExceptionCase, request: DeclareError) -> work.ErrorDeclared:
    if request.about > case.version:
        raise errors.NoSuchVersion(
            f"case {case.id} has versions 1 to {case.version}, not {request.about}"
        )
    return work.ErrorDeclared(about=request.about, reason=request.reason, note=request.note)


def resolve(
    case: ExceptionCase,
    person: str,
    resolution: Resolution,
    order: Order | None,
    required: Collection[EvidenceType] = (),
) -> list[CaseEvent]:
    """Resolve the case on the order's current packet; the trail shows the packet first if it is new.

    The evidence that policy requires for the reason must be attached and named. Raises
    CaseAlreadyResolved, CaseNotYours, StepsOpen, AdjustmentsOpen, EvidenceMissing, NotDoneYet.
    """
    require_claimed_by(case, person)
    steps.require_no_open_steps(case.steps)
    if live := case.adjustments.live:
        adjustments = [{"id": str(one.id), "state": one.state.value} for one in live]
        raise AdjustmentsOpen(f"case {case.id} has {len(live)} unfinished", adjustments=adjustments)
    require_evidence(
        case,
        required,
        f"to resolve case {case.id} as {resolution.reason}",
        [*resolution.evidence, *(ref for one in resolution.parts or () for ref in one.evidence)],
        order,
    )
    require_truthful_resolution(resolution, case, order)
    enriched = create_enriched(order)
    resolved = Resolved(resolution=resolution, packet=enriched.digest)
    return [resolved] if enriched.digest == case.packet else [enriched, resolved]


def reopen(case: ExceptionCase, note: RequiredNote) -> tuple[CaseEvent, ...]:
    """Reopen a resolved case in its queue. Raises CaseNotResolved."""
    if not case.is_resolved:
        raise errors.CaseNotResolved(f"case {case.id} is {case.state}", state=case.state)
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
        raise errors.CaseAlreadyResolved(f"case {case.id} is resolved", state=case.state)


def require_claimed_by(case: ExceptionCase, person: str) -> None:
    """Raises CaseAlreadyResolved, CaseNotYours."""
    _require_not_resolved(case)
    if case.person != person:
        detail = f"{case.person or 'nobody'} holds case {case.id}, not {person}"
        raise errors.CaseNotYours(detail, owner=case.person)


def _require_unclaimed_or_claimed_by(case: ExceptionCase, person: str) -> None:
    _require_not_resolved(case)
    if case.person is not None:
        require_claimed_by(case, person)


def require_evidence(
    case: ExceptionCase,
    required: Collection[EvidenceType],
    what: str,
    named: Collection[EvidenceRef] | None = None,
    order: Order | None = None,
) -> None:
    """Raises EvidenceMissing if a required type is not attached (and named, where `named` is given).

    A signal of the order that is named is evidence of its own types: nobody attaches it again. A file that
    was never uploaded is none.
    """
    attached = {one.type for one in case.held_evidence if named is None or one.ref in named}
    for ref in named or ():
        if order is not None and (signal := order.signals.get(ref)) is not None:
            attached.update(evidence_types_of(signal.type))
    if missing := [str(kind) for kind in required if kind not in attached]:
        detail = f"{what}, attach: {', '.join(missing)}"
        idle = {str(one.type): one.ref for one in case.held_evidence if str(one.type) in missing}
        if idle:  # it is attached, and not named
            detail = f"{what}, name in `evidence`: {', '.join(idle.values())}"
        raise errors.EvidenceMissing(detail, missing=missing)
