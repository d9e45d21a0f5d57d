"""Which part of an order a signal names."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec import UNSET

from domain.orders.parts import OrderParts, PartKind, split_part_key
from domain.orders.purchase_signals import Line
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
    return part is None or not names_another(named[0], part, signal, known)


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
