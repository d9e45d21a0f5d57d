"""Finds approved adjustments without payment, payments without approval, and unreconciled payments.

It uses the events in the trails, not the states that cases compute from them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from application.audit.adjustment_times import find_adjustment_times, lines_about
from application.audit.log_scan import LogScan
from application.audit.persons import load_persons, persons_behind
from application.cases.history import case_of
from application.cases.trail import fill_from_line
from application.policy.reperformance import Period
from domain.adjustments import events
from domain.adjustments.adjustment import APPROVED_STATES, PAID_STATES, Adjustment, AdjustmentState
from domain.adjustments.reconciliation import Discrepancy, ReconciliationRecorded
from domain.recorded_event import RecordedEvent


class UnpaidApproval(Struct, frozen=True, kw_only=True):
    """An approved adjustment without a recorded payment."""

    adjustment: UUID
    case: UUID
    order: str | None
    shop: str | None
    kind: str
    amount: str
    currency: str
    approved_by: Sequence[str]
    """Empty if policy approved it by itself."""
    approved_at: datetime
    state: str
    is_waiting: bool
    """Whether it may still be paid."""
    in_doubt: bool
    """Whether the provider's answer was lost."""
    why: str


class UnapprovedPayment(Struct, frozen=True, kw_only=True):
    """A payment that was ordered or made without the required approvals."""

    adjustment: UUID
    case: UUID
    order: str | None
    shop: str | None
    position: int
    recorded_at: datetime
    type: str
    who: str
    why: Sequence[str]


class StatementReconciliation(Struct, frozen=True, kw_only=True):
    """A recorded comparison of a provider's statement with the log."""

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


class UnreconciledPayment(Struct, frozen=True, kw_only=True):
    """A payment by a provider that was not found on a statement yet."""

    adjustment: UUID
    case: UUID
    order: str | None
    shop: str | None
    provider: str
    reference: str
    amount: str
    currency: str
    paid_at: datetime


class UnknownEvidenceCited(Struct, frozen=True, kw_only=True):
    """A proposal that cites evidence which named nothing known at that time."""

    adjustment: UUID
    case: UUID
    order: str | None
    shop: str | None
    position: int
    recorded_at: datetime
    who: str
    state: str
    not_found: Sequence[str]
    """The cited refs. Question 7 has their present state."""


class PaymentCheck(Struct, frozen=True, kw_only=True):
    approved: int
    paid: int
    approved_not_paid: Sequence[UnpaidApproval]
    paid_not_approved: Sequence[UnapprovedPayment]
    """This must be empty."""
    on_unknown_evidence: Sequence[UnknownEvidenceCited]
    """Of those that were approved or paid in the period."""
    not_reconciled: Sequence[UnreconciledPayment]
    by_providers: Sequence[StatementReconciliation]


def check_payments(scan: LogScan, period: Period) -> PaymentCheck:
    """Check what was approved, ordered or paid in the period, with the states at the end of the log."""
    statements, canonical = _StatementReconciliations(period), load_persons(scan).canonical()
    approved = paid = 0
    waiting: list[UnpaidApproval] = []
    unapproved: list[UnapprovedPayment] = []
    unreconciled: list[UnreconciledPayment] = []
    unknown: list[UnknownEvidenceCited] = []
    for lines in scan.money_trails(statements):
        case = case_of(lines)
        unapproved += [
            x for x in find_unapproved_payments(lines, canonical) if period.holds(x.recorded_at)
        ]
        for adjustment in case.adjustments.items:
            at = find_adjustment_times(adjustment.id, lines)
            approved_at, paid_at = at.approved_at, at.executed_at
            if any(
                moment is not None and period.holds(moment) for moment in (approved_at, paid_at)
            ):
                unknown += _unknown_evidence_cited(adjustment, lines)
            if approved_at is not None and period.holds(approved_at):
                approved += 1
                if adjustment.state not in PAID_STATES:
                    waiting.append(_unpaid_approval(adjustment, lines[0], approved_at))
            if paid_at is not None and period.holds(paid_at):
                paid += 1
                is_executed = adjustment.state is AdjustmentState.EXECUTED
                if is_executed and adjustment.executing_since is not None:
                    unreconciled.append(_unreconciled_payment(adjustment, lines[0], paid_at))
    waiting.sort(key=lambda x: (x.approved_at, x.adjustment))
    unreconciled.sort(key=lambda x: (x.paid_at, x.adjustment))
    return PaymentCheck(
        approved=approved,
        paid=paid,
        approved_not_paid=waiting,
        paid_not_approved=sorted(unapproved, key=lambda x: x.position),
        on_unknown_evidence=sorted(unknown, key=lambda x: x.position),
        not_reconciled=unreconciled,
        by_providers=statements.found,
    )


