"""The result of checking a control: whether it operated, how many cases it had, and its exceptions."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

TITLES: Final = {
    "log_witnessed": "events signed in time",
    "quorum_cosigned": "checkpoints cosigned by the quorum of witnesses",
    "nothing_lost": "no event lost",
    "duties_apart": "one duty for each person",
    "duty_rows": "duty rows of the database",
    "paid_as_approved": "payments as approved",
    "reconciled_each_day": "daily reconciliation",
    "policies_by_two": "policies by two people",
    "grants_by_two": "grants by two people",
    "access_reviewed": "access reviews",
    "emergencies_reviewed": "reviews of break-glass",
    "nobody_after_the_end": "no acts after leaving",
    "time_kept": "due events in time",
    "reports_kept": "reports up to date",
    "builds_known": "known builds",
}
"""What each control is called in sentences. Its `name` never changes, since answers on record have it."""
MAX_EXCEPTIONS: Final = 200
"""The most exceptions that are listed for one control; all are counted."""


class ControlOutcome(StrEnum):
    YES = "yes"
    NO = "no"
    NOTHING_TO_DO = "nothing_to_do"
    """The period had nothing that the control applies to."""


class ControlException(Struct, frozen=True):
    detail: str
    at: datetime | None = None
    position: int | None = None


class Control(Struct, frozen=True, kw_only=True):
    name: str
    title: str
    """What it is called in sentences."""
    holds_if: str
    """The condition of the control, in words."""
    operated: ControlOutcome
    looked_at: int
    """How many items the control applied to."""
    evidence: Mapping[str, str]
    exceptions: tuple[ControlException, ...]
    exceptions_in_all: int


class ControlFindings:
    """Collects the findings about one control."""

    def __init__(self, name: str, holds_if: str) -> None:
        self._name = name
        self._holds_if = holds_if
        self.looked_at = 0
        self.evidence: dict[str, str] = {}
        self._exceptions: list[ControlException] = []
        self._many = 0

    def wrong(self, detail: str, at: datetime | None = None, position: int | None = None) -> None:
        self._many += 1
        if len(self._exceptions) < MAX_EXCEPTIONS:
            self._exceptions.append(ControlException(detail, at, position))

    def control(self) -> Control:
        operated = ControlOutcome.YES if self.looked_at else ControlOutcome.NOTHING_TO_DO
        return Control(
            name=self._name,
            title=TITLES[self._name],
            holds_if=self._holds_if,
            operated=ControlOutcome.NO if self._many else operated,
            looked_at=self.looked_at,
            evidence=self.evidence,
            exceptions=tuple(self._exceptions),
            exceptions_in_all=self._many,
        )
