"""The adjustments of a case, folded from its events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID, uuid5

from msgspec import UNSET, Struct, UnsetType, structs

from domain.adjustments import events
from domain.adjustments.errors import AdjustmentNotFound
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, LapseCause
from domain.cases.evidence import UnknownEvidence
from domain.money import Money, PositiveMoney
from domain.people import Actor
from domain.struct_fields import fill
from domain.texts import Note


class AdjustmentState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    SYSTEM_APPROVED = "system_approved"
    EXECUTING = "executing"
    EXECUTED = "executed"
    RECONCILED = "reconciled"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    FAILED = "failed"


APPROVED_STATES = (AdjustmentState.APPROVED, AdjustmentState.SYSTEM_APPROVED)
UNEXECUTED_STATES = (AdjustmentState.PROPOSED, *APPROVED_STATES)
"""States in which an adjustment can lapse or be withdrawn."""
LIVE_STATES = (*UNEXECUTED_STATES, AdjustmentState.EXECUTING)
PAID_STATES = (AdjustmentState.EXECUTED, AdjustmentState.RECONCILED)
COUNTED_STATES = (*LIVE_STATES, *PAID_STATES)
"""States that count towards the sums of the approval matrix: paid, or still payable."""


class Approval(Struct, frozen=True, kw_only=True):
    persons: tuple[str, ...]
    role: str
    limit: str
    at: datetime
    version: int
    """The version of the approval in the case's trail."""


class Adjustment(Struct, frozen=True, kw_only=True):
    id: UUID
    kind: AdjustmentKind
    amount: Money
    reason: AdjustmentReason
    lines: tuple[events.AdjustedLine, ...]
    evidence: tuple[str, ...]
    payment: str | None
    note: Note
    packet: str
    digest: str
    requirement: events.ApprovalRequirement
    state: AdjustmentState
    proposed_by: tuple[str, ...]
    proposed_at: datetime
    lapses_at: datetime
    approvals: tuple[Approval, ...] = ()
    approved_by_rule: str | None = None
    executed_by: tuple[str, ...] = ()
    executing_since: datetime | None = None
    in_doubt: bool = False
    provider: str | None = None
    reference: str | None = None
    given: Money | None = None
    """The amount that the provider paid, if it is not the ordered one."""
    charges: tuple[events.AdjustedCharge, ...] | UnsetType = UNSET
    settles: PositiveMoney | UnsetType = UNSET
    """The amount in the order's currency, where the payment was captured in another."""
    parts: tuple[str, ...] | UnsetType = UNSET
    facts: tuple[events.BoundFact, ...] | UnsetType = UNSET
    ended: str | None = None
    """Why it ended unpaid: the reason of the rejection or withdrawal, the lapse cause or the failure."""
    unknown_evidence: UnknownEvidence = UNSET

    @property
    def is_pending(self) -> bool:
        return self.state is AdjustmentState.PROPOSED

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def missing_approvals(self) -> int:
        return max(self.requirement.approvers - len(self.approvals), 0) if self.is_pending else 0

    def after(
        self, event: events.AdjustmentEvent, at: datetime, by: Actor, version: int
    ) -> Adjustment:
        match event:
            case events.AdjustmentProposed():
                return self
            case events.AdjustmentApproved():
                given = Approval(
                    persons=by.persons, role=event.role, limit=event.limit, at=at, version=version
                )
                state = AdjustmentState.APPROVED if event.complete else self.state
                return structs.replace(
                    self, approvals=(*self.approvals, given), state=state, lapses_at=event.lapses_at
                )
            case events.AdjustmentSystemApproved(decision=decision, lapses_at=lapses_at):
                return structs.replace(
                    self,
                    state=AdjustmentState.SYSTEM_APPROVED,
                    approved_by_rule=decision.rule,
                    lapses_at=lapses_at,
                )
            case events.AdjustmentRejected(reason=reason):
                return structs.replace(self, state=AdjustmentState.REJECTED, ended=reason)
            case events.AdjustmentWithdrawn(reason=reason):
                return structs.replace(self, state=AdjustmentState.WITHDRAWN, ended=reason)
            case events.AdjustmentLapsed(cause=cause):
                return structs.replace(self, state=AdjustmentState.LAPSED, ended=cause.value)
            case events.ExecutionStarted(provider=provider, payment=payment):
                return structs.replace(
                    self,
                    state=AdjustmentState.EXECUTING,
                    executed_by=by.persons,
                    executing_since=at,
                    provider=provider,
                    payment=payment or self.payment,
                )
            case events.OutcomeInDoubt():
                return structs.replace(self, in_doubt=True)
            case events.AdjustmentExecuted(reference=reference, provider=provider):
                return structs.replace(
                    self,
                    state=AdjustmentState.EXECUTED,
                    executed_by=self.executed_by or by.persons,
                    provider=provider,
                    reference=reference,
                    in_doubt=False,
                )
            case events.AmountDiffers(given=given):
                return structs.replace(self, given=given)
            case events.ExecutionFailed(detail=detail):
                return structs.replace(
                    self, state=AdjustmentState.FAILED, ended=detail, in_doubt=False
                )
            case events.AdjustmentReconciled():
                return structs.replace(self, state=AdjustmentState.RECONCILED)
            case _:
                assert_never(event)


class Adjustments(Struct, frozen=True):
    """All adjustments of a case, in the order in which they were proposed."""

    items: tuple[Adjustment, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def is_pending(self) -> bool:
        """Whether one of them waits for approval."""
        return any(one.is_pending for one in self.items)

    @property
    def live(self) -> tuple[Adjustment, ...]:
        return tuple(one for one in self.items if one.is_live)

    @property
    def unexecuted(self) -> tuple[Adjustment, ...]:
        """The adjustments that can still lapse."""
        return tuple(one for one in self.items if one.state in UNEXECUTED_STATES)

    @property
    def next_due(self) -> datetime | None:
        return min((one.lapses_at for one in self.unexecuted), default=None)

    def find_due_lapses(self, now: datetime) -> list[events.AdjustmentLapsed]:
        """A lapse for each adjustment that was not approved or executed in time."""
        return [
            events.AdjustmentLapsed(adjustment=one.id, cause=LapseCause.TIME)
            for one in self.unexecuted
            if one.lapses_at <= now
        ]

    def get(self, adjustment: UUID) -> Adjustment:
        """Raises AdjustmentNotFound."""
        for one in self.items:
            if one.id == adjustment:
                return one
        raise AdjustmentNotFound(f"no adjustment {adjustment}")

    def after(
        self, event: events.AdjustmentEvent, at: datetime, by: Actor, version: int
    ) -> Adjustments:
        if isinstance(event, events.AdjustmentProposed):
            proposed = fill(
                Adjustment,
                event,
                id=event.adjustment,
                state=AdjustmentState.PROPOSED,
                proposed_by=by.persons,
                proposed_at=at,
            )
            return Adjustments((*self.items, proposed))
        return Adjustments(
            tuple(
                one.after(event, at, by, version) if one.id == event.adjustment else one
                for one in self.items
            )
        )


def adjustment_id(case: UUID, number: int) -> UUID:
    """The adjustment's id, and its key at the payment provider: it follows from its number in the case."""
    return uuid5(case, f"adjustment {number}")
