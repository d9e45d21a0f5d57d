"""The captures of an order, each by every statement about it.

A statement joins the capture whose provider's id it has. Without that id, it joins the first capture
of an equal amount that another source stated within a day, if its own source has not stated that
capture: captures are matched in pairs with their first statement, never in chains.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from domain.money import ZERO, Money
from domain.orders.authorizations import MATCH_WINDOW
from domain.orders.fact_metadata import SignalsByType
from domain.orders.notices import Notice
from domain.orders.payment_signals import PaymentCaptured, PaymentFailed, PaymentStage
from domain.orders.signal_body import given

_Statement: TypeAlias = PaymentCaptured | PaymentFailed


class StatedCapture(Struct, kw_only=True):
    """A capture while its statements are read, in the order of their time."""

    id: str
    payment: str | None
    capture: str | None
    amount: Money
    settles: Money | None
    at: datetime
    statements: list[PaymentCaptured]
    value: Decimal
    """What it adds; less than the stated amount where that is cumulative."""
    has_failed: bool = False
    assumed: bool = False

    def is_stated_by(self, source: str) -> bool:
        return any(s.source == source for s in self.statements)

    @property
    def settled_value(self) -> Decimal | None:
        """What it adds in the currency in which it is settled."""
        if self.settles is None or not self.amount.value:
            return None
        return self.settles.value * self.value / self.amount.value


def captures_of(signals: SignalsByType) -> tuple[list[StatedCapture], list[Notice]]:
    """The captures that did not fail, by time; and a notice for each that two sources stated without an id."""
    found: list[StatedCapture] = []
    for statement in _statements(signals):
        if isinstance(statement, PaymentFailed):
            _fail(found, statement)
        else:
            _add(found, statement)
    notices = [
        notice
        for one in found
        if one.assumed
        for notice in match_notices(one.statements, "capture")
    ]
    return [one for one in found if not one.has_failed and one.statements], notices


def match_notices(statements: Sequence[PaymentCaptured], what: str) -> Iterable[Notice]:
    """A notice for each statement that was taken to mean the same as the first."""
    first = statements[0]
    for other in statements[1:]:
        if other.source != first.source:
            yield Notice(
                signal=other.key,
                pointer=f"/{what}",
                detail=f"taken to mean the same {what} as {first.key}: the amounts are equal and within a "
                f"day. Give `{what}`, the provider's id, to tell them apart",
            )


def _statements(signals: SignalsByType) -> Sequence[_Statement]:
    """Captures, and failures of a named capture; at the same time, a failure counts as the later one."""
    captured: list[PaymentCaptured] = signals.get(PaymentCaptured, [])
    if PaymentFailed not in signals:
        return captured
    failed: list[PaymentFailed] = [
        s
        for s in signals.get(PaymentFailed, [])
        if s.stage is PaymentStage.CAPTURE and given(s.capture) is not None
    ]
    return sorted(
        [*captured, *failed], key=lambda s: (s.event_time, isinstance(s, PaymentFailed), s.key)
    )


def _fail(found: Sequence[StatedCapture], failure: PaymentFailed) -> None:
    for one in found:
        if one.capture == failure.capture and failure.payment in (None, one.payment):
            one.has_failed = True


def _add(found: list[StatedCapture], statement: PaymentCaptured) -> None:
    capture = given(statement.capture)
    value = statement.amount.value
    if given(statement.cumulative):
        added = _read_total(found, statement)
        if added is None:
            return
        value = added
        known = _find_by_id(found, statement)
    else:
        known = _find_by_id(found, statement) or find_match(found, statement) if found else None
    if known is None:
        found.append(
            StatedCapture(
                id=capture or statement.id,
                payment=statement.payment,
                capture=capture,
                amount=statement.amount,
                settles=given(statement.settles),
                at=statement.event_time,
                statements=[statement],
                value=value,
            )
        )
        return
    settles = given(statement.settles)
    if capture is not None and capture == known.capture:
        known.has_failed, known.value = False, value
        known.amount, known.settles = statement.amount, settles or known.settles
    else:
        known.assumed = True
        if capture is not None:
            known.capture = known.id = capture
        if settles is not None and known.settles is None:
            known.amount, known.settles, known.value = statement.amount, settles, value
    known.payment = known.payment or statement.payment
    known.statements.append(statement)


def _find_by_id(found: Iterable[StatedCapture], statement: PaymentCaptured) -> StatedCapture | None:
    capture = given(statement.capture)
    if capture is None:
        return None
    return next(
        (
            one
            for one in found
            if one.capture == capture
            and (statement.payment is None or one.payment in (None, statement.payment))
        ),
        None,
    )


def find_match(found: Iterable[StatedCapture], statement: PaymentCaptured) -> StatedCapture | None:
    """The first capture that another source stated, and that this statement means by its amount."""
    capture = given(statement.capture)
    fits = [
        one
        for one in found
        if not one.has_failed
        and (one.capture is None or capture is None)
        and not one.is_stated_by(statement.source)
        and statement.event_time - one.at <= MATCH_WINDOW
        and (one.payment is None or statement.payment is None or one.payment == statement.payment)
        and _is_same_amount(one, statement)
    ]
    return min(fits, key=lambda one: (one.payment != statement.payment, one.at), default=None)


def _is_same_amount(one: StatedCapture, statement: PaymentCaptured) -> bool:
    """Equal in the currency of the payment, or in the one in which it is settled."""
    mine = statement.amount, given(statement.settles)
    return any(
        amount is not None
        and (amount.currency, amount.value) in ((one.amount.currency, one.value), _settled(one))
        for amount in mine
    )


def _settled(one: StatedCapture) -> tuple[str, Decimal | None]:
    return (one.settles.currency if one.settles is not None else ""), one.settled_value


def _read_total(found: list[StatedCapture], statement: PaymentCaptured) -> Decimal | None:
    """What a total so far adds to the captures of its payment; None if it adds nothing.

    A smaller total than before takes the latest captures back.
    """
    before = [
        one
        for one in found
        if not one.has_failed
        and one.payment == statement.payment
        and one.amount.currency == statement.amount.currency
        and (given(statement.capture) is None or one.capture != given(statement.capture))
    ]
    more = statement.amount.value - sum((one.value for one in before), ZERO)
    for one in reversed(before):
        taken = min(max(-more, ZERO), one.value)
        one.value -= taken
        more += taken
    if before and not more and given(statement.capture) is None:
        before[-1].statements.append(statement)
        return None
    return more
