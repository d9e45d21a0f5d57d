"""The parts of an order (lines, charges, parcels, payments …) and the facts of each."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from domain.orders.content import NO_CONTENT
from domain.orders.dispute_parts import DisputePart
from domain.orders.goods import Goods
from domain.orders.goods_parts import ParcelPart
from domain.orders.line_parts import LinePart
from domain.orders.money_ledger import OrderMoney
from domain.orders.money_parts import ChargePart, PaymentPart, RefundPart
from domain.orders.return_parts import ReturnPart


class PartKind(StrEnum):
    """A kind of part of an order."""

    LINE = "line"
    CHARGE = "charge"
    PARCEL = "parcel"
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    RETURN = "return"


PART_TYPES: Final[dict[PartKind, type[Struct]]] = {
    PartKind.LINE: LinePart,
    PartKind.CHARGE: ChargePart,
    PartKind.PARCEL: ParcelPart,
    PartKind.PAYMENT: PaymentPart,
    PartKind.REFUND: RefundPart,
    PartKind.DISPUTE: DisputePart,
    PartKind.RETURN: ReturnPart,
}


NO_GOODS: Final = Goods(content=NO_CONTENT)
NO_MONEY: Final = OrderMoney()


class OrderParts(Struct, frozen=True):
    """The parts of an order, by kind; each kind in a fixed order."""

    line: tuple[LinePart, ...] = ()
    charge: tuple[ChargePart, ...] = ()
    parcel: tuple[ParcelPart, ...] = ()
    payment: tuple[PaymentPart, ...] = ()
    refund: tuple[RefundPart, ...] = ()
    dispute: tuple[DisputePart, ...] = ()
    return_: tuple[ReturnPart, ...] = ()
    goods: Goods = NO_GOODS
    """Where the pieces are; the facts of lines and parcels are read from it."""
    money: OrderMoney = NO_MONEY
    """The one truth about the money; every figure about money is read from it."""

    def of(self, kind: PartKind) -> Sequence[Any]:
        """The parts of one kind."""
        found: Sequence[Any] = getattr(self, part_field(kind))
        return found

    def keys(self) -> list[str]:
        """The key of every part."""
        return [part_key(kind, part.id) for kind in PartKind for part in self.of(kind)]


def part_field(kind: PartKind) -> str:
    """The field of `OrderParts` that has the parts of this kind."""
    return "return_" if kind is PartKind.RETURN else kind.value


def part_key(kind: PartKind, id: str) -> str:
    """The key of a part in events and in the API, such as `parcel:P1`."""
    return f"{kind.value}:{id}"


def split_part_key(key: str) -> tuple[PartKind, str] | None:
    """The kind and the id in a part's key; None for the whole order (an empty key).

    Raises ValueError for a key of no known kind.
    """
    if not key:
        return None
    kind, colon, id = key.partition(":")
    if not colon or kind not in [*PartKind]:
        raise ValueError(f"{key!r} is not the key of a part, such as parcel:P1")
    return PartKind(kind), id
