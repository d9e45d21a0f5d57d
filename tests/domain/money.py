"""Builders of orders and statements about money."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from domain.money import PositiveMoney
from domain.orders import payment_signals as payments
from domain.orders.content import content_of
from domain.orders.facts import OrderFacts, facts_of
from domain.orders.goods import goods_of
from domain.orders.money_ledger import OrderMoney, PaymentMoney, RefundMoney, money_of
from domain.orders.purchase_signals import Charge, ChargeKind, Line, OrderCancelled, OrderEdited
from domain.orders.signal_body import LinePieces
from domain.orders.signals import Signal
from domain.orders.standing import standing
from tests.domain.signals import ORDER, after, placed


def eur(amount: str) -> PositiveMoney:
    return PositiveMoney(amount, "EUR")


def usd(amount: str) -> PositiveMoney:
    return PositiveMoney(amount, "USD")


def said(kind: type[Any], hours: float, id: str, source: str = "psp", **more: Any) -> Any:
    return kind(source=source, id=id, order=ORDER, event_time=after(hours), **more)


def bought(*prices: str, hours: float = 0, **more: Any) -> Signal:
    """An order with a line for each price: a, b, c …"""
    lines = tuple(
        Line(id=name, sku=f"sku-{name}", price=eur(price))
        for name, price in zip("abcdef", prices, strict=False)
    )
    more = {"lines": lines, "tenders": ("card",), **more}
    return placed(hours, **more)


def edited(hours: float, id: str = "edit", **more: Any) -> OrderEdited:
    edit: OrderEdited = said(OrderEdited, hours, id, "test", **more)
    return edit


def dropped(hours: float = 24, *lines: str, id: str = "cancelled", **more: Any) -> OrderCancelled:
    """A cancellation of these lines; of the whole order without any."""
    if lines:
        more["lines"] = tuple(LinePieces(line=line) for line in lines)
    signal: OrderCancelled = said(OrderCancelled, hours, id, "test", **more)
    return signal


def capture(
    hours: float, amount: str, id: str, source: str = "psp", **more: Any
) -> payments.PaymentCaptured:
    more = {"payment": "pay", **more}
    money = more.pop("money", eur)(amount)
    signal: payments.PaymentCaptured = said(
        payments.PaymentCaptured, hours, id, source, amount=money, **more
    )
    return signal


def authorize(hours: float, amount: str | None, id: str = "auth", **more: Any) -> Any:
    more = {"payment": "pay", **more}
    money = eur(amount) if amount is not None else None
    return said(payments.PaymentAuthorized, hours, id, amount=money, **more)


def _refund(
    kind: type[Any], hours: float, amount: str | None, id: str, source: str, more: Any
) -> Any:
    more = {"payment": "pay", **more}
    money = more.pop("money", eur)
    return said(
        kind, hours, id, source, amount=money(amount) if amount is not None else None, **more
    )


def refund(hours: float, amount: str | None, id: str, source: str = "psp", **more: Any) -> Any:
    return _refund(payments.RefundIssued, hours, amount, id, source, more)


def request(hours: float, amount: str | None, id: str, source: str = "shop", **more: Any) -> Any:
    return _refund(payments.RefundRequested, hours, amount, id, source, more)


def failure(hours: float, amount: str | None, id: str, source: str = "psp", **more: Any) -> Any:
    return _refund(payments.RefundFailed, hours, amount, id, source, more)


def pieces(line: str, quantity: int | None = None, amount: str | None = None) -> Any:
    return payments.RefundedPieces(
        line=line, quantity=quantity, amount=eur(amount) if amount is not None else None
    )


def shipping(amount: str, kind: ChargeKind = ChargeKind.SHIPPING) -> Charge:
    return Charge(kind=kind, amount=eur(amount))


def money(*signals: Signal) -> OrderMoney:
    by_type: dict[type[Any], list[Any]] = {}
    for signal in standing(signals):
        by_type.setdefault(type(signal), []).append(signal)
    return money_of(by_type, goods_of(by_type, content_of(by_type)))


def facts(*signals: Signal) -> OrderFacts:
    return facts_of(signals)


def payment(of: OrderMoney, id: str = "pay") -> PaymentMoney:
    return next(one for one in of.payments if one.id == id)


def refunds_by_id(of: OrderMoney) -> dict[str, RefundMoney]:
    return {one.id: one for one in of.refunds}


def amounts(values: Iterable[Decimal]) -> list[str]:
    return [f"{value:f}" for value in values]
