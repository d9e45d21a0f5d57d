"""Which part of an order a signal names."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import UNSET

from domain.orders.goods_parts import ParcelPart
from domain.orders.parcel_names import tracking_of, tracking_value
from domain.orders.parts import OrderParts, PartKind, split_part_key
from domain.orders.purchase_signals import Line
from domain.orders.shipment_signals import ParcelSignal
from domain.orders.signal_body import LinePieces, given
from domain.orders.signals import Signal

_NAMED_BY: Final = {
    PartKind.PARCEL: "parcel",
    PartKind.PAYMENT: "payment",
    PartKind.REFUND: "refund",
    PartKind.DISPUTE: "dispute",
    PartKind.RETURN: "rma",
}
"""The field of a signal that names a part of this kind."""


def may_be_about(signal: Signal, key: str, parts: OrderParts) -> bool:
    """Whether a signal may be about this part (`""` is the order): it names no other part of the kind."""
    named = split_part_key(key)
    if named is None:
        return True
    found = parts.of(named[0])
    part = next((one for one in found if one.id == named[1]), None)
    known = frozenset(one.id for one in found)
    if part is None or names_another(named[0], part, signal, known):
        return part is None
    return named[0] is not PartKind.PARCEL or not _tracks_another(part, signal, found)


def _tracks_another(part: ParcelPart, signal: Signal, parcels: Sequence[ParcelPart]) -> bool:
    """Whether a signal without a shipment names the tracking code of another parcel."""
    if not isinstance(signal, ParcelSignal) or signal.shipment is not None:
        return False
    code = tracking_value(tracking_of(signal) or "")
    codes = {one.id: tracking_value(one.tracking or "") for one in parcels}
    return bool(code) and code != codes.pop(part.id) and code in codes.values()


def names_another(kind: PartKind, part: Any, signal: Any, known: frozenset[str]) -> bool:
    """Whether a signal names other parts of this kind, and not this one."""
    if kind is PartKind.LINE:
        pieces = given(getattr(signal, "lines", UNSET)) or ()
        named = {name for one in pieces for name in _names_of_line(one)}
        named |= {*(given(getattr(signal, "skus", UNSET)) or ())}
        return bool(named) and part.id not in named and part.sku not in named
    name = getattr(signal, _NAMED_BY.get(kind, ""), None)
    return isinstance(name, str) and name != part.id and name in known


def _names_of_line(one: LinePieces | Line) -> Iterator[str]:
    """The line, by its id or its product; a line of the order itself names every line."""
    if isinstance(one, LinePieces):
        yield from (name for name in (one.line, one.sku) if name is not None)
