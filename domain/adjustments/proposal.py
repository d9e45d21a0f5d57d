"""To propose an adjustment: a decision that returns events, and what an approval is bound to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.adjustments.adjustment import Adjustment, adjustment_id
from domain.adjustments.commands import ProposeAdjustment
from domain.adjustments.decisions import Hands, matrix_of, must_be_in_person
from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved
from domain.adjustments.kinds import BY_PROVIDER, Duty
from domain.adjustments.refund_payment import must_be_paid, payment_of
from domain.cases.decisions import must_be_held_by, must_have
from domain.cases.events import CaseEvent, Enriched
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import packet_digest, packet_of
from domain.errors import Fault, Invalid
from domain.orders.order import Order
from domain.policy.approvals import Asked, Sums
from domain.policy.rulebook import Rulebook


def propose(
    case: ExceptionCase,
    ask: ProposeAdjustment,
    by: Hands,
    order: Order,
    given: Sequence[Adjustment],
    sums: Sums,
    rulebook: Rulebook,
    now: datetime,
) -> list[CaseEvent]:
    """A recommendation of whoever holds the case, on what is known of the order now; what policy
    approves by itself is approved with it.

    `given` are the adjustments of all cases of the order. Raises Invalid, CaseNotYours,
    EvidenceMissing, MoreThanPaid, NoPaymentToRefund, AgentHoldsNoDuty.
    """
    must_be_held_by(case, by.person)
    must_be_in_person(by, Duty.REVIEW)
    matrix = matrix_of(rulebook)
    _must_be_sound(ask, order)
    required_evidence = matrix.approvals.requires.get(ask.kind, ())
    must_have(case, required_evidence, f"to propose a {ask.kind}", ask.evidence)
    payment = None
    if ask.kind in BY_PROVIDER:
        payment = payment_of(ask, order)
        must_be_paid(ask, payment, order, given)
    tier = order.facts.customer.tier
    required, decision = matrix.requirement(Asked(ask.kind, ask.reason, tier), sums, order.facts)
    packet = packet_of(order)
    digest = packet_digest(packet)
    lapses_at = now + matrix.approvals.lapses_after
    number = len(case.adjustments.items) + 1
    bare = AdjustmentProposed(
        adjustment=adjustment_id(case.id, number),
        kind=ask.kind,
        amount=ask.amount,
        reason=ask.reason,
        packet=digest,
        digest="",
        requirement=required,
        lapses_at=lapses_at,
        lines=ask.lines,
        evidence=ask.evidence,
        payment=payment,
        note=ask.note,
    )
    proposed = msgspec.structs.replace(bare, digest=bound_to(case, bare))
    known: list[CaseEvent] = [Enriched(packet=packet, digest=digest)] * (digest != case.packet)
    if required.approvers:
        return [*known, proposed]
    approved = AdjustmentSystemApproved(
        adjustment=proposed.adjustment,
        digest=proposed.digest,
        decision=decision,
        lapses_at=lapses_at,
    )
    return [*known, proposed, approved]


def bound_to(case: ExceptionCase, proposed: AdjustmentProposed) -> str:
    """The digest of all that an approval is bound to: SHA-256 of its canonical JSON."""
    told = {
        "case": case.id,
        "order": case.order,
        "adjustment": proposed.adjustment,
        "kind": proposed.kind,
        "amount": proposed.amount,
        "lines": proposed.lines,
        "reason": proposed.reason,
        "payment": proposed.payment,
        "evidence": proposed.evidence,
        "packet": proposed.packet,
        "requirement": proposed.requirement,
    }
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def _must_be_sound(ask: ProposeAdjustment, order: Order) -> None:
    faults = []
    if ask.amount.value <= 0:
        faults.append(Fault("/amount/amount", "must be above 0"))
    currency = order.facts.charge.currency
    if currency is not None and ask.amount.currency != currency:
        faults.append(Fault("/amount/currency", f"the order is in {currency}"))
    if any(line.amount.currency != ask.amount.currency for line in ask.lines):
        faults.append(Fault("/lines", f"must be in {ask.amount.currency} like the whole"))
    elif ask.lines and sum(line.amount.value for line in ask.lines) != ask.amount.value:
        told = sum(line.amount.value for line in ask.lines)
        faults.append(Fault("/lines", f"come to {told:f}, the whole is {ask.amount.amount}"))
    if faults:
        raise Invalid(faults, "the adjustment")
