"""The stage of an order follows from its facts: where its first unfinished milestone is, and since when."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.facts import facts_of
from domain.orders.payment_signals import DisputeOpened
from domain.orders.shipment_signals import ShipmentLost
from domain.orders.signal_body import LinePieces
from domain.orders.stage import Stage, find_spans
from tests.domain.exception_signals import (
    decided,
    labelled,
    refund_asked,
    return_asked,
    return_refused,
    screened,
)
from tests.domain.money import bought, capture, dropped, eur, failure, pieces, refund, said
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    allocated,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    line,
    placed,
    refunded,
    released,
    returned,
    scanned,
    statement_lists,
)

PAID = (placed(), approved(1), captured(2))
SENT = (*PAID, allocated(3), released(6), handed_over(20))
DONE = (*SENT, delivered(60))


def spans_of(*signals, named=tuple(Stage)):
    began = min(signal.event_time for signal in signals)
    found = find_spans(facts_of(signals), began, named)
    hours = {after(n): n for n in range(300)}
    return [(str(stage), hours[since], until and hours[until]) for stage, since, until in found]


@pytest.mark.parametrize(
    ("signals", "last"),
    [
        ((scanned(1),), ("delivery", 1, None)),
        ((approved(1),), ("intake", 1, None)),
        ((placed(),), ("payment", 0, None)),
        ((placed(lines=(), lines_complete=False),), ("payment", 0, None)),
        ((placed(), allocated(1)), ("payment", 0, None)),
        ((placed(), captured(2)), ("allocation", 2, None)),
        (PAID, ("allocation", 1, None)),
        ((placed(), screened(1, "review")), ("intake", 0, None)),
        ((placed(), screened(1, "review"), decided(5, "accept")), ("payment", 5, None)),
        ((*PAID, allocated(3)), ("release", 3, None)),
        ((*PAID, released(6)), ("shipment", 6, None)),
        ((*PAID, allocated(3), released(6)), ("shipment", 6, None)),
        (SENT, ("delivery", 20, None)),
        ((*PAID, handed_over(20)), ("delivery", 20, None)),
        (DONE, ("delivery", 20, 60)),
        ((*DONE, return_asked(80)), ("return", 80, None)),
        ((*SENT, return_asked(80)), ("return", 80, None)),
        ((*DONE, return_asked(80), return_refused(81)), ("return", 80, 81)),
        ((*DONE, return_asked(80), returned(90)), ("return", 80, None)),
        ((*DONE, return_asked(80), returned(90), refunded(95)), ("return", 80, 95)),
        ((*DONE, refund_asked(70)), ("return", 70, None)),
        ((*DONE, refund_asked(70), refunded(75, "5.00")), ("return", 70, 75)),
        ((placed(), cancelled(3)), ("payment", 0, 3)),
        ((*PAID, cancelled(3)), ("return", 3, None)),
        ((*PAID, cancelled(3), refunded(5)), ("return", 3, 5)),
        ((placed(), cancelled(3), captured(4)), ("return", 4, None)),
    ],
)
def test_an_order_is_in_the_stage_of_its_first_unfinished_milestone(signals, last) -> None:
    assert spans_of(*signals)[-1] == last


def test_an_order_passes_one_stage_after_the_other() -> None:
    assert spans_of(*DONE) == [
        ("payment", 0, 1),
        ("allocation", 1, 3),
        ("release", 3, 6),
        ("shipment", 6, 20),
        ("delivery", 20, 60),
    ]


def test_a_free_order_waits_for_no_payment() -> None:
    assert spans_of(placed(lines=(line("0"),)))[-1] == ("allocation", 0, None)


def test_an_order_is_in_delivery_while_one_of_its_parcels_is_on_the_way() -> None:
    parcels = [labelled(10, name, tracking=name) for name in ("a", "b")]
    sent = [handed_over(20, id=f"sent-{name}", shipment=name, tracking=name) for name in ("a", "b")]
    first = delivered(60, shipment="a")
    assert spans_of(*PAID, *parcels, *sent, first)[-1] == ("delivery", 20, None)
    second = delivered(70, "second", shipment="b")
    assert spans_of(*PAID, *parcels, *sent, first, second)[-1][2] is not None


def two_parcels(*more):
    """Line a arrives in parcel a, and line b is lost in parcel b."""
    sent = [
        handed_over(20, id=f"sent-{n}", shipment=n, lines=(LinePieces(line=n, quantity=1),))
        for n in ("a", "b")
    ]
    lost = said(ShipmentLost, 50, "lost", shipment="b")
    paid = capture(2, "30.00", "ch_1")
    return (bought("10.00", "20.00"), paid, *sent, delivered(60, shipment="a"), lost, *more)


def lost_line(quantity=1, amount=None):
    return {"lines": (pieces("b", quantity, amount),)}


@pytest.mark.parametrize(
    ("more", "until"),
    [
        ((), None),
        ((refund(70, "20.00", "r", **lost_line()),), 70),
        ((refund(70, "20.00", "r"),), 70),
        ((refund(55, "20.00", "r"),), 60),
        ((refund(70, "5.00", "r"),), None),
        ((refund(70, "5.00", "r"), refund(80, "15.00", "r2")), 80),
        ((refund(70, "10.00", "r", lines=(pieces("a", 1),)),), None),
        ((refund(70, "20.00", "r", **lost_line()), failure(75, "20.00", "f")), None),
        ((said(DisputeOpened, 90, "d", payment="pay", amount=eur("30.00")),), 90),
        ((delivered(80, "found", shipment="b"),), 80),
        ((handed_over(70, id="again", shipment="c", lines=(LinePieces(line="b"),)),), None),
        (
            (
                handed_over(70, id="again", shipment="c", lines=(LinePieces(line="b"),)),
                delivered(95, "found", shipment="c"),
            ),
            95,
        ),
        ((handed_over(70, id="again", shipment="c"), delivered(95, "found", shipment="c")), 95),
        ((dropped(75, "b"),), 60),
    ],
)
def test_what_is_lost_has_an_owner_until_it_is_sent_again_or_given_back(more, until) -> None:
    stage, _, ended = spans_of(*two_parcels(*more))[-1]
    assert (stage, ended) == ("delivery", until)


def test_an_order_that_is_lost_as_a_whole_is_closed_with_its_money() -> None:
    lost = said(ShipmentLost, 50, "lost", shipment="b")
    sent = (bought("10.00"), capture(2, "10.00", "ch_1"), handed_over(20, shipment="b"), lost)
    assert spans_of(*sent)[-1] == ("delivery", 20, None)
    assert spans_of(*sent, refund(70, "10.00", "r"))[-1] == ("delivery", 20, 70)


def test_a_loss_of_unknown_pieces_has_an_owner_until_money_is_given_back() -> None:
    sent = [handed_over(20, id=f"sent-{n}", shipment=n) for n in ("a", "b")]
    lost = said(ShipmentLost, 50, "lost", shipment="b")
    for order in (bought("10.00", "20.00"), placed(lines=(), lines_complete=False)):
        story = (order, capture(2, "30.00", "c"), *sent, delivered(60, shipment="a"), lost)
        assert spans_of(*story)[-1] == ("delivery", 20, None)
        assert spans_of(*story, refund(70, "9.00", "r"))[-1] == ("delivery", 20, 70)
        assert spans_of(*story, refund(10, "9.00", "r"))[-1] == ("delivery", 20, None)


def test_the_time_of_a_stage_that_policy_does_not_name_counts_for_the_next_one() -> None:
    named = (Stage.PAYMENT, Stage.SHIPMENT, Stage.DELIVERY, Stage.RETURN)
    assert spans_of(*PAID, named=named) == [("payment", 0, 1), ("shipment", 1, None)]
    assert spans_of(*DONE, named=named) == [
        ("payment", 0, 1),
        ("shipment", 1, 20),
        ("delivery", 20, 60),
    ]


@settings(BOUNDED_SETTINGS)
@given(signals=statement_lists(least=1, most=8), chance=st.randoms(use_true_random=False))
def test_stages_follow_each_other_in_any_order_of_arrival(signals, chance) -> None:
    began = min(signal.event_time for signal in signals)
    spans = find_spans(facts_of(signals), began)
    shuffled = chance.sample(signals, len(signals))
    assert find_spans(facts_of(shuffled), began) == spans
    assert [stage for stage, _, _ in spans] == [s for s in Stage if s in {x for x, _, _ in spans}]
    for (_, since, until), (stage, following, _) in pairwise(spans):
        assert until is not None
        assert since < until
        assert until <= following if stage is Stage.RETURN else until == following
    assert all(until is None or until > since for _, since, until in spans)
