"""Resolutions that say something was done need a record of it: an executed adjustment, or a statement."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from msgspec import UnsetType

from domain.adjustments.adjustment import PAID_STATES
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.told_refunds import match_told_refunds
from domain.cases.errors import NotDoneYet
from domain.cases.events import Resolution
from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason as Reason
from domain.cases.refund_cover import find_shortfall
from domain.orders.content import OrderContent
from domain.orders.money_ledger import OrderMoney, RefundMoney, RefundState
from domain.orders.order import Order
from domain.orders.parts import PartKind, split_part_key
from domain.orders.pieces import count_pieces
from domain.orders.purchase_signals import OrderCancelled
from domain.orders.relation_signals import OrderRelated
from domain.orders.return_signals import ReturnReceived
from domain.orders.shipment_signals import HandedOver, LabelCreated
from domain.orders.signal_body import given
from domain.orders.signals import Signal
from domain.orders.standing import standing

ADJUSTMENTS: Final = {
    Reason.REFUNDED: {Kind.REFUND, Kind.PARTIAL_REFUND},
    Reason.PARTIALLY_REFUNDED: {Kind.REFUND, Kind.PARTIAL_REFUND, Kind.PRICE_ADJUSTMENT},
    Reason.APPEASED: {Kind.APPEASEMENT, Kind.PRICE_ADJUSTMENT, Kind.STORE_CREDIT},
    Reason.RESHIPPED: {Kind.RESHIPMENT},
    Reason.STORE_CREDIT: {Kind.STORE_CREDIT},
}
"""The kinds of executed adjustment that show that it was done."""
_REFUND_SHOWS: Final = {Reason.REFUNDED, Reason.PARTIALLY_REFUNDED, Reason.APPEASED}
_MISSING: Final = {
    Reason.REFUNDED: "no refund was paid or stated",
    Reason.PARTIALLY_REFUNDED: "no refund or price adjustment was paid or stated",
    Reason.APPEASED: "no appeasement was paid or stated",
    Reason.RESHIPPED: "no reshipment was executed, and no parcel or replacement order was stated since",
    Reason.STORE_CREDIT: "no store credit was executed or stated",
    Reason.CANCELLED: "no system has stated that the order was cancelled (order.cancelled)",
    Reason.RETURNED: "no system has stated that a return was received (return.received)",
}


def require_truthful_resolution(
    resolution: Resolution, case: ExceptionCase, order: Order | None
) -> None:
    """Raises NotDoneYet if the reason is not true, for each part that it is the outcome of."""
    own = {one.part: one.reason for one in given(resolution.parts) or ()}
    others = [
        key
        for key, part in case.parts.items()
        if key and key not in own and part.outcome is None and not part.is_cleared
    ]
    require_truthful(resolution.reason, case, order, others)
    for key, reason in own.items():
        require_truthful(reason, case, order, (key,))


def require_truthful(
    reason: Reason, case: ExceptionCase, order: Order | None, parts: Collection[str] = ()
) -> None:
    """Raises NotDoneYet if nothing shows what the reason says, for the case or for one of the named parts.

    What names no part counts for all of them.
    """
    if reason not in _MISSING:
        return
    for part in parts or ("",):
        about = f" for {part}" if part else ""
        if not any(_shown(reason, case, order, part)):
            raise NotDoneYet(
                f"case {case.id} cannot be resolved as {reason}{about}: {_MISSING[reason]}",
                reason=reason.value,
                part=part or None,
                adjustments=sorted(kind.value for kind in ADJUSTMENTS.get(reason, ())),
            )
        short = find_shortfall(case, order, part) if order and reason is Reason.REFUNDED else None
        if short is not None:
            raise NotDoneYet(
                f"case {case.id} cannot be resolved as {reason}{about}: {short.given} {short.currency} were "
                f"given back, and its pieces cost {short.cost}. Resolve it as "
                f"{Reason.PARTIALLY_REFUNDED}, or give the rest back",
                reason=reason.value,
                part=part or None,
                adjustments=sorted(kind.value for kind in ADJUSTMENTS[reason]),
            )


def _shown(reason: Reason, case: ExceptionCase, order: Order | None, part: str) -> Iterator[bool]:
    money = order.facts.money if order is not None else OrderMoney()
    lines = _lines_of_part(order, part)
    told_refunds = match_told_refunds(case.adjustments.items, order, money) if order else {}
    for one in case.adjustments.items:
        if one.kind not in ADJUSTMENTS.get(reason, ()) or one.state not in PAID_STATES:
            continue
        told = told_refunds.get(one.id)
        named = {str(of.line) for of in one.lines if not isinstance(of.line, UnsetType)}
        own = () if isinstance(one.parts, UnsetType) else one.parts
        fits = part in own if own and part else _fits(named, lines)
        yield fits and (told is None or told.state is not RefundState.FAILED)
    for refund in money.refunds:
        if refund.state is RefundState.ISSUED and _shows_refund(reason, refund):
            yield _fits(set(refund.lines), lines)
    since = _begins(case, order, part)
    for signal in standing(order.signals.values()) if order is not None else ():
        if order is not None and _shows_act(reason, signal, since, order, part):
            yield _fits(_lines_of_signal(signal, order.facts.goods.content), lines)


def _shows_refund(reason: Reason, refund: RefundMoney) -> bool:
    if reason is Reason.STORE_CREDIT:
        return refund.tender == "store_credit"
    return reason in _REFUND_SHOWS


def _begins(case: ExceptionCase, order: Order | None, part: str) -> datetime | None:
    """When the problem was there: the statement that showed it may have come late, after a new parcel."""
    known = case.parts.get(part)
    if known is None or order is None or case.opened_at is None:
        return case.opened_at
    shown = [signal for key in known.signals if (signal := order.signals.get(key)) is not None]
    at = [s.event_time for s in shown if not isinstance(s, LabelCreated | HandedOver)]
    return min(max(at, default=case.opened_at), case.opened_at)


def _shows_act(
    reason: Reason, signal: Signal, since: datetime | None, order: Order, part: str
) -> bool:
    match reason:
        case Reason.CANCELLED:
            return isinstance(signal, OrderCancelled)
        case Reason.RETURNED:
            return isinstance(signal, ReturnReceived)
        case Reason.RESHIPPED:
            if isinstance(signal, OrderRelated):
                is_new = signal.relation.value in ("replacement_of", "exchange_of")
                return is_new and not signal.is_about_itself
            if not isinstance(signal, LabelCreated | HandedOver):
                return False
            sent = [parcel.id for parcel in order.facts.goods.outbound]
            is_other = part != f"{PartKind.PARCEL}:{signal.parcel}"
            is_sent = is_other and (signal.parcel is None or signal.parcel in sent)
            return is_sent and since is not None and signal.event_time >= since
        case _:
            return False


def _lines_of_part(order: Order | None, part: str) -> set[str] | None:
    """The lines that a part is about; None if it is about all, or nobody knows."""
    named = split_part_key(part)
    if named is None or order is None:
        return None
    kind, id = named
    if kind is PartKind.LINE:
        return {id}
    facts = order.facts
    held: Collection[str] | None = None
    if kind is PartKind.PARCEL:
        held = facts.goods.pieces.get(id)
    elif kind is PartKind.REFUND:
        held = next((one.lines for one in facts.money.refunds if one.id == id), None)
    return set(held) if held else None


def _lines_of_signal(signal: Signal, content: OrderContent) -> set[str]:
    """The lines that a statement names, also by their products; what the order lacks has its own name."""
    pieces = given(getattr(signal, "lines", None)) or ()
    counted = count_pieces(pieces, content)
    strange = {piece.line or piece.sku or "" for piece in counted.unknown}
    return {line for line, _ in counted.pieces} | strange


def _fits(named: Collection[str], wanted: Collection[str] | None) -> bool:
    """Whether what names these lines is about the wanted ones; naming none means all."""
    return not named or wanted is None or not set(wanted).isdisjoint(named)
