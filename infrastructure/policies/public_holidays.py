"""Public holidays of a country, or of a part of one, written out where a policy file is read.

The document that is activated and pinned holds plain dates: no later version of the library closes
a desk, and the domain does not know it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from domain.clock.calendars import MOST_CLOSED
from domain.errors import Fault
from domain.policy.parts import Part
from domain.texts import END, one_line
from domain.validation import escape, faults_of

MOST_YEARS = 25
Year = Annotated[int, Meta(ge=2000, le=2100)]


class Years(Part, frozen=True, kw_only=True, rename={"from_": "from"}):
    """From the first to the last of them."""

    from_: Year
    to: Year


class Holidays(Part, frozen=True, kw_only=True):
    """What a calendar of a policy file may say beside its `closed` days."""

    country: Annotated[str, Meta(pattern="^[A-Z]{2}" + END, description="ISO 3166-1, as in DE.")]
    subdivision: Annotated[str, one_line(40, least=1)] | None = None
    """As a rule by its code of ISO 3166-2, as in BE for DE-BE."""
    years: Annotated[tuple[Year, ...], Meta(min_length=1)] | Years


def written_out(raw: object) -> tuple[object, list[Fault]]:
    """A policy as plain data, with the holidays of its calendars among their closed days; and what
    is wrong with them. Everything else stays as it is, for those who check it."""
    calendars = raw.get("calendars") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(calendars, dict):
        return raw, []
    faults: list[Fault] = []
    # New mappings: with aliases of YAML, one calendar may stand in several places.
    plain = {
        name: _closed(calendar, f"/calendars/{escape(str(name))}", faults)
        for name, calendar in calendars.items()
    }
    return {**raw, "calendars": plain}, faults


def _closed(calendar: object, pointer: str, faults: list[Fault]) -> object:
    if not isinstance(calendar, dict) or "holidays" not in calendar:
        return calendar
    plain: dict[Any, Any] = {name: part for name, part in calendar.items() if name != "holidays"}
    days = _days(calendar["holidays"], f"{pointer}/holidays", faults)
    closed, special = plain.get("closed", []), plain.get("special", {})
    if not isinstance(closed, list) or not isinstance(special, dict):
        return plain
    told = {str(day) for day in (*closed, *special)}
    # Behind those that were written by hand, whose faults are named by their places.
    together = [*closed, *(day for day in days if day not in told)]
    if len(together) > MOST_CLOSED:
        detail = f"with them, {len(together)} days are closed: at most {MOST_CLOSED} may be"
        faults.append(Fault(f"{pointer}/holidays/years", detail))
        return plain
    return {**plain, "closed": together}


def _days(raw: object, pointer: str, faults: list[Fault]) -> list[str]:
    """The holidays in the order of their years; none, with faults, where they cannot be known."""
    if wrong := faults_of(raw, Holidays, pointer):
        faults += wrong
        return []
    told = msgspec.convert(raw, Holidays)
    if fault := _unknown_place(told.country, told.subdivision, pointer):
        faults.append(fault)
        return []
    years: Sequence[int]
    if isinstance(told.years, Years):
        years = range(told.years.from_, told.years.to + 1)
    else:
        years = sorted(set(told.years))
    if not 0 < len(years) <= MOST_YEARS:
        faults.append(Fault(f"{pointer}/years", f"must be from one to {MOST_YEARS} years"))
        return []
    found: list[str] = []
    for year in years:
        days = _days_of(told.country, told.subdivision, year)
        if not days:
            faults.append(Fault(f"{pointer}/years", f"no holidays are known of {year}"))
        found += days
    return found


def _unknown_place(country: str, subdivision: str | None, pointer: str) -> Fault | None:
    known = _places()
    if country not in known:
        near = ", ".join(sorted(code for code in known if code[0] == country[0])) or "none"
        detail = f"no holidays are known of {country}; with this letter, known are: {near}"
        return Fault(f"{pointer}/country", detail)
    if subdivision is not None and subdivision not in known[country]:
        parts = ", ".join(sorted(known[country])) or "none"
        detail = f"no holidays are known of {subdivision} in {country}; known are: {parts}"
        return Fault(f"{pointer}/subdivision", detail)
    return None


@lru_cache(maxsize=1)
def _places() -> dict[str, list[str]]:
    """Country -> its parts."""
    # Only here: whoever reads no holidays does not wait for the library.
    from holidays import list_supported_countries

    return list_supported_countries(include_aliases=False)


@lru_cache(maxsize=1024)
def _days_of(country: str, subdivision: str | None, year: int) -> tuple[str, ...]:
    from holidays import country_holidays

    found = country_holidays(country, subdiv=subdivision, years=year)
    return tuple(day.isoformat() for day in sorted(found))