def _unknown_evidence_cited(
    adjustment: Adjustment, lines: Sequence[RecordedEvent]
) -> Iterator[UnknownEvidenceCited]:
    for line in lines:
        match line.event:
            case events.AdjustmentProposed(adjustment=adjustment.id) as event:
                if refs := event.unknown_evidence:
                    state = adjustment.state
                    yield fill_from_line(
                        UnknownEvidenceCited, line, event, state=state, not_found=refs
                    )


class _StatementReconciliations:
    def __init__(self, period: Period) -> None:
        self._period = period
        self.found: list[StatementReconciliation] = []

    def take(self, line: RecordedEvent) -> None:
        event = line.event
        if isinstance(event, ReconciliationRecorded) and self._period.holds(line.recorded_at):
            self.found.append(fill_from_line(StatementReconciliation, line, event))


def find_unapproved_payments(
    lines: Sequence[RecordedEvent], canonical: dict[str, str]
) -> Iterator[UnapprovedPayment]:
    """Each line of a case that orders or records a payment without the required earlier acts."""
    ordered: set[UUID] = set()
    for n, line in enumerate(lines):
        match line.event:
            case events.ExecutionStarted(adjustment=adjustment):
                why = [*_missing_approvals(adjustment, lines[:n], line, canonical)]
                ordered.add(adjustment)
            case events.AdjustmentExecuted(adjustment=adjustment) if adjustment not in ordered:
                # Executed outside, with a reference; or nobody ordered it.
                why = [*_missing_approvals(adjustment, lines[:n], line, canonical)]
                if line.actor.person is None:
                    why.append("nobody ordered it")
            case events.AmountDiffers(adjustment=adjustment, ordered=amount, given=given):
                detail = (
                    f"{given.amount} {given.currency} was paid, but {amount.amount} was ordered"
                )
                why = [detail] if given.value > amount.value else []
            case _:
                continue
        if why:
            yield fill_from_line(UnapprovedPayment, line, adjustment=adjustment, why=why)


def _missing_approvals(
    adjustment: UUID,
    before: Sequence[RecordedEvent],
    line: RecordedEvent,
    canonical: dict[str, str],
) -> Iterator[str]:
    own = lines_about(before, adjustment)
    proposals = [x for x in own if isinstance(x.event, events.AdjustmentProposed)]
    if not proposals:
        yield "nobody proposed it"
        return
    proposed = proposals[-1].event
    assert isinstance(proposed, events.AdjustmentProposed)
    approvals = [x for x in own if isinstance(x.event, events.AdjustmentApproved)]
    needed = proposed.requirement.approvers
    if not needed and not any(isinstance(x.event, events.AdjustmentSystemApproved) for x in own):
        yield "policy did not approve it"
    by = frozenset().union(*(persons_behind(x.actor, canonical) for x in approvals))
    if len(by) < needed:
        yield f"{len(by)} of {needed} required people approved it"
    if by & persons_behind(proposals[-1].actor, canonical):
        yield "a person who proposed it approved it"
    if by & persons_behind(line.actor, canonical):
        yield "a person who approved it ordered it"
    for approval in approvals:
        assert isinstance(approval.event, events.AdjustmentApproved)
        if approval.event.digest != proposed.digest:
            yield f"version {approval.version} approves something other than what was proposed"
        if Decimal(approval.event.limit) < Decimal(proposed.requirement.counted):
            yield f"version {approval.version} approves more than the limit of its role"
    paid = line.event
    if isinstance(paid, events.AdjustmentExecuted) and not paid.amount.is_same_as(proposed.amount):
        yield f"{paid.amount.amount} {paid.amount.currency} is not the proposed amount"


def _unpaid_approval(
    adjustment: Adjustment, first: RecordedEvent, approved_at: datetime
) -> UnpaidApproval:
    why = {
        AdjustmentState.APPROVED: f"nobody has ordered it yet; it lapses at {adjustment.lapses_at.isoformat()}",
        AdjustmentState.EXECUTING: f"it was ordered at {adjustment.provider}, but no payment is recorded",
    }
    waits = (
        why[AdjustmentState.APPROVED]
        if adjustment.state in APPROVED_STATES
        else why.get(adjustment.state)
    )
    return fill_from_line(
        UnpaidApproval,
        first,
        adjustment.amount,
        adjustment,
        adjustment=adjustment.id,
        approved_by=sorted(
            {name for approval in adjustment.approvals for name in approval.persons}
        ),
        approved_at=approved_at,
        is_waiting=waits is not None,
        why=waits or f"{adjustment.state}: {adjustment.ended}",
    )


def _unreconciled_payment(
    adjustment: Adjustment, first: RecordedEvent, paid_at: datetime
) -> UnreconciledPayment:
    return fill_from_line(
        UnreconciledPayment,
        first,
        adjustment.amount,
        adjustment=adjustment.id,
        provider=adjustment.provider or "",
        reference=adjustment.reference or "",
        paid_at=paid_at,
    )
