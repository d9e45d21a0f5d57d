"""Checks whether due events were recorded in time, and whether each day's payments were reconciled."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from application.audit.control import Control, ControlFindings
from application.policy.reperformance import Period
from domain.adjustments.events import AdjustmentExecuted, ExecutionFailed, ExecutionStarted
from domain.adjustments.reconciliation import ReconciliationRecorded
from domain.cases.event_descriptions import format_duration
from domain.recorded_event import RecordedEvent

_DUE_PREFIX: Final = "due:"
RECONCILIATION_DEADLINE: Final = timedelta(days=1)
"""The time within which a payment must be compared with a statement."""


class TimerLateness:
    """Measures how late timer events were recorded."""

    def __init__(self, period: Period, most: timedelta) -> None:
        self._period = period
        self._most = most
        self._longest = timedelta()
        self._found = ControlFindings(
            "time_kept", f"due events are recorded within {format_duration(most)}"
        )

    def take(self, line: RecordedEvent) -> None:
        if not (line.cause or "").startswith(_DUE_PREFIX) or not self._period.holds(
            line.recorded_at
        ):
            return
        due_at = datetime.fromisoformat((line.cause or "").removeprefix(_DUE_PREFIX))
        late = line.recorded_at - due_at
        self._found.looked_at += 1
        self._longest = max(self._longest, late)
        if late > self._most:
            detail = f"{line.type} was due at {due_at.isoformat()}, {format_duration(late)} earlier"
            self._found.wrong(detail, line.recorded_at, line.position)

    def control(self, overdue: tuple[int, datetime | None]) -> Control:
        count, oldest = overdue
        self._found.evidence = {
            "longest_seconds": f"{self._longest.total_seconds():g}",
            "due_now": str(count),
        }
        if oldest is not None:
            detail = f"now, {count} timers are overdue and not recorded; the oldest was due then"
            self._found.wrong(detail, oldest)
        return self._found.control()


class DailyReconciliation:
    """Checks that each payment by a provider is in the period of a statement that was compared after it."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._ordered: dict[UUID, str] = {}
        """The provider of each adjustment that is ordered and not paid."""
        self._paid: dict[UUID, tuple[str, datetime, int]] = {}
        """The payments that were compared with no statement yet."""
        self._days: set[str] = set()
        self._count = 0
        self._lists = 0
        self._differing = 0

    def take(self, line: RecordedEvent) -> None:
        match line.event:
            case ExecutionStarted(adjustment=one, provider=provider):
                self._ordered[one] = provider
            case ExecutionFailed(adjustment=one):
                self._ordered.pop(one, None)
            case AdjustmentExecuted(adjustment=one):
                provider = self._ordered.pop(one, "")
                if provider and self._period.holds(line.recorded_at):
                    self._count += 1
                    self._days.add(line.recorded_at.date().isoformat())
                    self._paid[one] = (provider, line.recorded_at, line.position)
            case ReconciliationRecorded() as event:
                self._lists += self._period.holds(line.recorded_at)
                self._differing += self._period.holds(line.recorded_at) and bool(event.counts)
                self._paid = {
                    one: paid for one, paid in self._paid.items() if not _covers(event, *paid)
                }

    def control(self, now: datetime) -> Control:
        found = ControlFindings(
            "reconciled_each_day",
            "for each day with payments, a provider statement was compared with the log",
        )
        found.looked_at = len(self._days)
        found.evidence = {
            "payments": str(self._count),
            "lists": str(self._lists),
            "lists_that_differ": str(self._differing),
        }
        days: dict[str, list[tuple[str, datetime, int]]] = {}
        due = [paid for paid in self._paid.values() if now - paid[1] > RECONCILIATION_DEADLINE]
        found.evidence["not_due_yet"] = str(len(self._paid) - len(due))
        for paid in due:
            days.setdefault(paid[1].date().isoformat(), []).append(paid)
        for day, missing in sorted(days.items()):
            detail = (
                f"{day}: {len(missing)} paid by {missing[0][0]}, and compared with no statement"
            )
            found.wrong(detail, missing[0][1], missing[0][2])
        return found.control()


def _covers(event: ReconciliationRecorded, provider: str, paid_at: datetime, position: int) -> bool:
    return (
        event.provider == provider
        and event.since <= paid_at <= event.until
        and position <= event.position
    )
