"""Pairs of persons who approve each other's proposals. No rule forbids it between orders; it is a sign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import product
from uuid import UUID

from msgspec import Struct

from application.audit.persons import persons_behind
from application.policy.reperformance import Period
from domain.adjustments.events import AdjustmentApproved, AdjustmentProposed
from domain.adjustments.kinds import AdjustmentKind
from domain.orders.order_names import order_name
from domain.recorded_event import RecordedEvent


class ApprovedProposal(Struct, frozen=True, kw_only=True):
    """A proposal that one person made and the other approved."""

    proposer: str
    approver: str
    kind: AdjustmentKind
    amount: str
    currency: str
    order: str
    shop: str
    case: UUID
    adjustment: UUID
    approved_at: datetime
    position: int
    """Of the approval."""


class MutualApproval(Struct, frozen=True, kw_only=True):
    persons: Sequence[str]
    first_approved_second: int
    """How many proposals of the second person the first approved."""
    second_approved_first: int
    orders: int
    """The number of orders of these adjustments."""
    proposals: Sequence[ApprovedProposal]
    """At most 20, in the order of the log."""


class MutualApprovals:
    """Collects who approved whose proposals in the period."""

    def __init__(self, period: Period, canonical: dict[str, str]) -> None:
        self._period = period
        self._canonical = canonical
        self._approved: dict[tuple[str, str], list[ApprovedProposal]] = {}
        """By approver and proposer."""

    def add(self, lines: Iterable[RecordedEvent]) -> None:
        """Add the trail of a case."""
        proposed: dict[UUID, tuple[AdjustmentProposed, frozenset[str]]] = {}
        for line in lines:
            match line.event:
                case AdjustmentProposed(adjustment=adjustment) as event:
                    proposed[adjustment] = event, persons_behind(line.actor, self._canonical)
                case AdjustmentApproved(adjustment=adjustment):
                    if self._period.holds(line.recorded_at) and adjustment in proposed:
                        self._add_approval(line, *proposed[adjustment])

    def _add_approval(
        self, line: RecordedEvent, event: AdjustmentProposed, proposers: frozenset[str]
    ) -> None:
        name = order_name(line.order or "")
        for approver, proposer in product(persons_behind(line.actor, self._canonical), proposers):
            self._approved.setdefault((approver, proposer), []).append(
                ApprovedProposal(
                    proposer=proposer,
                    approver=approver,
                    kind=event.kind,
                    amount=event.amount.amount,
                    currency=event.amount.currency,
                    order=name.order,
                    shop=name.shop,
                    case=line.stream,
                    adjustment=event.adjustment,
                    approved_at=line.recorded_at,
                    position=line.position,
                )
            )

    def found(self) -> list[MutualApproval]:
        pairs = [(a, b) for a, b in self._approved if a < b and (b, a) in self._approved]
        rows = []
        for one, other in sorted(pairs):
            first, second = self._approved[one, other], self._approved[other, one]
            both = sorted([*first, *second], key=lambda one: one.position)
            rows.append(
                MutualApproval(
                    persons=[one, other],
                    first_approved_second=len(first),
                    second_approved_first=len(second),
                    orders=len({(one.order, one.shop) for one in both}),
                    proposals=both[:20],
                )
            )
        return rows
