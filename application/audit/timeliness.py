"""Whether what fell due was looked at in time, and whether every day's payments were reconciled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from application.audit.control import Control, Findings
from application.policy.reperformance import Period
from domain.adjustments.events import AdjustmentExecuted, ExecutionFailed, ExecutionStarted
from domain.adjustments.reconciliation import ReconciliationRecorded
from domain.recorded import Recorded

_DUE: Final = "due:"
IN_A_DAY: Final = timedelta(days=1)
"""So long somebody has to look for what was paid on the provider's list."""


class Lateness:
    """Of what came to pass by itself: how long after it was due it was recorded."""

    def __init__(self, period: Period, most: timedelta) -> None:
        self._period = period
        self._most = most
        self._longest = timedelta()
        self._found = Findings(
            "time_kept", f"what falls due is recorded within {most.total_seconds():g} seconds"
        )

    def take(self, line: Recorded) -> None:
        if not (line.cause or "").startswith(_DUE) or not self._period.holds(line.recorded_at):
            return
        due_at = datetime.fromisoformat((line.cause or "").removeprefix(_DUE))
        late = line.recorded_at - due_at
        self._found.looked_at += 1
        self._longest = max(self._longest, late)
        if late > self._most:
            told = f"{line.type} was due at {due_at.isoformat()}, {late.total_seconds():g} s before"
            self._found.wrong(told, line.recorded_at, line.position)

    def control(self, overdue: tuple[int, datetime | None]) -> Control:
        many, oldest = overdue
        self._found.evidence = {
            "longest_seconds": f"{self._longest.total_seconds():g}",
            "due_now": str(many),
        }
        if oldest is not None:
            self._found.wrong(f"{many} streams are due, and nobody has looked at them", oldest)
        return self._found.control()


class Reconciled:
    """Each payment by a provider lies in the period of a list that was held against the log after it."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._ordered: dict[UUID, str] = {}
        """Adjustments that are ordered, and not known to be paid: with the provider."""
        self._paid: dict[UUID, tuple[str, datetime, int]] = {}
        """What no list has been held against."""
        self._days: set[str] = set()
        self._many = 0
        self._lists = 0
        self._differing = 0

    def take(self, line: Recorded) -> None:
        match line.event:
            case ExecutionStarted(adjustment=one, provider=provider):
                self._ordered[one] = provider
            case ExecutionFailed(adjustment=one):
                self._ordered.pop(one, None)
            case AdjustmentExecuted(adjustment=one):
                provider = self._ordered.pop(one, "")
                if provider and self._period.holds(line.recorded_at):
                    self._many += 1
                    self._days.add(line.recorded_at.date().isoformat())
                    self._paid[one] = (provider, line.recorded_at, line.position)
            case ReconciliationRecorded() as event:
                self._lists += self._period.holds(line.recorded_at)
                self._differing += self._period.holds(line.recorded_at) and bool(event.counts)
                self._paid = {
                    one: paid for one, paid in self._paid.items() if not _covers(event, *paid)
                }
            case _:
                pass

    def control(self, now: datetime) -> Control:
        found = Findings(
            "reconciled_each_day",
            "the provider's list of each day with payments was held against the log",
        )
        found.looked_at = len(self._days)
        found.evidence = {
            "payments": str(self._many),
            "lists": str(self._lists),
            "lists_that_differ": str(self._differing),
        }
        days: dict[str, list[tuple[str, datetime, int]]] = {}
        due = [paid for paid in self._paid.values() if now - paid[1] > IN_A_DAY]
        found.evidence["not_due_yet"] = str(len(self._paid) - len(due))
        for paid in due:
            days.setdefault(paid[1].date().isoformat(), []).append(paid)
        for day, missing in sorted(days.items()):
            told = f"{day}: {len(missing)} paid by {missing[0][0]}, and no list of it was held against them"
            found.wrong(told, missing[0][1], missing[0][2])
        return found.control()


def _covers(event: ReconciliationRecorded, provider: str, paid_at: datetime, position: int) -> bool:
    return (
        event.provider == provider
        and event.since <= paid_at <= event.until
        and position <= event.position
    )
