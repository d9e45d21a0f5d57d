"""The kinds of value that identify a customer over several orders."""

from enum import StrEnum
from typing import Final


class Identity(StrEnum):
    CUSTOMER = "customer"
    """The shop's id, however it is spelled."""
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    INSTRUMENT = "instrument"
    """The provider's fingerprint of the card or account."""


ALL_IDENTITIES: Final = tuple(Identity)
