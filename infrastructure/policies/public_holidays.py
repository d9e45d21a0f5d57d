"""Replaces a policy file's `holidays` (of a country or a part of one) by dates when the file is read.

The activated document has plain dates: a later version of the library cannot change when a desk is
closed, and the domain does not depend on the library.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from domain.clock.calendars import MAX_CLOSED_DAYS
from domain.errors import Fault
from domain.policy.document_types import Part
from domain.texts import form, one_line
from domain.validation import escape_pointer_token, faults_of

MOST_YEARS = 25
Year = Annotated[int, Meta(ge=2000, le=2100)]


class Years(Part, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A range of years, both inclusive."""

    from_: Year
    to: Year


class Holidays(Part, frozen=True, kw_only=True):
    """The holidays of a calendar in a policy file, in addition to its `closed` days."""

    country: Annotated[
        str, form("[A-Z]{2}", "a country such as DE (ISO 3166-1)", "ISO 3166-1, as in DE.")
    ]
    subdivision: Annotated[str, one_line(40, least=1)] | None = None
    """Usually its code in ISO 3166-2, as in BE for DE-BE."""
    years: Annotated[tuple[Year, ...], Meta(min_length=1)] | Years


def expand_holidays(raw: object) -> tuple[object, list[Fault]]:
    """The policy as plain data with holidays among the closed days of its calendars, and the faults of
    the holidays. Everything else is unchanged and validated later."""
    calendars = raw.get("calendars") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(calendars, dict):
        return raw, []
    faults: list[Fault] = []
    # New mappings: through YAML aliases, one calendar may be in several places.
    plain = {
        name: _expand_calendar(calendar, f"/calendars/{escape_pointer_token(str(name))}", faults)
        for name, calendar in calendars.items()
    }
    return {**raw, "calendars": plain}, faults


def _expand_calendar(calendar: object, pointer: str, faults: list[Fault]) -> object:
    if not isinstance(calendar, dict) or "holidays" not in calendar:
        return calendar
    plain: dict[Any, Any] = {name: part for name, part in calendar.items() if name != "holidays"}
    days = _holidays(calendar["holidays"], f"{pointer}/holidays", faults)
    closed, special = plain.get("closed", []), plain.get("special", {})
    if not isinstance(closed, list) or not isinstance(special, dict):
        return plain
    listed = {str(day) for day in (*closed, *special)}
    # After the days in the file, whose indexes faults refer to.
    all_days = [*closed, *(day for day in days if day not in listed)]
    if len(all_days) > MAX_CLOSED_DAYS:
        detail = f"with holidays, {len(all_days)} days are closed; at most {MAX_CLOSED_DAYS} may be"
        faults.append(Fault(f"{pointer}/holidays/years", detail))
        return plain
    return {**plain, "closed": all_days}


def _holidays(raw: object, pointer: str, faults: list[Fault]) -> list[str]:
    """The holidays in order of year; none, with faults, if they are not known."""
    if wrong := faults_of(raw, Holidays, pointer):
        faults += wrong
        return []
    holidays = msgspec.convert(raw, Holidays)
    country, subdivision = holidays.country, holidays.subdivision
    if fault := _unknown_place_fault(country, subdivision, pointer):
        faults.append(fault)
        return []
    given = holidays.years
    years: Sequence[int] = (
        range(given.from_, given.to + 1) if isinstance(given, Years) else sorted(set(given))
    )
    if not 0 < len(years) <= MOST_YEARS:
        detail = f"has {len(years)} years; from 1 to {MOST_YEARS} are allowed"
        faults.append(Fault(f"{pointer}/years", detail))
        return []
    found: list[str] = []
    for year in years:
        days = _holidays_in_year(country, subdivision, year)
        if not days:
            faults.append(Fault(f"{pointer}/years", f"no holidays are known for {year}"))
        found += days
    return found


def _unknown_place_fault(country: str, subdivision: str | None, pointer: str) -> Fault | None:
    known = _known_places()
    if country not in known:
        near = ", ".join(sorted(code for code in known if code[0] == country[0])) or "none"
        detail = f"no holidays are known for {country}; known countries with this letter: {near}"
        return Fault(f"{pointer}/country", detail)
    if subdivision is not None and subdivision not in known[country]:
        parts = ", ".join(sorted(known[country])) or "none"
        detail = f"no holidays are known for {subdivision} in {country}; known are: {parts}"
        return Fault(f"{pointer}/subdivision", detail)
    return None


@lru_cache(maxsize=1)
def _known_places() -> dict[str, list[str]]:
    """The parts of each country."""
    # Imported here, because the library is slow to load and often not needed.
    from holidays import list_supported_countries

    return list_supported_countries(include_aliases=False)


@lru_cache(maxsize=1024)
def _holidays_in_year(country: str, subdivision: str | None, year: int) -> tuple[str, ...]:
    from holidays import country_holidays

    found = country_holidays(country, subdiv=subdivision, years=year)
    return tuple(day.isoformat() for day in sorted(found))
