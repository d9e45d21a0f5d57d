"""The payments of an order: what was authorized and captured of each, in its currency and the order's."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import structs

from domain.money import ZERO, round_money, smallest_unit
from domain.orders.authorizations import (
    PAYMENT_SIGNALS,
    authorization_of,
    last_failure,
    statements_by_time,
)
from domain.orders.captures import StatedCapture, captures_of
from domain.orders.charges import OrderCharge
from domain.orders.content import OrderContent
from domain.orders.fact_metadata import SignalsByType
from domain.orders.money_structs import Capture, PaymentMoney
from domain.orders.notices import Notice
from domain.orders.payment_signals import PaymentCaptured
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.signal_body import given


def payments_of(
    signals: SignalsByType, content: OrderContent, currency: str | None
) -> tuple[list[PaymentMoney], list[Notice]]:
    """The payments by their first statement. Each capture without a payment is a payment of its own."""
    stated = statements_by_time(signals, PAYMENT_SIGNALS)
    if not stated:
        return [], []
    captures, notices = captures_of(signals)
    names = _name_payments(captures, stated)
    by_payment: dict[str, list[StatedCapture]] = {}
    for capture in captures:
        by_payment.setdefault(names[capture.statements[0].key], []).append(capture)
    about: dict[str, list[Any]] = {}
    for signal in stated:
        about.setdefault(names.get(signal.key, signal.payment or ""), []).append(signal)
    unnamed = _statements_without_payment(about, by_payment) if len(about) > 1 else []
    if unnamed:
        # Where the order has one payment, a statement that names none is about it.
        others = [id for id in about if id not in unnamed]
        target = others[0] if len(others) == 1 else unnamed[0]
        merged = [signal for id in unnamed for signal in about.pop(id)]
        about[target] = sorted(
            [*about.get(target, []), *merged], key=lambda s: (s.event_time, s.key)
        )
    covers_any = any(c.payment is None for c in captures)
    found = [
        _payment(id, by_payment.get(id, []), about[id], content, currency, covers_any)
        for id in about
    ]
    currencies = {payment.id: payment.currency for payment in found}
    for capture in captures:
        first = capture.statements[0]
        if (own := currencies[names[first.key]]) != capture.amount.currency:
            detail = (
                f"payment {names[first.key]} is in {own}, so this capture of {capture.amount} does not "
                "count. Replace the statement, or name the payment that it belongs to"
            )
            notices.append(Notice(signal=first.key, pointer="/amount/currency", detail=detail))
    return found, notices


def with_unknown_amounts(
    payments: Sequence[PaymentMoney], charge: OrderCharge
) -> list[PaymentMoney]:
    """The payments; an authorization of an unknown amount is taken to be for what the order costs.

    So it is open until the captures and voids come up to that. What is not known is not zero: a first
    capture of a part does not end it.
    """
    return [
        structs.replace(one, is_open=_is_unknown_open(one, payments, charge))
        if one.is_amount_unknown
        else one
        for one in payments
    ]


def _is_unknown_open(
    one: PaymentMoney, payments: Sequence[PaymentMoney], charge: OrderCharge
) -> bool:
    secured = sum((p.settled for p in payments), ZERO)
    secured += sum((p.open_authorization * (p.rate or 1) for p in payments if p is not one), ZERO)
    secured += one.voided * (one.rate or 1)
    if one.is_open and not one.voided:
        return True  # nothing was captured of it
    cost = charge.highest if charge.is_cancelled else charge.now
    if cost is None or (one.captures and (charge.is_cancelled or one.rate is None)):
        return False
    return secured + smallest_unit(one.currency) < cost


def tenders_of(signals: SignalsByType, content: OrderContent) -> tuple[str, ...] | None:
    """The means of payment by the order of now, else by the first statement that names them."""
    current = content.current
    if current is not None and current.tenders is not None:
        return current.tenders
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    return next((one.tenders for one in placed if one.tenders is not None), None)


def is_complete(
    signals: SignalsByType, payments: Sequence[PaymentMoney], content: OrderContent
) -> bool:
    """Whether all lines are known, and each tender has a payment that is captured.

    Several captures of one payment are one payment; an open authorization is still to be captured.
    """
    tenders = tenders_of(signals, content)
    paid = [one for one in payments if one.captures and not one.is_open]
    return content.lines_known and tenders is not None and len(paid) >= len(tenders)


def _name_payments(captures: Sequence[StatedCapture], stated: Sequence[Any]) -> dict[str, str]:
    """Statement -> its payment: the provider's id, else the id of the statement."""
    names: dict[str, str] = {}
    owners: dict[str, str] = {s.payment: "" for s in stated if s.payment is not None}
    for capture in captures:
        first = capture.statements[0]
        name = capture.payment
        if name is None:
            name = first.id if owners.setdefault(first.id, first.key) == first.key else first.key
        names |= {statement.key: name for statement in capture.statements}
    for signal in stated:
        if signal.key not in names:
            own = signal.id if signal.id not in owners else signal.key
            names[signal.key] = signal.payment or own
    return names


