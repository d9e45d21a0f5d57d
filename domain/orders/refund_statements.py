"""The refunds of an order, each by every statement about it.

A statement joins the refund whose provider's id it has. Without that id, `issued` answers a request
of the same amount, or joins an equal amount of the same payment that another source issued within a
day, in pairs; `failed` is about the latest such refund. The latest statement counts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from msgspec import Struct

from domain.money import ZERO, Money
from domain.orders.authorizations import MATCH_WINDOW
from domain.orders.charges import Costs
from domain.orders.exchange import in_order, in_payment
from domain.orders.fact_metadata import SignalsByType
from domain.orders.money_structs import PaymentMoney, RefundState
from domain.orders.payment_signals import (
    RefundedCharge,
    RefundedPieces,
    RefundFailed,
    RefundIssued,
    RefundRequested,
)
from domain.orders.refund_shares import Given, share_refund
from domain.orders.refund_shares import Statement as StatedParts
from domain.orders.signal_body import given

Statement: TypeAlias = RefundRequested | RefundIssued | RefundFailed
_STATES: Final[dict[type[Any], RefundState]] = {
    RefundRequested: RefundState.REQUESTED,
    RefundIssued: RefundState.ISSUED,
    RefundFailed: RefundState.FAILED,
}
REFUND_SIGNALS: Final = (RefundRequested, RefundIssued, RefundFailed)
_RANKS: Final = {kind: rank for rank, kind in enumerate(REFUND_SIGNALS)}


class StatedRefund(Struct, kw_only=True):
    """A refund while its statements are read, in the order of their time."""

    id: str
    refund: str | None
    payment: str | None
    statements: list[Statement]
    state: RefundState
    value: Decimal | None = None
    """The amount stated last; less than that where it is cumulative."""
    currency: str | None = None
    """The currency of that amount."""
    assumed: bool = False

    @property
    def at(self) -> datetime:
        """When it reached its state, by the first of the statements that say so."""
        at = self.statements[-1].event_time
        for statement in reversed(self.statements):
            if _STATES[type(statement)] is self.state:
                at = statement.event_time
            elif _STATES[type(statement)] is not RefundState.REQUESTED:
                break
        return at

    def is_stated_by(self, source: str, kind: type[Any]) -> bool:
        return any(s.source == source and type(s) is kind for s in self.statements)

    def last(self, name: str) -> Any:
        """The value of a field by the latest statement that gives it; None if none does."""
        found = (given(getattr(s, name)) for s in reversed(self.statements))
        return next((value for value in found if value not in (None, ())), None)


class _Rates(Struct, frozen=True):
    """The payment of a statement, and the currency and the costs of the order."""

    payment: PaymentMoney | None
    currency: str | None
    costs: Costs

    def of_parts(self, statement: Statement) -> set[tuple[str | None, Decimal]]:
        """The value of the lines and charges that a statement without an amount names."""
        lines, charges = given(statement.lines) or (), given(statement.charges) or ()
        if not lines and not charges:
            return set()
        parts = StatedParts(
            key=statement.key, amount=None, lines=lines, charges=charges, rates={}, is_given=False
        )
        return {(self.currency, share_refund(parts, self.costs, Given({}, {}, {})).total)}

    def and_exchanged(self, amounts: set[tuple[str | None, Decimal]]) -> set[Any]:
        """The amounts, and each in the currency of the order and of the payment, if it has another one."""
        payment = self.payment
        if payment is None or payment.currency == self.currency or not payment.rate:
            return amounts
        found: set[Any] = set(amounts)
        for own, value in amounts:
            found.add((self.currency, in_order(value, own, None, payment, self.currency)))
            if own in (self.currency, payment.currency):
                other = in_payment(value, own, None, payment, self.currency)
                found.add((payment.currency, other))
        return found


def stated_amount(statement: Statement) -> Money | None:
    """The amount of a refund; where only its parts have amounts, all in one currency, their sum."""
    if statement.amount is not None:
        return statement.amount
    parts: list[RefundedPieces | RefundedCharge] = [*(given(statement.lines) or ())]
    parts += given(statement.charges) or ()
    amounts = [part.amount for part in parts if part.amount is not None]
    if not amounts or len(amounts) < len(parts) or len({one.currency for one in amounts}) > 1:
        return None
    whole = sum((one.value for one in amounts), ZERO)
    return Money(f"{whole:f}", amounts[0].currency)


def stated_refunds(
    signals: SignalsByType,
    only_payment: str | None,
    payments: Mapping[str, PaymentMoney],
    currency: str | None,
    costs: Costs,
) -> list[StatedRefund]:
    """The refunds by their first statement. `only_payment` is meant where none is named.

    Equal amounts are equal in the order's currency too, by the rate of the payment. A statement without an
    amount has the value of the parts that it names.
    """
    statements: list[Statement] = [s for kind in _STATES for s in signals.get(kind, ())]
    statements.sort(key=lambda s: (s.event_time, _RANKS[type(s)], s.key))
    ids = {id for s in statements if (id := given(s.refund)) is not None}
    found: list[StatedRefund] = []
    for statement in statements:
        payment = statement.payment or only_payment
        _add(found, statement, ids, payment, _Rates(payments.get(payment or ""), currency, costs))
    return found


def _add(
    found: list[StatedRefund],
    statement: Statement,
    ids: Iterable[str],
    payment: str | None,
    rates: _Rates,
) -> None:
    refund = given(statement.refund)
    if refund is None and statement.id in ids:
        refund = statement.id  # sources without a field for it use the provider's id as their own
    amount = stated_amount(statement)
    value = amount.value if amount is not None else None
    known = next((one for one in found if refund is not None and one.refund == refund), None)
    is_total = bool(given(statement.cumulative)) and not isinstance(statement, RefundFailed)
    if is_total and value is not None:
        value = _read_total(found, statement, refund, payment, value)
        if value is None:
            return
    is_match = False
    if known is None:
        known = _find_match(found, statement, refund, payment, value, is_total, rates)
        is_match = known is not None
    if known is None:
        found.append(
            StatedRefund(
                id=refund or statement.id
                if _is_free(found, refund or statement.id)
                else statement.key,
                refund=refund,
                payment=payment,
                statements=[statement],
                state=_STATES[type(statement)],
                value=value,
                currency=amount.currency if amount is not None else None,
            )
        )
        return
    state = _STATES[type(statement)]
    if is_match:
        twin = any(type(s) is type(statement) for s in known.statements)
        known.assumed = known.assumed or twin
        if known.refund is None and refund is not None:
            known.refund = known.id = refund
    # A request that was matched by its amount alone does not take an issued refund back.
    if not (is_match and state is RefundState.REQUESTED):
        known.state = state
    if value is not None and (not is_match or known.value is None):
        known.value, known.currency = value, amount.currency if amount is not None else None
    known.payment = known.payment or payment
    known.statements.append(statement)


def _is_free(found: Iterable[StatedRefund], id: str) -> bool:
    return all(one.id != id for one in found)


def _find_match(
    found: Sequence[StatedRefund],
    statement: Statement,
    refund: str | None,
    payment: str | None,
    value: Decimal | None,
    is_total: bool,
    rates: _Rates,
) -> StatedRefund | None:
    fits = [
        one
        for one in found
        if (one.refund is None or refund is None)
        and (one.payment is None or payment is None or one.payment == payment)
        and _is_same(one, statement, value, rates)
    ]
    pairs = [one for one in fits if not is_total and _is_pair(one, statement)]
    if isinstance(statement, RefundFailed):
        issued = [one for one in fits if one.state is not RefundState.FAILED]
        best = [one for one in issued if any(s.source == statement.source for s in one.statements)]
        again = [one for one in pairs if one.state is RefundState.FAILED]
        return next(iter(again or reversed(best or issued)), None)
    if isinstance(statement, RefundIssued):
        open_ones = [one for one in fits if one.state is RefundState.REQUESTED]
        mine = [one for one in open_ones if one.is_stated_by(statement.source, RefundRequested)]
        return next(iter(mine or pairs or open_ones), None)
    return next(iter(pairs), None)


def _is_same(one: StatedRefund, statement: Statement, value: Decimal | None, rates: _Rates) -> bool:
    """Equal amounts; a request or a failure without an amount fits any."""
    is_bare = one.value is None or value is None
    if is_bare and (not isinstance(statement, RefundIssued) or one.state is RefundState.REQUESTED):
        return True
    if one.value is None and value is None:
        return _parts_of(statement) == _parts_of(one.statements[-1])
    amount = stated_amount(statement)
    currency = amount.currency if amount is not None else one.currency
    mine = {(currency, value)} if value is not None else rates.of_parts(statement)
    mine.update(_pairs(given(statement.settles)))
    theirs = (
        {(one.currency, one.value)} if one.value is not None else rates.of_parts(one.statements[-1])
    )
    theirs |= {pair for s in one.statements for pair in _pairs(given(s.settles))}
    return not rates.and_exchanged(mine).isdisjoint(rates.and_exchanged(theirs))


def _parts_of(statement: Statement) -> tuple[Sequence[RefundedPieces], Sequence[RefundedCharge]]:
    return given(statement.lines) or (), given(statement.charges) or ()


def _pairs(money: Money | None) -> list[tuple[str | None, Decimal]]:
    return [(money.currency, money.value)] if money is not None else []


def _is_pair(one: StatedRefund, statement: Statement) -> bool:
    """Whether another source stated the same thing within a day, and this source did not."""
    kinds: tuple[type[Any], ...] = (type(statement),)
    if isinstance(statement, RefundRequested):
        kinds = (RefundRequested, RefundIssued)
    others = [s for s in one.statements if isinstance(s, kinds)]
    return (
        bool(others)
        and all(s.source != statement.source for s in others)
        and statement.event_time - others[0].event_time <= MATCH_WINDOW
    )


def _read_total(
    found: list[StatedRefund],
    statement: Statement,
    refund: str | None,
    payment: str | None,
    total: Decimal,
) -> Decimal | None:
    """What a total so far adds to the refunds of its payment; None if it adds nothing."""
    counts: Callable[[StatedRefund], bool] = (
        (lambda one: one.state is RefundState.ISSUED)
        if isinstance(statement, RefundIssued)
        else (lambda one: one.state is not RefundState.FAILED)
    )
    before = [
        one
        for one in found
        if counts(one)
        and one.value is not None
        and one.payment == payment
        and (refund is None or one.refund != refund)
    ]
    more = total - sum((one.value or ZERO for one in before), ZERO)
    for one in reversed(before):
        taken = min(max(-more, ZERO), one.value or ZERO)
        one.value = (one.value or ZERO) - taken
        more += taken
    if before and not more and refund is None:
        before[-1].statements.append(statement)
        return None
    return more
