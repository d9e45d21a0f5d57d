"""The terms that a clock runs under: how long each thing may take, and what stops the clock."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.clock.calendars import BusinessCalendar
from domain.errors import Fault
from domain.policy.document_types import Name

MAX_WEEKS: Final = 52
"""Longer terms than a year of ordinary weeks might find no end within the horizon."""


class Dependency(StrEnum):
    """On whom a case waits: the category of the party that has to move next."""

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
    """Whoever decides on what is to be given to the customer."""
    OTHER = "other"


class Measure(StrEnum):
    """What is held against the clock."""

    FIRST_ACTION = "first_action"
    NEXT_UPDATE = "next_update"
    RESOLUTION = "resolution"


class ServiceTerms(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """How much business time each measure has; None for one that is not held.

    Pinned in the event that starts a clock, with its calendar, and written out in full: neither a
    later policy nor a later default changes a clock that runs.
    """

    calendar: BusinessCalendar
    first_action: timedelta | None = None
    next_update: timedelta | None = None
    resolution: timedelta | None = None
    at_risk_percent: Annotated[int, Meta(ge=1, le=99)] = 80
    """The share of its time by which a measure that is not met is at risk."""
    pauses_on: tuple[Dependency, ...] = ()
    """Waiting on these stops the clock; waiting on others does not."""
    resets_on_reopen: bool = False
    """A reopened case gets its whole time for resolution again, else what it had left."""
    by_cut_off: dict[Measure, Name] | UnsetType = UNSET
    """Due at the next cut-off of this name in the calendar, once the measure's own time, which is
    then the least that it has, is over. Left out where there is none, as in terms of before."""

    def limit(self, measure: Measure) -> timedelta | None:
        match measure:
            case Measure.FIRST_ACTION:
                return self.first_action
            case Measure.NEXT_UPDATE:
                return self.next_update
            case Measure.RESOLUTION:
                return self.resolution

    def cut_off(self, measure: Measure) -> Name | None:
        return None if self.by_cut_off is UNSET else self.by_cut_off.get(measure)

    def faults(self, pointer: str = "") -> list[Fault]:
        """What is wrong beyond the form of each part; without faults, every due time exists."""
        found = self.calendar.faults(f"{pointer}/calendar")
        if found:
            return found
        longest = MAX_WEEKS * self.calendar.weekly_open_time
        for measure in Measure:
            limit = self.limit(measure)
            if limit is not None and not timedelta() < limit <= longest:
                detail = (
                    f"must be longer than nothing, at most {MAX_WEEKS} weeks of open time, "
                    f"which is {longest // timedelta(hours=1)} hours in this calendar"
                )
                found.append(Fault(f"{pointer}/{measure}", detail))
            cut_off = self.cut_off(measure)
            if cut_off is not None and cut_off not in self.calendar.cut_offs:
                known = ", ".join(sorted(self.calendar.cut_offs)) or "none"
                detail = f"the calendar has no cut-off {cut_off}; known are: {known}"
                found.append(Fault(f"{pointer}/by_cut_off/{measure}", detail))
        return found