def _statements_without_payment(
    about: Mapping[str, Sequence[Any]], captured: Mapping[str, Sequence[StatedCapture]]
) -> list[str]:
    """The names under which only statements stand that name no payment, and no capture."""
    return [
        id
        for id, signals in about.items()
        if id not in captured and all(s.payment is None for s in signals)
    ]


def _payment(
    id: str,
    captures: Sequence[StatedCapture],
    stated: Sequence[Any],
    content: OrderContent,
    currency: str | None,
    covers_any: bool,
) -> PaymentMoney:
    authorization = authorization_of(stated)
    own = captures[0].amount.currency if captures else authorization.currency or currency
    mine = [one for one in captures if one.amount.currency == own]
    captured = sum((one.value for one in mine), ZERO)
    covered = captured if mine or not covers_any else authorization.amount or ZERO
    rate = _rate(mine, own, authorization.amount, authorization.settles, content, currency)
    settled = [_settled(one, own, currency, rate) for one in mine]
    failure = last_failure(stated)
    return PaymentMoney(
        id=id,
        currency=own,
        tender=next((t for s in reversed(stated) if (t := _tender(s))), None),
        authorized=authorization.amount,
        authorized_at=authorization.at,
        open_authorization=authorization.open_amount(covered),
        is_open=authorization.is_open(covered, bool(captures) or covers_any),
        voided=authorization.released,
        is_amount_unknown=authorization.is_of_payment
        and authorization.amount is None
        and not authorization.is_ended,
        expires_at=authorization.expires_at,
        captures=tuple(_capture(one, value) for one, value in zip(mine, settled, strict=True)),
        captured=captured,
        settled=sum((value for value in settled if value is not None), ZERO),
        rate=rate,
        failed_at=failure.at if failure is not None else None,
        failure_open=failure is not None and failure.is_open,
    )


def _tender(signal: Any) -> str | None:
    method = signal.method if isinstance(signal, PaymentCaptured) else None
    tender: str | None = given(signal.tender)
    return tender or method


def _capture(one: StatedCapture, settled: Decimal | None) -> Capture:
    return Capture(
        id=one.id,
        amount=one.value,
        currency=one.amount.currency,
        at=one.at,
        sources=tuple(statement.key for statement in one.statements),
        settles=settled,
        assumed=one.assumed,
    )


def _settled(
    one: StatedCapture, own: str | None, currency: str | None, rate: Decimal | None
) -> Decimal | None:
    if own == currency:
        return one.value
    if one.settles is not None and one.settles.currency == currency:
        value = one.settled_value
        return round_money(value, currency) if value is not None else None
    return round_money(one.value * rate, currency) if rate is not None else None


def _rate(
    captures: Iterable[StatedCapture],
    own: str | None,
    authorized: Decimal | None,
    settles: Decimal | None,
    content: OrderContent,
    currency: str | None,
) -> Decimal | None:
    """One unit of the payment in the order's currency: by its captures, its authorization, the checkout."""
    if own == currency:
        return Decimal(1)
    pairs = [
        (one.value, value)
        for one in captures
        if one.settles is not None
        and one.settles.currency == currency
        and (value := one.settled_value) is not None
    ]
    if total := sum((value for value, _ in pairs), ZERO):
        return sum((value for _, value in pairs), ZERO) / total
    if authorized and settles is not None:
        return settles / authorized
    shown = given(content.current.presentment) if content.current is not None else None
    total_shown = shown.total.value if shown and shown.currency == own and shown.total else ZERO
    cost = content.total_told if content.total_told is not None else content.parts_total
    return cost / total_shown if total_shown and cost is not None else None
