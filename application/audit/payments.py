"""What was approved and not paid, what was paid and not approved, and what a provider's own list says
to it; each by what the trails say, not by what a case believes of its adjustments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from application.audit.adjustment_times import moments
from application.audit.log_scan import Reading
from application.audit.persons import everybody, names_of
from application.cases.history import case_of
from application.cases.trail import who
from application.policy.reperformance import Period
from domain.adjustments.adjustment import APPROVED, PAID, Adjustment, AdjustmentState
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentEvent,
    AdjustmentExecuted,
    AdjustmentProposed,
    AdjustmentSystemApproved,
    AmountDiffers,
    ExecutionStarted,
)
from domain.adjustments.reconciliation import Discrepancy, ReconciliationRecorded
from domain.recorded import Recorded


class NotPaid(Struct, frozen=True, kw_only=True):
    """It was approved, and no payment of it is known."""

    adjustment: UUID
    case: UUID
    order: str | None
    kind: str
    amount: str
    currency: str
    approved_by: Sequence[str]
    """Nobody, where policy approved it by itself."""
    approved_at: datetime
    state: str
    is_waiting: bool
    """It may still be paid."""
    in_doubt: bool
    """The provider's answer was lost."""
    why: str


class NotApproved(Struct, frozen=True, kw_only=True):
    """A payment was ordered, or made, that was not approved as it must be."""

    adjustment: UUID
    case: UUID
    order: str | None
    position: int
    recorded_at: datetime
    type: str
    who: str
    why: Sequence[str]


class HeldAgainst(Struct, frozen=True, kw_only=True):
    """A provider's own list that was held against the log, as it was recorded then."""

    position: int
    recorded_at: datetime
    who: str
    provider: str
    since: datetime
    until: datetime
    statement: str
    from_file: bool
    lines: int
    matched: int
    counts: Mapping[str, int]
    discrepancies: Sequence[Discrepancy]


class NotReconciled(Struct, frozen=True, kw_only=True):
    """A provider paid it, and nobody has found it on the provider's list."""

    adjustment: UUID
    case: UUID
    order: str | None
    provider: str
    reference: str
    amount: str
    currency: str
    paid_at: datetime


class Payments(Struct, frozen=True, kw_only=True):
    approved: int
    paid: int
    approved_not_paid: Sequence[NotPaid]
    paid_not_approved: Sequence[NotApproved]
    """Must be empty."""
    not_reconciled: Sequence[NotReconciled]
    by_providers: Sequence[HeldAgainst]


def payments(reading: Reading, period: Period) -> Payments:
    """Of what was approved, ordered or paid in the period, as it stands at the end of the log."""
    lists, human = _Lists(period), everybody(reading).human()
    approved = paid = 0
    waiting: list[NotPaid] = []
    wrong: list[NotApproved] = []
    unseen: list[NotReconciled] = []
    for lines in reading.money_trails(lists):
        case = case_of(lines)
        wrong += [one for one in not_approved(lines, human) if period.holds(one.recorded_at)]
        for one in case.adjustments.items:
            at = moments(one.id, lines)
            approved_at, paid_at = at.approved_at, at.executed_at
            if approved_at is not None and period.holds(approved_at):
                approved += 1
                if one.state not in PAID:
                    waiting.append(_not_paid(one, lines[0], approved_at))
            if paid_at is not None and period.holds(paid_at):
                paid += 1
                if one.state is AdjustmentState.EXECUTED and one.executing_since is not None:
                    unseen.append(_not_reconciled(one, lines[0], paid_at))
    waiting.sort(key=lambda one: (one.approved_at, one.adjustment))
    unseen.sort(key=lambda one: (one.paid_at, one.adjustment))
    return Payments(
        approved=approved,
        paid=paid,
        approved_not_paid=waiting,
        paid_not_approved=sorted(wrong, key=lambda one: one.position),
        not_reconciled=unseen,
        by_providers=lists.told,
    )


class _Lists:
    def __init__(self, period: Period) -> None:
        self._period = period
        self.told: list[HeldAgainst] = []

    def take(self, line: Recorded) -> None:
        event = line.event
        if isinstance(event, ReconciliationRecorded) and self._period.holds(line.recorded_at):
            self.told.append(
                HeldAgainst(
                    position=line.position,
                    recorded_at=line.recorded_at,
                    who=who(line.actor),
                    provider=event.provider,
                    since=event.since,
                    until=event.until,
                    statement=event.statement,
                    from_file=event.from_file,
                    lines=event.lines,
                    matched=event.matched,
                    counts=event.counts,
                    discrepancies=event.discrepancies,
                )
            )


