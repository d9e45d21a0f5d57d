"""Calendars whose closed days end soon: holidays are plain dates in a policy, so somebody must add later ones."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from msgspec import Struct

from domain.policy.document import PolicyDocument

AHEAD: Final = timedelta(days=183)
"""Half a year: enough to propose, simulate, approve and activate the next policy."""
TO_DO: Final = (
    "add the holidays of later years to the policy file, and propose it: "
    "`casetrail policy propose FILE`."
)


class LastClosedDay(Struct, frozen=True):
    """A calendar that names closed days, and the last of them."""

    calendar: str
    day: date

    def ends_soon(self, now: datetime) -> bool:
        # A difference of two dates cannot overflow, as a date moved by AHEAD can.
        return self.day - now.astimezone(UTC).date() <= AHEAD

    def __str__(self) -> str:
        return (
            f"the last closed day of calendar {self.calendar} is {self.day}: "
            "it counts later holidays as working days"
        )


def last_closed_days(document: PolicyDocument) -> list[LastClosedDay]:
    """One for each calendar that names closed days; the others close on weekdays alone."""
    return [
        LastClosedDay(name, max(calendar.closed))
        for name, calendar in sorted(document.calendars.items())
        if calendar.closed
    ]


def holiday_notices(document: PolicyDocument, now: datetime) -> list[str]:
    """What the owner of the policy has to do soon, a sentence for each calendar that it concerns."""
    soon = [one for one in last_closed_days(document) if one.ends_soon(now)]
    return [f"{one}; {TO_DO}" for one in soon]
