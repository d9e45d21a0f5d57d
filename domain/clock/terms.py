"""The terms of a service clock: how long each measure may take, and what pauses the clock."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from domain.clock.calendars import BusinessCalendar
from domain.errors import Fault
from domain.policy.checks import unknown_name
from domain.policy.document_types import Name

MAX_WEEKS: Final = 52
"""Terms longer than a year of ordinary weeks might not end within the calendar's horizon."""


class Dependency(StrEnum):
    """The category of the party that a case waits for."""

    CUSTOMER = "customer"
    VENDOR = "vendor"
    CARRIER = "carrier"
    WAREHOUSE = "warehouse"
    PAYMENT_PROVIDER = "payment_provider"
    FINANCE = "finance"
    SUPPLIER = "supplier"
    FRAUD_SCREENING = "fraud_screening"
    INTERNAL_TEAM = "internal_team"
    APPROVER = "approver"
    """The person who decides on an adjustment."""
    OTHER = "other"


class Measure(StrEnum):
    """What the clock measures."""

    FIRST_ACTION = "first_action"
    NEXT_UPDATE = "next_update"
    RESOLUTION = "resolution"


class ServiceTerms(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The business time of each measure; None for a measure that is not used.

    The event that starts a clock stores them in full, with the calendar: a later policy or default
    does not change a running clock.
    """

    calendar: BusinessCalendar
    first_action: timedelta | None = None
    next_update: timedelta | None = None
    resolution: timedelta | None = None
    at_risk_percent: Annotated[int, Meta(ge=1, le=99)] = 80
    """A measure is at risk once this share of its time is used."""
    pauses_on: tuple[Dependency, ...] = ()
    """Waiting for these pauses the clock; waiting for others does not."""
    resets_on_reopen: bool = False
    """A reopened case gets its whole time for resolution again; else the time that was left."""
    by_cut_off: dict[Measure, Name] | UnsetType = UNSET
    """Due at the calendar's next cut-off of this name, once the measure's own time is over.

    The own time is then a minimum. Left out without cut-offs, as older terms have none.
    """

    cut_offs_while_open: bool | UnsetType = UNSET
    """A cut-off outside of the opening hours is at the closing time before. Left out in older terms, whose
    cut-offs stay where they are, and in terms without cut-offs."""

    def pinned(self) -> ServiceTerms:
        """The terms as they are written into a case."""
        return self if self.by_cut_off is UNSET else replace(self, cut_offs_while_open=True)

    def as_in_policy(self) -> ServiceTerms:
        """The terms of a case, to be compared with those of a policy."""
        return replace(self, cut_offs_while_open=UNSET)

    def limit(self, measure: Measure) -> timedelta | None:
        limit: timedelta | None = getattr(self, measure)
        return limit

    def cut_off(self, measure: Measure) -> Name | None:
        return None if self.by_cut_off is UNSET else self.by_cut_off.get(measure)

    def faults(self, pointer: str = "") -> list[Fault]:
        """Errors beyond the form of each part; without them, every due time exists."""
        found = self.calendar.faults(f"{pointer}/calendar")
        if found:
            return found
        longest = MAX_WEEKS * self.calendar.weekly_open_time
        for measure in Measure:
            limit = self.limit(measure)
            if limit is not None and not timedelta() < limit <= longest:
                detail = (
                    f"must be more than 0 and at most {MAX_WEEKS} weeks of open time, "
                    f"which is {longest // timedelta(hours=1)} hours in this calendar"
                )
                found.append(Fault(f"{pointer}/{measure}", detail))
            cut_off = self.cut_off(measure)
            if cut_off is not None and cut_off not in self.calendar.cut_offs:
                place = f"{pointer}/by_cut_off/{measure}"
                found.append(unknown_name(place, "cut-off", cut_off, self.calendar.cut_offs))
        return found
