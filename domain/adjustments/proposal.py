"""The decision to propose an adjustment, and the digest that an approval is bound to."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from domain.adjustments.adjustment import adjustment_id
from domain.adjustments.bound_facts import bound_facts
from domain.adjustments.commands import ProposeAdjustment
from domain.adjustments.decisions import ActingPerson, require_matrix, require_not_agent
from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved
from domain.adjustments.kinds import Duty
from domain.adjustments.money_left import MoneyLeft
from domain.adjustments.order_value import goodwill_of, require_left_of_order
from domain.adjustments.proposed_amounts import propose_amounts
from domain.cases.decisions import require_claimed_by, require_evidence
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.opening import create_enriched
from domain.cases.opening_by_hand import find_part_faults
from domain.errors import Invalid
from domain.money import PositiveMoney
from domain.orders.order import Order
from domain.policy.approvals import CumulativeAmounts, ProposedAdjustment
from domain.policy.rulebook import Rulebook
from domain.struct_fields import fill

UNBOUND_FIELDS = ("digest", "lapses_at", "note", "unknown_evidence")
"""The fields of a proposal that an approval is not bound to; it is bound to all others."""


def propose(
    case: ExceptionCase,
    request: ProposeAdjustment,
    by: ActingPerson,
    order: Order,
    left: MoneyLeft,
    sums: Callable[[PositiveMoney], CumulativeAmounts],
    rulebook: Rulebook,
    now: datetime,
) -> list[CaseEvent]:
    """The events of a proposal by the case's holder, on the order's current facts.

    If policy approves it by itself, its approval is included. `left` is what may still be given for the
    order; `sums` adds what else was given to the amount. Raises NothingMayBeGiven, Invalid, CaseNotYours,
    EvidenceMissing, NoPaymentToRefund, MoreThanPaid, MoreThanLine, MoreThanCharge, MoreThanOrder,
    AgentHoldsNoDuty.
    """
    require_claimed_by(case, by.person)
    require_not_agent(by, Duty.REVIEW)
    matrix = require_matrix(rulebook)
    amounts = propose_amounts(request, order.id, left)
    parts = [part for part in case.parts if part]
    if faults := find_part_faults(request.parts, parts, "/parts/{}", "the case"):
        raise Invalid(faults, "the adjustment")
    required_evidence = matrix.approvals.requires.get(request.kind, ())
    require_evidence(
        case, required_evidence, f"to propose a {request.kind}", request.evidence, order
    )
    tier = order.facts.customer.tier
    counted = replace(sums(amounts.amount), beyond_value=goodwill_of(amounts, left, matrix))
    required, decision = matrix.requirement(
        ProposedAdjustment(request.kind, request.reason, tier), counted, order.facts
    )
    enriched = create_enriched(order)
    lapses_at = now + matrix.approvals.lapses_after
    number = len(case.adjustments.items) + 1
    bare = fill(
        AdjustmentProposed,
        amounts,
        request,
        parts=request.parts or UNSET,
        facts=bound_facts(order, case.kind, request.parts or case.parts, rulebook),
        adjustment=adjustment_id(case.id, number),
        packet=enriched.digest,
        digest="",
        requirement=required,
        lapses_at=lapses_at,
    )
    require_left_of_order(bare, left, matrix)
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
    content = {name: value for name, value in content.items() if value is not UNSET}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
