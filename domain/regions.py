"""Regions as ISO 3166 codes: a country (`BR`) or a part of one (`BR-SP`)."""

import re
from collections.abc import Iterable
from typing import Annotated

from domain.texts import form

Region = Annotated[
    str, form("[A-Z]{2}(-[A-Z0-9]{1,3})?", "a region such as BR or BR-SP (ISO 3166)")
]
_COUNTRY = re.compile(r"[A-Z]{2}")
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")


def region_of(country_code: str, country_area: str) -> str | None:
    """The region of an address; None if its country is missing. An area that is not a short code
    (a name, say) is ignored."""
    country, area = country_code.strip().upper(), country_area.strip().upper()
    if _COUNTRY.fullmatch(country) is None:
        return None
    return f"{country}-{area}" if _SUBDIVISION.fullmatch(area) else country


def is_in_regions(region: str, regions: Iterable[str]) -> bool:
    """Whether the region is one of these, or a part of one."""
    return any(region == one or region.partition("-")[0] == one for one in regions)


def intersect_regions(some: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """The regions that are in both sets."""
    return frozenset(one for one in some if is_in_regions(one, others)) | frozenset(
        one for one in others if is_in_regions(one, some)
    )
