"""The parts of an order, as its route shows them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from domain.orders.parts import OrderParts, PartKind, part_key
from domain.policy.decision import FactValue, to_fact_value

PartView = Mapping[str, FactValue]
"""A part's `key` (such as `parcel:P1`), its `id`, and the facts that are known of it."""


class OrderPartsView(Struct, frozen=True):
    """The parts of an order. Amounts of a payment, a refund or a dispute are in its own currency."""

    lines: Sequence[PartView]
    """Each with its pieces: ordered, cancelled, and where each of them is now."""
    charges: Sequence[PartView]
    parcels: Sequence[PartView]
    payments: Sequence[PartView]
    refunds: Sequence[PartView]
    disputes: Sequence[PartView]
    returns: Sequence[PartView]


def order_parts_of(parts: OrderParts) -> OrderPartsView:
    shown = {
        f"{kind.value}s": [_part_view(kind, one) for one in parts.of(kind)] for kind in PartKind
    }
    return OrderPartsView(**shown)


def _part_view(kind: PartKind, part: Struct) -> PartView:
    known = {name: to_fact_value(read) for name, read in structs.asdict(part).items()}
    key = part_key(kind, str(known["id"]))
    return {"key": key, **{name: value for name, value in known.items() if value is not None}}
