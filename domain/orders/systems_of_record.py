"""What a system holds of one field of an order, and which system is right about it.

Each field has a system of record: where systems differ, its value stands until the owner of the
reconciliation has found out better. The owner is the team whose queue the policy routes the
disagreement to; a test compares the two.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.signal_body import SignalBody
from domain.texts import one_line


class System(StrEnum):
    """What a system is to the order, whatever its source is called."""

    STOREFRONT = "storefront"
    OMS = "oms"
    PSP = "psp"
    WMS = "wms"
    CARRIER = "carrier"


class StatedField(StrEnum):
    ORDER_TOTAL = "order_total"
    SHIPPING_ADDRESS = "shipping_address"
    QUANTITY_SHIPPED = "quantity_shipped"
    PAYMENT_AMOUNT = "payment_amount"
    STATUS = "status"


class FieldOwner(Struct, frozen=True):
    """Which system is right about a field, and which team reconciles it."""

    system_of_record: System
    owner_team: str


FIELD_OWNERS: Final[Mapping[StatedField, FieldOwner]] = MappingProxyType(
    {
        StatedField.ORDER_TOTAL: FieldOwner(System.STOREFRONT, "payments_desk"),
        StatedField.SHIPPING_ADDRESS: FieldOwner(System.OMS, "order_desk"),
        StatedField.QUANTITY_SHIPPED: FieldOwner(System.WMS, "warehouse_desk"),
        StatedField.PAYMENT_AMOUNT: FieldOwner(System.PSP, "payments_desk"),
        StatedField.STATUS: FieldOwner(System.OMS, "order_desk"),
    }
)


class SystemStated(SignalBody, frozen=True, kw_only=True, tag="system.stated"):
    """What a system has on record, to be held against what others have.

    `value` as text: an amount as `12.30 EUR`, a quantity as `3`, a postal code or a hash of the
    address, a status in words that the systems share. Case, spaces and closing zeros of an amount
    make no difference.
    """

    system: System
    field: StatedField
    value: Annotated[str, one_line(200, least=1)]
