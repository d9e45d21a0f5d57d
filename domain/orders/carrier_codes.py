"""Maps carriers' status codes to our scan status and incident reason.

The raw code is kept beside the result, with the mapping's name and version, since mappings can be
wrong. A code that is not listed maps to `unknown`.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from domain.orders.carrier_mapping import CarrierMapping, split
from domain.orders.carrier_own_codes import OTHER_NAMES, OWN
from domain.orders.carrier_vocabularies import AFTERSHIP, EASYPOST, KARRIO, SHIPENGINE
from domain.orders.scan_status import IncidentReason as Why
from domain.orders.scan_status import ScanStatus

__all__ = ["AFTERSHIP", "EASYPOST", "KARRIO", "MAPPINGS", "SHIPENGINE"]

LESS_EXACT: Final = {ScanStatus.UNKNOWN, ScanStatus.ERROR, ScanStatus.IN_TRANSIT}
"""Statuses that give way to the status of a detail: `EX/RETURN_TO_SENDER` is on its way back."""


class CodeMeaning(Struct, frozen=True):
    """The fields of a scan that a carrier's code determines."""

    status: ScanStatus
    incident: Why | None
    code: str
    mapping: str
    mapping_version: str


MAPPINGS: Final[Mapping[str, CarrierMapping]] = MappingProxyType(
    {mapping.name: mapping for mapping in (EASYPOST, AFTERSHIP, SHIPENGINE, KARRIO)}
)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


_BY_NAME: Final = {
    **OTHER_NAMES,
    **{_plain(mapping.name): mapping for mapping in (*OWN, *MAPPINGS.values())},
}


def map_carrier_code(mapping: CarrierMapping, code: str, reason: str = "") -> CodeMeaning:
    """Map a carrier's code, and its reason code where the vocabulary has one."""
    status, incident = split(mapping.meaning(code))
    if reason:
        incident = split(mapping.meaning(reason))[1] or Why.UNKNOWN
    return CodeMeaning(
        status=status or (ScanStatus.ERROR if incident and not reason else ScanStatus.UNKNOWN),
        incident=incident,
        code=f"{code}/{reason}" if reason else code,
        mapping=mapping.name,
        mapping_version=mapping.version,
    )


def find_mapping(mapping: str, carrier: str) -> CarrierMapping | None:
    """The mapping of this name; without a name, the carrier's own."""
    return _BY_NAME.get(_plain(mapping or carrier))


def read_code(mapping: str, carrier: str, code: str) -> tuple[ScanStatus, Why | None, str] | None:
    """Status, incident and mapping version of a code; None if no mapping reads it.

    A code may have a detail behind a slash, such as `in_transit/weather_delay`.
    """
    known = find_mapping(mapping, carrier)
    if known is None:
        return None
    meaning, detail = known.meaning(code), None
    if meaning is None:
        first, _, second = code.partition("/")
        meaning, detail = known.meaning(first), known.meaning(second)
    if meaning is None:
        return None
    (status, incident), (closer, why) = split(meaning), split(detail)
    status = status or ScanStatus.ERROR
    if status in LESS_EXACT and closer not in (None, status, ScanStatus.UNKNOWN):
        return closer, why, known.version
    return status, why or incident, known.version
