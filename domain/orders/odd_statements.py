"""Finds statements that do not fit the others of their order, such as the end of an unknown payment.

Each statement is looked at with the whole order, so a notice goes away once what is missing arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from msgspec import UNSET

from domain.orders import payment_signals as payments
from domain.orders import return_signals as returns
from domain.orders import stock_signals as stock
from domain.orders.charges import Costs, costs_and_charge
from domain.orders.content import OrderContent, OrderLine
from domain.orders.disputes import group_by_dispute
from domain.orders.fact_metadata import SignalsByType
from domain.orders.goods import Goods
from domain.orders.money_structs import OrderMoney
from domain.orders.notices import Notice
from domain.orders.parcels import PARCEL_SIGNALS
from domain.orders.relation_signals import DuplicateSuspected, OrderRelated
from domain.orders.return_parts import RETURN_SIGNALS
from domain.orders.shipment_signals import CustomerClaimed, Direction
from domain.orders.signal_body import LinePieces, given
from domain.orders.signal_times import Assumption

_PRODUCT_SIGNALS: Final = (
    *(stock.StockLevelTold, stock.StockCounted),
    *(stock.SubstitutionProposed, stock.SubstitutionDecided),
)
_STOCK_SIGNALS: Final = (
    *(stock.StockAllocated, stock.StockUnavailable, stock.AllocationFailed, stock.Backordered),
    *(stock.Released, stock.FulfilmentHeld, stock.FulfilmentUnheld, stock.FulfilmentRejected),
)
_ENDS: Final[Mapping[type[Any], str]] = {
    payments.PaymentVoided: "voided",
    payments.PaymentExpired: "expired",
    payments.PaymentFailed: "failed",
}
_BEGINS: Final = (payments.PaymentPending, payments.PaymentAuthorized, payments.PaymentCaptured)


class StatementsOfOrder:
    """The statements of an order that count, with the goods and the money that they add up to."""

    def __init__(self, by_type: SignalsByType, goods: Goods, money: OrderMoney) -> None:
        self._by_type = by_type
        self._goods = goods
        self._money = money

    def find_notices(self, asked: Iterable[Any]) -> Iterator[Notice]:
        """What is odd about each of these statements, which count."""
        for signal in asked:
            check = _CHECKS.get(type(signal))
            if signal.assumed_times is not UNSET:
                yield from _assumed_times(signal)
            if check is not None:
                yield from check(self, signal)

    # pieces

    def _odd_pieces(self, signal: Any) -> Iterator[Notice]:
        """Pieces of lines that the order does not have, or more of them than it had."""
        stated = _stated_pieces(signal)
        content = self._goods.content
        if not stated or not (content.lines_known or content.placed is None):
            return
        counts_here = isinstance(signal, PARCEL_SIGNALS) and not _is_on_its_way_back(signal)
        used = self._received_before(signal)
        for pointer, piece in stated:
            if not self._is_known(piece):
                yield Notice.unknown_line(signal.key, pointer, piece, content)
            elif not counts_here:  # parcels on their way out are counted together, with the goods
                yield from self._too_many(signal.key, pointer, piece, used)

    def _is_known(self, piece: LinePieces) -> bool:
        """Whether the order has or had the line: pieces may be of a line that an edit removed."""
        content = self._goods.content
        return bool(
            content.line(piece.line)
            or content.lines_of_sku(piece.sku or piece.line or "")
            or self._costs.ceilings.keys() & {piece.line, piece.sku}
        )

    def _too_many(
        self, key: str, pointer: str, piece: LinePieces, used: dict[tuple[str, str], int]
    ) -> Iterator[Notice]:
        lines = _lines_of(piece, self._goods.content)
        if piece.quantity is None or not lines:
            return
        room = sum(self._most(line) * _components_of(line, piece) for line in lines)
        component = piece.sku if any(_components_of(ln, piece) > 1 for ln in lines) else None
        name = " and ".join(line.id for line in lines)
        place = name, component or ""
        before = used.get(place, 0)
        used[place] = before + piece.quantity
        if (excess := min(used[place] - room, piece.quantity)) > 0:
            yield Notice.too_many(key, pointer, name, excess)

    def _most(self, line: OrderLine) -> int:
        """The most pieces of the line that any version of the order had."""
        pieces, _ = self._costs.ceilings.get(line.id, (0, 0))
        return max(pieces, line.quantity)

    @cached_property
    def _costs(self) -> Costs:
        return costs_and_charge(self._by_type, self._goods)[0]

    def _received_before(self, signal: Any) -> dict[tuple[str, str], int]:
        """The pieces that the same source received back before."""
        used: dict[tuple[str, str], int] = {}
        if isinstance(signal, returns.ReturnReceived):
            for other in self._by_type.get(returns.ReturnReceived, ()):
                if other.key == signal.key:
                    break
                if other.source == signal.source:
                    for _, piece in _stated_pieces(other):
                        # It only counts them: a notice about the other statement is its own.
                        for _ in self._too_many(other.key, "", piece, used):
                            pass
        return used

    # money

    def _end_without_payment(self, signal: Any) -> Iterator[Notice]:
        told = [s.payment for kind in _BEGINS for s in self._by_type.get(kind, ())]
        if signal.payment in told or (told and None in (signal.payment, *told)):
            return  # a statement that names no payment may be about this one
        if isinstance(signal, payments.PaymentFailed):
            is_capture = signal.stage is payments.PaymentStage.CAPTURE
            is_first = signal.stage is payments.PaymentStage.AUTHORIZATION or not told
            if is_first and not is_capture:
                return  # an attempt that failed may be all that there is of a payment
        what = f"payment {signal.payment}" if signal.payment else "a payment"
        known = ", ".join(dict.fromkeys(str(name) for name in told)) or "none"
        yield Notice(
            signal=signal.key,
            pointer="/payment" if signal.payment else "",
            detail=f"{what} {_ENDS[type(signal)]}, and nobody has told of that payment yet; the payments "
            f"of the order are: {known}. Send its payment.authorized or payment.captured, or correct "
            "the payment",
        )

    def _refund_not_told(self, signal: payments.RefundFailed) -> Iterator[Notice]:
        of = next((one for one in self._money.refunds if signal.key in one.sources), None)
        told = (payments.RefundRequested, payments.RefundIssued)
        others = {s.key for kind in told for s in self._by_type.get(kind, ())}
        if of is not None and others.isdisjoint(of.sources):
            what = f"refund {signal.refund}" if signal.refund else "a refund"
            yield Notice(
                signal=signal.key,
                pointer="/refund" if signal.refund else "",
                detail=f"{what} failed, and nobody has told of that refund yet. Send its refund.requested "
                "or refund.issued, or correct the refund",
            )

    def _dispute_not_opened(self, signal: Any) -> Iterator[Notice]:
        yield from self._unknown_payment(signal)
        if getattr(signal, "outcome", None) is payments.DisputeOutcome.PREVENTED:
            return  # what was prevented may never have been opened
        groups = group_by_dispute(self._by_type, self._only_payment)
        for name, stated in groups.items():
            if any(s.key == signal.key for s in stated) and not any(
                isinstance(s, payments.DisputeOpened) for s in stated
            ):
                yield Notice(
                    signal=signal.key,
                    pointer="/dispute" if signal.dispute else "",
                    detail=f"no dispute.opened has told of dispute {name or signal.id} yet. Send it, or "
                    "correct the dispute",
                )

    def _unknown_payment(self, signal: Any) -> Iterator[Notice]:
        known = [payment.id for payment in self._money.payments]
        if signal.payment is not None and signal.payment not in known:
            yield Notice.unknown_payment(signal.key, signal.payment, known)

    @property
    def _only_payment(self) -> str | None:
        captured = [payment.id for payment in self._money.payments if payment.captures]
        return captured[0] if len(captured) == 1 else None


def _assumed_times(signal: Any) -> Iterator[Notice]:
    for one in signal.assumed_times:
        is_skipped = one.assumption is Assumption.OFFSET_BEFORE
        why = "does not exist" if is_skipped else "exists twice"
        change = "forward" if is_skipped else "back"
        yield Notice(
            signal=signal.key,
            pointer=one.pointer,
            detail=f"{one.local} {why} in {signal.time_zone}, where the clocks go {change} then: it was "
            f"read as {one.read_as:%Y-%m-%dT%H:%M:%SZ}. If that is wrong, replace the statement, with an offset",
        )


def _stated_pieces(signal: Any) -> Sequence[tuple[str, LinePieces]]:
    """The pieces that a statement names, each with its JSON Pointer."""
    if pieces := given(getattr(signal, "lines", None)):
        return [(f"/lines/{n}", piece) for n, piece in enumerate(pieces)]
    if skus := given(getattr(signal, "skus", None)):
        return [(f"/skus/{n}", LinePieces(sku=sku)) for n, sku in enumerate(skus) if sku]
    if sku := getattr(signal, "sku", None):
        return [("/sku", LinePieces(sku=sku))]
    return []


def _lines_of(piece: LinePieces, content: OrderContent) -> Sequence[OrderLine]:
    named = content.line(piece.line) if piece.line is not None else None
    return [named] if named is not None else content.lines_of_sku(piece.sku or piece.line or "")


def _components_of(line: OrderLine, piece: LinePieces) -> int:
    """How many of the pieces are in one of the line: several, if they are components of a bundle."""
    if piece.sku is None or piece.sku == line.line.sku:
        return 1
    components = given(line.line.components) or ()
    return next((c.quantity for c in components if c.sku == piece.sku), 1)


def _is_on_its_way_back(signal: Any) -> bool:
    return given(signal.direction) is Direction.BACK


def _about_itself(_: StatementsOfOrder, signal: Any) -> Iterator[Notice]:
    """A relation of the order to itself."""
    if signal.is_about_itself:
        yield Notice(
            signal=signal.key,
            pointer="/other",
            detail="the order is not related to itself, so this is ignored. Name the other order, and "
            "replace the statement",
        )


_Check = Callable[[StatementsOfOrder, Any], Iterator[Notice]]
_PIECES: Final = StatementsOfOrder._odd_pieces
_CHECKS: Final[Mapping[type[Any], _Check]] = {
    **dict.fromkeys((*RETURN_SIGNALS, CustomerClaimed, *PARCEL_SIGNALS), _PIECES),
    **dict.fromkeys((*_STOCK_SIGNALS, *_PRODUCT_SIGNALS), _PIECES),
    **dict.fromkeys(_ENDS, StatementsOfOrder._end_without_payment),
    **dict.fromkeys((OrderRelated, DuplicateSuspected), _about_itself),
    payments.RefundFailed: StatementsOfOrder._refund_not_told,
    payments.DisputeOpened: StatementsOfOrder._unknown_payment,
    payments.FraudWarned: StatementsOfOrder._unknown_payment,
    payments.DisputeClosed: StatementsOfOrder._dispute_not_opened,
    payments.DisputeEvidenceSent: StatementsOfOrder._dispute_not_opened,
}
"""How the statements of each type are looked at."""
