"""The value that a system holds of one field of an order, and the system of record of each field.

Where systems differ, the value of the system of record counts until the owner team has found the
right one. The owner is the team whose queue the policy routes the disagreement to; a test compares
the two.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.signal_body import SignalBody
from domain.texts import one_line


class System(StrEnum):
    """The part that a system plays; its source may have any name."""

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
    """The system of record of a field, and the team that reconciles differences."""

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
    """The value that a system has on record, to be compared with the values of others.

    `value` is text: an amount as `12.30 EUR`, a quantity as `3`, a postal code or a hash of the
    address, a status in words that the systems share. Case, spaces and trailing zeros of an amount
    are ignored.
    """

    system: System
    field: StatedField
    value: Annotated[str, one_line(200, least=1)]
