"""The runs of a measure, how a measure stands, and what was missed."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.clock.terms import Measure
from domain.clock.time_split import Split, Tally, split

RESOLUTION = timedelta.resolution


class Miss(Struct, frozen=True, kw_only=True, gc=False):
    """A measure that was not met in time, and where the business time from its begin until it was
    met (or until now) went."""

    measure: Measure
    began_at: datetime
    due_at: datetime
    breached_at: datetime
    met_at: datetime | None
    business: Split


class Run(Struct, frozen=True, kw_only=True, gc=False):
    """One run of a measure: from its begin until it is met, or ends unmet with the case."""

    began_at: datetime
    since: Tally
    until: Tally | None = None
    limit: timedelta | None = None
    due_at: datetime | None = None
    due_before: datetime | None = None
    at_risk_at: datetime | None = None
    met_at: datetime | None = None
    breached_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        return self.until is None

    def used(self, tally: Tally) -> timedelta:
        return (self.until or tally).counted - self.since.counted

    def is_missed(self, used: timedelta) -> bool:
        """Breached, and given no more time since."""
        return self.breached_at is not None and self.limit is not None and used >= self.limit

    def as_of(self, now: datetime) -> Run:
        if not self.is_running or self.breached_at or self.due_at is None or self.due_at >= now:
            return self
        return replace(self, breached_at=self.due_at + RESOLUTION)

    def ended(self, at: datetime, tally: Tally, met_at: datetime | None) -> Run:
        keeps_due = met_at is not None or self.breached_at is not None
        return replace(
            self,
            until=tally,
            met_at=met_at,
            due_at=self.due_at if keeps_due else None,
            at_risk_at=reached(self.at_risk_at, at),
        )

    def misses(self, measure: Measure, tally: Tally) -> tuple[Miss, ...]:
        if self.breached_at is None:
            return ()
        return (
            Miss(
                measure=measure,
                began_at=self.began_at,
                due_at=self.breached_at - RESOLUTION,
                breached_at=self.breached_at,
                met_at=self.met_at,
                business=split((self.until or tally).business, self.since.business),
            ),
        )


class Standing(Struct, frozen=True, kw_only=True, gc=False):
    """How a measure stands: `used` and `left` in business time, `left` negative once overrun.

    `due_before` is the due time under the terms before the last re-term. A measure that is paused
    has no due time, nor has one that ended unmet with the case or that the terms do not hold. Of one
    that is due at a cut-off, `left` is the business time before that; in a pause, what it was.
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


class Attribution(Struct, frozen=True, kw_only=True, gc=False):
    """Where the time of a case went while it was not resolved, on the wall and in business time."""

    elapsed: Split
    business: Split


def reached(at: datetime | None, now: datetime) -> datetime | None:
    """The time, if it has come."""
    return at if at is not None and at <= now else None
