"""What a mapping of carrier codes is: a vocabulary's codes, each with our status or incident."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from domain.orders.code_folding import fold_code
from domain.orders.scan_status import IncidentReason, ScanStatus

Meaning = ScanStatus | IncidentReason | tuple[ScanStatus, IncidentReason]
# The statuses, in words short enough for a table of codes.
UNKNOWN: Final = ScanStatus.UNKNOWN
PRE: Final = ScanStatus.PRE_TRANSIT
MOVING: Final = ScanStatus.IN_TRANSIT
OUT: Final = ScanStatus.OUT_FOR_DELIVERY
DONE: Final = ScanStatus.DELIVERED
WAITING: Final = ScanStatus.AVAILABLE_FOR_PICKUP
BACK: Final = ScanStatus.RETURN_TO_SENDER
FAILED: Final = ScanStatus.FAILURE
ERROR: Final = ScanStatus.ERROR

NO_CODES: Final[Mapping[str, Meaning]] = MappingProxyType({})


class CarrierMapping(Struct, frozen=True):
    """One vocabulary. Codes are compared without regard to case."""

    name: str
    version: str
    codes: Mapping[str, Meaning]
    details: Mapping[str, Meaning] = NO_CODES
    """Codes that say more about another one: `in_transit/weather_delay`. Alone, an incident is an error."""

    def meaning(self, code: str) -> Meaning | None:
        """The meaning of one code, which may be a detail; None if it is not listed."""
        exact = self.codes.get(code) or self.details.get(code)
        if exact is not None:
            return exact
        folded = fold_code(code)
        for listed in (self.codes, self.details):
            for name, meaning in listed.items():
                if fold_code(name) == folded:
                    return meaning
        return None


def split(meaning: Meaning | None) -> tuple[ScanStatus | None, IncidentReason | None]:
    """Status and incident of a meaning, each None if it has none."""
    if isinstance(meaning, tuple):
        return meaning
    if isinstance(meaning, IncidentReason):
        return None, meaning
    return meaning, None
