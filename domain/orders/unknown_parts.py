"""Finds statements that name a parcel, return, payment or refund that nobody else has told, or unknown pieces.

Such an id is often misspelt. The statement is kept, and what it names is a part of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from domain.orders import payment_signals as payments
from domain.orders import return_signals as returns
from domain.orders import shipment_signals as shipments
from domain.orders.fact_metadata import SignalsByType
from domain.orders.goods import Goods
from domain.orders.money_structs import OrderMoney, RefundState
from domain.orders.notices import Notice
from domain.orders.parcel_names import names_of, tracking_of
from domain.orders.parcels import PARCEL_SIGNALS
from domain.orders.refund_statements import stated_amount
from domain.orders.returned_pieces import told_pieces_of
from domain.orders.signal_body import given
from domain.orders.signals import event_time_key

_PACKING: Final = (shipments.LabelCreated, shipments.HandedOver)
_ASKED: Final = (returns.ReturnRequested, returns.ReturnAuthorized)
_LABELLED: Final = (returns.ReturnLabelCreated, returns.ReturnReceived)


class _Known(NamedTuple):
    """The statements of the order that count, with the goods and the money that they add up to."""

    by_type: SignalsByType
    goods: Goods
    money: OrderMoney

    def told(self, *kinds: type[Any]) -> list[Any]:
        return [signal for kind in kinds for signal in self.by_type.get(kind, ())]


def find_unknown_parts(
    by_type: SignalsByType, goods: Goods, money: OrderMoney, asked: Iterable[Any]
) -> Iterator[Notice]:
    """The notices about these statements, which count."""
    known = _Known(by_type, goods, money)
    for signal in asked:
        for check in _CHECKS.get(type(signal), ()):
            yield from check(known, signal)


def _parcel(known: _Known, signal: Any) -> Iterator[Notice]:
    """A parcel that nobody has packed, beside others that somebody has; or one without pieces."""
    if given(signal.direction) is shipments.Direction.BACK or given(signal.rma):
        return
    stated = sorted(known.told(*PARCEL_SIGNALS), key=event_time_key)
    names = dict(zip((s.key for s in stated), names_of(stated), strict=True))
    name = names[signal.key]
    packed = {names[s.key]: None for s in stated if isinstance(s, _PACKING) or s.lines is not UNSET}
    others = [id for id in packed if id not in (name, None)]
    if name is None or not others:
        return
    if name not in packed:
        yield Notice(
            signal=signal.key,
            pointer=_pointer_to_parcel(signal),
            detail=f"nobody has told of parcel {name} yet; the parcels of the order are: "
            f"{_list(others)}. Correct the parcel, or send its shipment.label_created or "
            "shipment.handed_over",
        )
    elif isinstance(signal, _PACKING) and _is_empty(name, known.goods):
        yield Notice(
            signal=signal.key,
            pointer=_pointer_to_parcel(signal),
            detail=f"parcel {name} holds nothing: all pieces are in other parcels, which are: "
            f"{_list(others)}. Correct the parcel, or tell the `lines` in it",
        )


def _is_empty(parcel: str, goods: Goods) -> bool:
    """Whether a parcel without lines holds nothing, since all pieces are in others."""
    told = next((one.told for one in goods.outbound if one.id == parcel), None)
    return goods.content.lines_known and not told and goods.pieces.get(parcel) == {}


def _pointer_to_parcel(signal: Any) -> str:
    if signal.shipment is not None:
        return "/shipment"
    return "/tracking" if tracking_of(signal) is not None else "/fulfilment"


def _claimed_parcel(known: _Known, signal: shipments.CustomerClaimed) -> Iterator[Notice]:
    names = [parcel.id for parcel in known.goods.parcels if parcel.is_named]
    if names and signal.shipment is not None and signal.shipment not in names:
        yield Notice(
            signal=signal.key,
            pointer="/shipment",
            detail=f"the order has no parcel {signal.shipment} yet; its parcels are: {_list(names)}. "
            "Correct the shipment, or leave it out if the claim is about all of them",
        )


def _return(known: _Known, signal: Any) -> Iterator[Notice]:
    """A return that nobody has requested, beside others that somebody has."""
    rma = given(signal.rma)
    asked = [s.rma for s in known.told(*_ASKED) if s.key != signal.key]
    if isinstance(signal, returns.ReturnAuthorized):
        asked = [s.rma for s in known.told(returns.ReturnRequested)]
    if not rma or rma in asked or "" in asked:
        return  # a request that names no return may be about this one
    is_end = isinstance(signal, returns.ReturnCancelled | returns.ReturnClosed)
    if is_end and rma in [s.rma for s in known.told(*_LABELLED)]:
        return
    if asked or is_end:
        yield Notice(
            signal=signal.key,
            pointer="/rma",
            detail=f"nobody has requested or authorized return {rma} yet; the returns of the order are: "
            f"{_list(asked) or 'none'}. Correct the rma, or send its return.requested or "
            "return.authorized",
        )


def _received_pieces(known: _Known, signal: returns.ReturnReceived) -> Iterator[Notice]:
    """A return that came back, and of which nobody tells the pieces."""
    goods = known.goods
    is_single = sum(one.delivered + one.returned for one in goods.lines) == 1
    if goods.content.lines_known and not is_single and not told_pieces_of(signal, known.by_type):
        yield Notice(
            signal=signal.key,
            pointer="",
            detail="nobody has told which pieces came back, so none count as returned, and no money is due for "
            "them. Replace the statement, with `lines`, or send a return.authorized with them",
        )


def _capture(known: _Known, signal: payments.PaymentCaptured) -> Iterator[Notice]:
    """A capture of a payment that nobody has authorized, and that equals an authorization."""
    begun = known.told(payments.PaymentPending, payments.PaymentAuthorized)
    authorized = {s.payment for s in begun}
    if signal.payment is None or signal.payment in authorized or signal.amount is None:
        return
    waiting = [
        one.id
        for one in known.money.payments
        if one.id in authorized
        and one.is_open
        and one.failed_at is None
        and not one.captures
        and (one.open_authorization, one.currency) == (signal.amount.value, signal.amount.currency)
    ]
    if waiting:
        yield Notice(
            signal=signal.key,
            pointer="/payment",
            detail=f"nobody has authorized payment {signal.payment}, and the same amount is authorized and "
            f"not captured of payment {_list(waiting)}. Correct the payment; or send its "
            "payment.authorized, or the payment.voided of the other",
        )


def _refund(known: _Known, signal: payments.RefundIssued) -> Iterator[Notice]:
    """A refund that nobody has requested, and that equals another one that is not issued."""
    requests: list[payments.RefundRequested] = known.told(payments.RefundRequested)
    requested = {s.key: s.refund for s in requests if given(s.refund) is not None}
    amount = stated_amount(signal)
    if amount is None or given(signal.refund) is None or signal.refund in requested.values():
        return
    waiting = [
        one.id
        for one in known.money.refunds
        if one.state is RefundState.REQUESTED
        and (one.amount, one.currency) == (amount.value, amount.currency)
        and not requested.keys().isdisjoint(one.sources)
    ]
    if waiting:
        yield Notice(
            signal=signal.key,
            pointer="/refund",
            detail=f"nobody has requested refund {signal.refund}, and the same amount is requested and not "
            f"issued as refund {_list(waiting)}. Correct the refund, or send the refund.failed of the other",
        )


def _list(names: Iterable[str]) -> str:
    known = [*dict.fromkeys(names)]
    return ", ".join(known[:10]) + (" …" if len(known) > 10 else "")


_Check = Callable[[_Known, Any], Iterator[Notice]]
_CHECKS: Final[Mapping[type[Any], tuple[_Check, ...]]] = {
    **dict.fromkeys(PARCEL_SIGNALS, (_parcel, _return)),
    shipments.CustomerClaimed: (_claimed_parcel, _return),
    **dict.fromkeys(
        (
            *(returns.ReturnAuthorized, returns.ReturnRefused, returns.ReturnLabelCreated),
            *(returns.ReturnLabelFailed, returns.ReturnCancelled, returns.ReturnClosed),
        ),
        (_return,),
    ),
    returns.ReturnReceived: (_return, _received_pieces),
    payments.PaymentCaptured: (_capture,),
    payments.RefundIssued: (_refund,),
}
"""How the statements of each type are looked at."""
