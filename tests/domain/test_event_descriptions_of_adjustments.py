"""The trail says what of the order an adjustment is for, and why it lapsed."""

from __future__ import annotations

from uuid import UUID

from msgspec import structs

from domain.adjustments.events import (
    AdjustedCharge,
    AdjustedLine,
    AdjustmentLapsed,
    AdjustmentProposed,
)
from domain.adjustments.kinds import LapseCause
from domain.cases.event_descriptions import describe_event
from domain.orders.purchase_signals import ChargeKind
from tests.event_store.money_events import MONEY

ONE = UUID(int=1)


def test_a_proposal_names_lines_charges_and_payment() -> None:
    bare = MONEY[0]
    assert isinstance(bare, AdjustmentProposed)
    assert "for" not in describe_event(bare).partition(" (")[0]
    lines = AdjustedLine(line="B", quantity=2), AdjustedLine(sku="kettle")
    charges = (AdjustedCharge(kind=ChargeKind.SHIPPING),)
    named = structs.replace(bare, lines=lines, charges=charges, payment="pi_3")
    said = describe_event(named)
    assert " for 2 of B, 1 of kettle, charge shipping, of payment pi_3 (" in said


def test_a_lapse_says_which_fact_changed() -> None:
    facts = AdjustmentLapsed(
        adjustment=ONE, cause=LapseCause.FACTS, was="payment.left 30.00", now="payment.left 0.00"
    )
    assert describe_event(facts) == (
        "The adjustment lapsed (facts: payment.left 30.00; now payment.left 0.00)."
    )
    assert describe_event(AdjustmentLapsed(adjustment=ONE, cause=LapseCause.TIME)) == (
        "The adjustment lapsed (time)."
    )
