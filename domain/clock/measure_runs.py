"""The runs of a measure, its status, and its misses."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.clock.terms import Measure
from domain.clock.time_split import TimeSplit, TimeTally, split_seconds

TIME_RESOLUTION = timedelta.resolution


class MissedMeasure(Struct, frozen=True, kw_only=True, gc=False):
    """A measure that was not met in time, and how its business time was spent.

    `business` covers the time from its begin until it was met, or until now.
    """

    measure: Measure
    began_at: datetime
    due_at: datetime
    breached_at: datetime
    met_at: datetime | None
    business: TimeSplit


class MeasureRun(Struct, frozen=True, kw_only=True, gc=False):
    """One run of a measure: from its begin until it is met, or until the case ends."""

    began_at: datetime
    since: TimeTally
    until: TimeTally | None = None
    limit: timedelta | None = None
    due_at: datetime | None = None
    due_before: datetime | None = None
    at_risk_at: datetime | None = None
    met_at: datetime | None = None
    breached_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        return self.until is None

    def used(self, tally: TimeTally) -> timedelta:
        return (self.until or tally).counted - self.since.counted

    def is_missed(self, used: timedelta) -> bool:
        """Whether it is breached and got no more time since."""
        return self.breached_at is not None and self.limit is not None and used >= self.limit

    def as_of(self, now: datetime) -> MeasureRun:
        if not self.is_running or self.breached_at or self.due_at is None or self.due_at >= now:
            return self
        return replace(self, breached_at=self.due_at + TIME_RESOLUTION)

    def ended(self, at: datetime, tally: TimeTally, met_at: datetime | None) -> MeasureRun:
        keeps_due = met_at is not None or self.breached_at is not None
        return replace(
            self,
            until=tally,
            met_at=met_at,
            due_at=self.due_at if keeps_due else None,
            at_risk_at=time_if_reached(self.at_risk_at, at),
        )

    def misses(self, measure: Measure, tally: TimeTally) -> tuple[MissedMeasure, ...]:
        if self.breached_at is None:
            return ()
        return (
            MissedMeasure(
                measure=measure,
                began_at=self.began_at,
                due_at=self.breached_at - TIME_RESOLUTION,
                breached_at=self.breached_at,
                met_at=self.met_at,
                business=split_seconds((self.until or tally).business, self.since.business),
            ),
        )


class MeasureStatus(Struct, frozen=True, kw_only=True, gc=False):
    """The status of a measure: `used` and `left` in business time, `left` negative once overrun.

    `due_before` is the due time before the last re-term. A measure has no due time while it is
    paused, if it ended unmet with the case, or if the terms do not include it. If it is due at a
    cut-off, `left` is the business time before that, frozen in a pause.
    """

    measure: Measure
    due_at: datetime | None
    due_before: datetime | None
    at_risk_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    paused: bool
    used: timedelta
    left: timedelta | None


class TimeAttribution(Struct, frozen=True, kw_only=True, gc=False):
    """How the time of a case was spent until its resolution: elapsed time and business time."""

    elapsed: TimeSplit
    business: TimeSplit


def time_if_reached(at: datetime | None, now: datetime) -> datetime | None:
    """The time if it is not after `now`, else None."""
    return at if at is not None and at <= now else None
