"""Address check: whether an address is deliverable by the rules of its country."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from domain.look_ups.derived_signals import derived_signal_fields
from domain.orders.purchase_signals import Address, OrderPlaced
from domain.orders.screening_signals import AddressChecked, AddressVerdict


class AddressFinding(Struct, frozen=True, gc=False):
    """The result of a check. `detail` names fields and the rules' version, never the address itself."""

    verdict: AddressVerdict
    detail: str


CheckAddress: TypeAlias = Callable[[Address], AddressFinding]


def create_address_checked(placed: OrderPlaced, finding: AddressFinding) -> AddressChecked:
    return AddressChecked(
        **derived_signal_fields(placed, "address"), verdict=finding.verdict, detail=finding.detail
    )
