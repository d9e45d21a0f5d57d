"""Facts depend on the set of signals and not on arrival order, and change only as declared."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cases.packet import packet_of
from domain.orders.events import SignalRecorded
from domain.orders.fact_metadata import GROWING, LASTING, ONCE_KNOWN
from domain.orders.facts import facts_of
from domain.orders.order import Order
from domain.policy.facts import ORDER_FACTS
from tests.domain.policies import SHIPPED
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    ORDER,
    TYPES,
    cancelled,
    captured,
    delivered,
    handed_over,
    line,
    money,
    order_with,
    placed,
    refunded,
    signals,
    statement_lists,
)

END = datetime(2300, 1, 1, tzinfo=UTC)
MARKED = {path: fact for path, fact in ORDER_FACTS.items() if fact.moves}


@BOUNDED_SETTINGS
@given(story=statement_lists(), chance=st.randoms(use_true_random=False))
def test_arrival_in_any_order_gives_the_same_facts(story, chance) -> None:
    shuffled = chance.sample(story, len(story))
    assert facts_of(shuffled) == facts_of(story)
    first, second = order_with(*story), order_with(*shuffled)
    assert first.facts == second.facts
    assert packet_of(first) == packet_of(second)


@BOUNDED_SETTINGS
@given(story=statement_lists(), chance=st.randoms(use_true_random=False))
def test_cached_facts_and_deadlines_are_updated_after_each_signal(story, chance) -> None:
    order = Order(id=ORDER)
    for number, signal in enumerate(story, start=1):
        order = order.after(SignalRecorded(signal=signal))
        if chance.random() < 0.5:  # not computed in every state
            assert order.facts == facts_of(story[:number])
            fresh = Order(id=ORDER, signals=order.signals)
            assert order.next_due(SHIPPED) == fresh.next_due(SHIPPED)
            assert order.overdue(SHIPPED, END) == fresh.overdue(SHIPPED, END)


def test_every_fact_changes_in_a_way_that_policy_supports() -> None:
    assert {fact.moves for fact in MARKED.values()} == {LASTING, GROWING, ONCE_KNOWN}
    assert {fact.type for fact in MARKED.values() if fact.moves == LASTING} == {bool}
    assert {fact.type for fact in MARKED.values() if fact.moves == GROWING} == {Decimal}


LATCHES = [path for path, fact in MARKED.items() if fact.moves != GROWING]
AMOUNTS = [path for path, fact in MARKED.items() if fact.moves == GROWING]


@pytest.mark.parametrize("path", LATCHES)
@settings(BOUNDED_SETTINGS, max_examples=30)
@given(data=st.data())
def test_a_lasting_fact_stays_true_as_signals_are_added(path, data) -> None:
    before, now = read_before_and_after(path, data)
    assert now or not before


@pytest.mark.parametrize("path", AMOUNTS)
@settings(BOUNDED_SETTINGS, max_examples=150)
@given(data=st.data())
def test_a_growing_fact_only_grows_as_signals_are_added(path, data) -> None:
    before, now = read_before_and_after(path, data)
    assert before is None or (now is not None and now >= before)


def read_before_and_after(path: str, data: st.DataObject) -> tuple[Any, Any]:
    """The fact before and after one more of the signals that feed it."""
    fact = MARKED[path]
    fed_by = [kind for kind in TYPES if kind.__struct_config__.tag in fact.feeds]
    story = data.draw(statement_lists(types=fed_by, least=1, most=5))
    more = data.draw(signals(100, types=fed_by))
    return fact.read(facts_of(story)), fact.read(facts_of([*story, more]))


@BOUNDED_SETTINGS
@given(story=statement_lists(), more=signals(100))
def test_a_signal_changes_only_the_facts_that_it_feeds(story, more) -> None:
    before, now = facts_of(story), facts_of([*story, more])
    changed = {path for path, fact in ORDER_FACTS.items() if fact.read(before) != fact.read(now)}
    assert changed <= {path for path, fact in ORDER_FACTS.items() if more.type in fact.feeds}


def test_every_fact_names_the_signals_that_feed_it() -> None:
    assert [path for path, fact in ORDER_FACTS.items() if not fact.feeds] == []


# contradicting signals → decision on facts → what stays true


def test_a_capture_stays_when_an_earlier_payment_was_in_another_currency() -> None:
    one = captured(2, "100.00", "BRL", id="one")
    earlier = captured(1, "1.00", "USD", id="earlier")
    assert facts_of([one, earlier]).payment.captured >= facts_of([one]).payment.captured


def test_a_capture_stays_when_the_charge_is_in_another_currency() -> None:
    paid = captured(2, "100.00", "BRL")
    foreign = placed(1, lines=(line("30.00", "USD"),))
    assert facts_of([paid, foreign]).payment.captured >= facts_of([paid]).payment.captured


def test_an_overpayment_stays_when_an_earlier_charge_is_in_another_currency() -> None:
    payments = [placed(2, "later"), captured(3, "150.00")]
    earlier = placed(1, "earlier", lines=(line("100.00", "USD"),))
    assert facts_of(payments).payment.overpaid == Decimal(50)
    overpaid = facts_of([*payments, earlier]).payment.overpaid
    assert overpaid is not None
    assert overpaid >= 50


def test_an_underpayment_stays_when_an_earlier_charge_is_in_another_currency() -> None:
    payments = [placed(2, "later"), captured(3, "50.00", "USD")]
    earlier = placed(1, "earlier", lines=(line("100.00", "USD"),))
    assert facts_of(payments).payment.underpaid == Decimal(100)
    underpaid = facts_of([*payments, earlier]).payment.underpaid
    assert underpaid is not None
    assert underpaid >= 100


def test_amounts_of_several_currencies_are_never_added_up() -> None:
    signals_of_order = [placed(), captured(1, "100.00"), cancelled(2), refunded(3, "10000", "JPY")]
    refund = facts_of(signals_of_order).refund
    assert refund.outstanding == Decimal(100)


def test_the_charge_is_in_the_currency_of_its_signal() -> None:
    part = placed(1, "part", lines=(line("5.00", "USD"),), lines_complete=False)
    whole = placed(2, "whole", lines=(line("100.00", "BRL"),))
    charge = facts_of([part, whole]).charge
    assert (charge.total, charge.currency) == (Decimal(100), "BRL")


def test_two_captures_of_one_payment_are_one_payment() -> None:
    # Version 0 read them as two statements of one capture. A payment may have several captures now:
    # each statement of one source is one, and the payment is still one.
    payments = [
        placed(tenders=("card", "voucher")),
        captured(1, "60.00", id="a", payment="p"),
        captured(2, "40.00", id="b", payment="p"),
    ]
    payment = facts_of(payments).payment
    assert payment.captured == Decimal(100)
    assert payment.difference == 0
    assert not payment.complete


def test_one_capture_that_two_sources_state_is_one() -> None:
    payments = [
        placed(),
        captured(1, "99.00", id="a", payment="p"),
        captured(2, "99.00", id="b", payment="p", source="shop"),
    ]
    payment = facts_of(payments).payment
    assert payment.captured == Decimal(99)
    assert (payment.overpaid, payment.underpaid) == (Decimal(-1), Decimal(1))


def test_a_charge_includes_quantities_and_freight() -> None:
    lines = (line("10.00", quantity=3, freight=money("4.50")), line("0.01"))
    assert facts_of([placed(lines=lines)]).charge.total == Decimal("34.51")


def test_no_charge_is_computed_while_lines_are_missing() -> None:
    facts = facts_of([placed(lines_complete=False), captured()])
    assert facts.charge.total is None
    assert facts.payment.difference is None
    assert not facts.payment.complete


def test_a_sum_of_many_payments_is_exact() -> None:
    payments = [captured(1, "0.10", id=f"p{n}") for n in range(30)]
    assert facts_of(payments).payment.captured == Decimal("3.00")


@pytest.mark.parametrize(
    ("story", "disagree"),
    [
        ([placed(1), delivered(0)], True),
        ([placed(1), delivered(1)], False),
        ([handed_over(5, shipment="a"), delivered(4, shipment="b")], False),
        ([handed_over(5, shipment="a"), delivered(4, shipment="a")], True),
        ([handed_over(5), delivered(4, shipment="a")], True),
        ([handed_over(1), handed_over(9, id="again"), delivered(5)], True),
        ([placed(5), handed_over(4, shipment="a")], True),
    ],
)
def test_milestones_in_the_wrong_order_are_a_disagreement(story, disagree) -> None:
    assert facts_of(story).milestones.out_of_order is disagree
