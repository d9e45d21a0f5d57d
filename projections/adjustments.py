"""Every adjustment in its current state. Behind GET /v1/approvals; the payer finds its payments here."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.adjustments import events as adjustments
from domain.adjustments.adjustment import AdjustmentState as State
from domain.recorded_event import RecordedEvent
from projections.projection import Projection, order_columns


class AdjustmentRow(Struct, frozen=True):
    adjustment_id: UUID
    case_id: UUID
    order_id: str
    kind: str
    reason: str
    amount: Decimal
    currency: str
    state: str
    digest: str
    rule: str
    """The rule of the matrix that says who must approve."""
    approvers: int
    counted: str
    """The amount that the rule was found by, in the matrix's currency."""
    counted_currency: str
    proposed_by: str | None
    proposed_at: datetime
    lapses_at: datetime
    approved_by: list[str]
    approved_at: datetime | None = None
    payment: str | None = None
    provider: str | None = None
    executed_by: str | None = None
    executing_since: datetime | None = None
    executed_at: datetime | None = None
    reference: str | None = None
    in_doubt: bool = False
    amount_differs: bool = False
    """The provider paid another amount than was ordered."""
    reconciled_by: str | None = None
    reconciled_at: datetime | None = None
    ended: str | None = None
    ended_at: datetime | None = None
    shop: str = "default"


def key(line: RecordedEvent) -> UUID | None:
    return line.event.adjustment if isinstance(line.event, adjustments.AdjustmentEvent) else None


def fold(row: AdjustmentRow | None, line: RecordedEvent) -> AdjustmentRow | None:
    at, who = line.recorded_at, line.actor.person
    if isinstance(line.event, adjustments.AdjustmentProposed):
        return _start_row(line, line.event)
    if row is None:
        return None
    match line.event:
        case adjustments.AdjustmentApproved(complete=complete, lapses_at=lapses_at):
            now = replace(
                row, approved_by=[*row.approved_by, who or ""], approved_at=at, lapses_at=lapses_at
            )
            return replace(now, state=State.APPROVED.value) if complete else now
        case adjustments.AdjustmentSystemApproved(lapses_at=lapses_at):
            state = State.SYSTEM_APPROVED.value
            return replace(row, state=state, approved_at=at, lapses_at=lapses_at)
        case adjustments.AdjustmentRejected(reason=why):
            return _end(row, State.REJECTED, why, at)
        case adjustments.AdjustmentWithdrawn(reason=why):
            return _end(row, State.WITHDRAWN, why, at)
        case adjustments.AdjustmentLapsed(cause=cause):
            return _end(row, State.LAPSED, cause.value, at)
        case adjustments.ExecutionFailed(detail=detail):
            return _end(replace(row, in_doubt=False), State.FAILED, detail, at)
        case adjustments.ExecutionStarted(provider=provider, payment=payment):
            return replace(
                row,
                state=State.EXECUTING.value,
                executed_by=who,
                executing_since=at,
                provider=provider,
                payment=payment or row.payment,
            )
        case adjustments.OutcomeInDoubt():
            return replace(row, in_doubt=True)
        case adjustments.AdjustmentExecuted(provider=provider, reference=reference):
            return replace(
                row,
                state=State.EXECUTED.value,
                executed_at=at,
                provider=provider,
                reference=reference,
                in_doubt=False,
            )
        case adjustments.AmountDiffers():
            return replace(row, amount_differs=True)
        case adjustments.AdjustmentReconciled():
            return replace(row, state=State.RECONCILED.value, reconciled_by=who, reconciled_at=at)
        case _:
            return row


def _end(row: AdjustmentRow, state: State, why: str, at: datetime) -> AdjustmentRow:
    return replace(row, state=state.value, ended=why, ended_at=at)


def _start_row(line: RecordedEvent, event: adjustments.AdjustmentProposed) -> AdjustmentRow:
    return AdjustmentRow(
        adjustment_id=event.adjustment,
        case_id=line.stream,
        **order_columns(line),
        kind=event.kind.value,
        reason=event.reason.value,
        amount=event.amount.value,
        currency=event.amount.currency,
        state=State.PROPOSED.value,
        digest=event.digest,
        rule=event.requirement.rule,
        approvers=event.requirement.approvers,
        counted=event.requirement.counted,
        counted_currency=event.requirement.currency,
        proposed_by=line.actor.person,
        proposed_at=line.recorded_at,
        lapses_at=event.lapses_at,
        approved_by=[],
        payment=event.payment,
    )


ADJUSTMENTS = Projection(
    name="adjustments",
    version=3,
    row=AdjustmentRow,
    key=key,
    fold=fold,
    indexes=(
        "(state, proposed_at, adjustment_id)",
        "(order_id)",
        "(executed_at) WHERE executed_at IS NOT NULL",
    ),
)
