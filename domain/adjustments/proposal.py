"""The decision to propose an adjustment, and the digest that an approval is bound to."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import asdict, replace

from domain.adjustments.adjustment import Adjustment, adjustment_id
from domain.adjustments.commands import ProposeAdjustment
from domain.adjustments.decisions import ActingPerson, require_matrix, require_not_agent
from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved
from domain.adjustments.kinds import PROVIDER_PAID_KINDS, Duty
from domain.adjustments.refund_limits import find_refund_payment, require_within_captured
from domain.cases.decisions import require_claimed_by, require_evidence
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.opening import create_enriched
from domain.errors import Fault, Invalid
from domain.orders.order import Order
from domain.policy.approvals import CumulativeAmounts, ProposedAdjustment
from domain.policy.rulebook import Rulebook
from domain.struct_fields import fill

UNBOUND_FIELDS = ("digest", "lapses_at", "note", "unknown_evidence")
"""The fields of a proposal that an approval is not bound to; it is bound to all others."""

_BOUND_FIELDS = (
    *("adjustment", "kind", "amount", "lines", "reason"),
    *("payment", "evidence", "packet", "requirement"),
)
"""The fields of a proposal that an approval is bound to."""


def propose(
    case: ExceptionCase,
    request: ProposeAdjustment,
    by: ActingPerson,
    order: Order,
    given: Sequence[Adjustment],
    sums: CumulativeAmounts,
    rulebook: Rulebook,
    now: datetime,
) -> list[CaseEvent]:
    """The events of a proposal by the case's holder, on the order's current facts.

    If policy approves it by itself, its approval is included. `given` are the adjustments of all cases
    of the order. Raises NothingMayBeGiven, Invalid, CaseNotYours, EvidenceMissing, MoreThanPaid,
    NoPaymentToRefund, AgentHoldsNoDuty.
    """
    require_claimed_by(case, by.person)
    require_not_agent(by, Duty.REVIEW)
    matrix = require_matrix(rulebook)
    _require_valid_amounts(request, order)
    required_evidence = matrix.approvals.requires.get(request.kind, ())
    require_evidence(case, required_evidence, f"to propose a {request.kind}", request.evidence)
    payment = None
    if request.kind in PROVIDER_PAID_KINDS:
        payment = find_refund_payment(request, order)
        require_within_captured(request, payment, order, given)
    tier = order.facts.customer.tier
    required, decision = matrix.requirement(
        ProposedAdjustment(request.kind, request.reason, tier), sums, order.facts
    )
    enriched = create_enriched(order)
    lapses_at = now + matrix.approvals.lapses_after
    number = len(case.adjustments.items) + 1
    bare = fill(
        AdjustmentProposed,
        replace(request, payment=payment),
        adjustment=adjustment_id(case.id, number),
        packet=enriched.digest,
        digest="",
        requirement=required,
        lapses_at=lapses_at,
    )
    proposed = replace(bare, digest=approval_digest(case, bare))
    events: list[CaseEvent] = [proposed] if enriched.digest == case.packet else [enriched, proposed]
    if required.approvers:
        return events
    approved = AdjustmentSystemApproved(
        adjustment=proposed.adjustment,
        digest=proposed.digest,
        decision=decision,
        lapses_at=lapses_at,
    )
    return [*events, approved]


def approval_digest(case: ExceptionCase, proposed: AdjustmentProposed) -> str:
    """The digest of all that an approval is bound to: SHA-256 of its canonical JSON."""
    content = {"case": case.id, "order": case.order, **asdict(proposed)}
    for name in UNBOUND_FIELDS:
        del content[name]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _require_valid_amounts(request: ProposeAdjustment, order: Order) -> None:
    faults = []
    amount, lines = request.amount, request.lines
    if amount.value <= 0:
        faults.append(Fault("/amount/amount", "must be above 0"))
    currency = order.facts.charge.currency
    if currency is not None and amount.currency != currency:
        faults.append(Fault("/amount/currency", f"must be {currency}, as the order is"))
    if any(line.amount.currency != amount.currency for line in lines):
        faults.append(Fault("/lines", f"must be in {amount.currency}, as the amount is"))
    elif lines and (total := sum(line.amount.value for line in lines)) != amount.value:
        faults.append(Fault("/lines", f"add up to {total:f}, the amount is {amount.amount}"))
    if faults:
        raise Invalid(faults, "the adjustment")
