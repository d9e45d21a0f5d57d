"""Money is conserved, and no figure depends on the order in which statements arrive."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders import payment_signals as payments
from domain.orders.money_ledger import RefundState
from domain.orders.purchase_signals import OrderCancelled, OrderEdited
from domain.orders.return_signals import ReturnedPieces, ReturnReceived
from domain.orders.signal_body import LinePieces, SignalRetracted
from domain.orders.signals import Signal
from tests.domain.money import bought, eur, facts, money, said, shipping, usd
from tests.domain.signals import BOUNDED_SETTINGS

MANY = settings(BOUNDED_SETTINGS, max_examples=200)
SOURCES = st.sampled_from(["psp", "shop", "bank"])
HOURS = st.integers(0, 60)
AMOUNTS = st.sampled_from(["10", "20", "40", "60"])
PAYMENTS = st.sampled_from(["pay", "pay", "other", None])
IDS = st.sampled_from([None, None, "x", "y"])
LINES = st.sampled_from(["a", "b", "z"])


def _with_id(name: str, id: str | None) -> dict[str, Any]:
    return {name: id} if id is not None else {}


@st.composite
def statements(draw: st.DrawFn, n: int) -> Signal:
    """One statement about the money of an order of two lines and a shipping charge."""
    hours, source, id = draw(HOURS), draw(SOURCES), f"s{n}"
    common: dict[str, Any] = {"payment": draw(PAYMENTS)}
    amount = draw(st.sampled_from([eur, eur, eur, usd]))(draw(AMOUNTS))
    kind = draw(st.sampled_from(["capture"] * 4 + ["refund"] * 4 + ["other"] * 4))
    if kind == "capture":
        more = _with_id("capture", draw(IDS)) | draw(
            st.sampled_from([{}, {}, {"cumulative": True}, {"settles": eur("30")}])
        )
        return said(payments.PaymentCaptured, hours, id, source, amount=amount, **common, **more)
    if kind == "refund":
        of = draw(
            st.sampled_from(
                [
                    *(payments.RefundIssued, payments.RefundIssued),
                    *(payments.RefundRequested, payments.RefundFailed),
                ]
            )
        )
        line = payments.RefundedPieces(
            line=draw(LINES), quantity=draw(st.sampled_from([None, 1, 2]))
        )
        more = _with_id("refund", draw(IDS)) | draw(
            st.sampled_from([{}, {}, {"cumulative": True}, {"lines": (line,)}])
        )
        told = None if "lines" in more and draw(st.booleans()) else amount
        return said(of, hours, id, source, amount=told, **common, **more)
    return draw(
        st.sampled_from(
            [
                said(payments.PaymentAuthorized, hours, id, source, amount=amount, **common),
                said(payments.PaymentVoided, hours, id, source, **common),
                said(
                    payments.PaymentFailed,
                    hours,
                    id,
                    source,
                    stage=payments.PaymentStage.CAPTURE,
                    capture="x",
                    **common,
                ),
                said(payments.DisputeOpened, hours, id, source, amount=amount, **common),
                said(
                    payments.DisputeClosed,
                    hours,
                    id,
                    source,
                    outcome=payments.DisputeOutcome.WON,
                    **common,
                ),
                said(OrderCancelled, hours, id, "test", lines=(LinePieces(line="b"),)),
                said(OrderCancelled, hours, id, "test"),
                said(OrderEdited, hours, id, "test", lines=bought("60").lines),
                said(ReturnReceived, hours, id, "wms", lines=(ReturnedPieces(line="a"),)),
                said(SignalRetracted, hours, id, source, of="s0"),
            ]
        )
    )


@st.composite
def stories(draw: st.DrawFn) -> list[Signal]:
    count = draw(st.integers(0, 9))
    first = bought("60", "40", charges=(shipping("5"),))
    return [first, *(draw(statements(n)) for n in range(count))]


@MANY
@given(story=stories(), chance=st.randoms(use_true_random=False))
def test_money_does_not_depend_on_the_order_of_arrival(story, chance) -> None:
    shuffled = chance.sample(story, len(story))
    assert money(*shuffled) == money(*story)
    assert facts(*shuffled) == facts(*story)


@MANY
@given(story=stories())
def test_what_was_captured_of_a_payment_is_given_back_or_left(story) -> None:
    found = money(*story)
    for one in found.payments:
        assert one.captured == sum((capture.amount for capture in one.captures), Decimal(0))
        assert one.captured == one.given_back + one.reserved + one.disputed + one.left
        mine = [refund for refund in found.refunds if refund.payment == one.id]
        issued = [r.of_payment for r in mine if r.state is RefundState.ISSUED]
        assert one.given_back == sum(issued, Decimal(0))


@MANY
@given(story=stories())
def test_no_payment_and_no_line_gives_back_more_than_it_has_without_saying_so(story) -> None:
    found = facts(*story)
    for payment in found.parts.payment:
        assert payment.left >= 0 or payment.too_much
        assert (payment.too_much_reason is not None) is payment.too_much
    for line in found.parts.line:
        assert line.left is None or line.left >= 0 or line.refunded_too_much
    for charge in found.parts.charge:
        assert charge.left >= 0 or charge.too_much


@MANY
@given(story=stories())
def test_each_statement_counts_for_one_capture_and_one_refund_at_most(story) -> None:
    found = money(*story)
    for parts in (
        [capture for payment in found.payments for capture in payment.captures],
        found.refunds,
    ):
        keys = Counter(key for part in parts for key in part.sources)
        assert set(keys.values()) <= {1}
    ids = [one.id for one in found.payments], [one.id for one in found.refunds]
    assert all(len(some) == len(set(some)) for some in ids)


@MANY
@given(story=stories())
def test_the_balance_explains_all_money_in_hand(story) -> None:
    found = money(*story)
    assert min(found.refund_due, found.overpaid, found.underpaid) >= 0
    if found.charge is not None:
        in_hand = found.captured - found.given_back - found.disputed
        assert found.refund_due + found.overpaid <= max(in_hand, Decimal(0)) or in_hand < 0
        if found.refund_due:
            assert in_hand > 0


@MANY
@given(story=stories())
def test_the_shares_of_a_refund_are_its_amount(story) -> None:
    for refund in money(*story).refunds:
        shares = sum((amount for _, amount in refund.lines.values()), Decimal(0))
        shares += sum(refund.charges.values(), Decimal(0))
        if refund.settled is not None and shares:
            assert shares == refund.settled