def not_approved(lines: Sequence[Recorded], human: dict[str, str]) -> Iterator[NotApproved]:
    """Each line of a case that orders a payment, or says that one was made, without all that had to come
    before it."""
    ordered: set[UUID] = set()
    for n, line in enumerate(lines):
        match line.event:
            case ExecutionStarted(adjustment=adjustment):
                why = [*_why_not(adjustment, lines[:n], line, human)]
                ordered.add(adjustment)
            case AdjustmentExecuted(adjustment=adjustment) if adjustment not in ordered:
                # Carried out elsewhere, under a reference; or nobody has ordered it.
                why = [*_why_not(adjustment, lines[:n], line, human)]
                if line.actor.person is None:
                    why.append("nobody has ordered it")
            case AmountDiffers(adjustment=adjustment, ordered=amount, given=given):
                told = f"{given.amount} {given.currency} was given, {amount.amount} was ordered"
                why = [told] if given.value > amount.value else []
            case _:
                continue
        if why:
            yield NotApproved(
                adjustment=adjustment,
                case=line.stream,
                order=line.order,
                position=line.position,
                recorded_at=line.recorded_at,
                type=line.type,
                who=who(line.actor),
                why=why,
            )


def _why_not(
    adjustment: UUID, before: Sequence[Recorded], line: Recorded, human: dict[str, str]
) -> Iterator[str]:
    own = [
        x
        for x in before
        if isinstance(x.event, AdjustmentEvent) and x.event.adjustment == adjustment
    ]
    proposals = [x for x in own if isinstance(x.event, AdjustmentProposed)]
    if not proposals:
        yield "nobody has proposed it"
        return
    proposed = proposals[-1].event
    assert isinstance(proposed, AdjustmentProposed)
    approvals = [x for x in own if isinstance(x.event, AdjustmentApproved)]
    needed = proposed.requirement.approvers
    if not needed and not any(isinstance(x.event, AdjustmentSystemApproved) for x in own):
        yield "policy has not approved it"
    by = frozenset().union(*(names_of(x.actor, human) for x in approvals))
    if len(by) < needed:
        yield f"{len(by)} people have approved it, and {needed} must"
    if by & names_of(proposals[-1].actor, human):
        yield "who proposed it has approved it"
    if by & names_of(line.actor, human):
        yield "who approved it has ordered it"
    for one in approvals:
        assert isinstance(one.event, AdjustmentApproved)
        if one.event.digest != proposed.digest:
            yield f"version {one.version} approves something else than was proposed"
        if Decimal(one.event.limit) < Decimal(proposed.requirement.counted):
            yield f"version {one.version} approves more than the role may"
    paid = line.event
    if isinstance(paid, AdjustmentExecuted) and not paid.amount.is_same_as(proposed.amount):
        yield f"{paid.amount.amount} {paid.amount.currency} is not what was proposed"


def _not_paid(one: Adjustment, first: Recorded, approved_at: datetime) -> NotPaid:
    why = {
        AdjustmentState.APPROVED: f"nobody has ordered it; it lapses at {one.lapses_at.isoformat()}",
        AdjustmentState.EXECUTING: f"it was ordered at {one.provider}, and is not known to be paid",
    }
    waits = why[AdjustmentState.APPROVED] if one.state in APPROVED else why.get(one.state)
    return NotPaid(
        adjustment=one.id,
        case=first.stream,
        order=first.order,
        kind=one.kind,
        amount=one.amount.amount,
        currency=one.amount.currency,
        approved_by=sorted({name for approval in one.approvals for name in approval.persons}),
        approved_at=approved_at,
        state=one.state,
        is_waiting=waits is not None,
        in_doubt=one.in_doubt,
        why=waits or f"{one.state}: {one.ended}",
    )


def _not_reconciled(one: Adjustment, first: Recorded, paid_at: datetime) -> NotReconciled:
    return NotReconciled(
        adjustment=one.id,
        case=first.stream,
        order=first.order,
        provider=one.provider or "",
        reference=one.reference or "",
        amount=one.amount.amount,
        currency=one.amount.currency,
        paid_at=paid_at,
    )
