"""The service clock of a case: computed from the case's changes, under the terms of its start.

It has three measures: the first action of a person, the next update of the record, and the
resolution. An act at the due time is in time; a measure is breached one moment later. Nothing here
reads the system time: the caller passes it in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from domain.clock.local_times import to_utc
from domain.clock.measure_runs import (
    TIME_RESOLUTION,
    MeasureRun,
    MeasureStatus,
    MissedMeasure,
    TimeAttribution,
    time_if_reached,
)
from domain.clock.open_hours import after_business_time, business_time, next_cut_off
from domain.clock.terms import Dependency, Measure, ServiceTerms
from domain.clock.time_split import NO_TIME, TimeTally, split_seconds
from domain.struct_fields import fill


class ClockChangeKind(StrEnum):
    STARTED = "started"
    ACTED = "acted"
    """A person did something about the case for the first time."""
    UPDATED = "updated"
    QUEUED = "queued"
    """It is in a queue: opened, released, handed off, its claim lapsed, or its wait over."""
    WORKED = "worked"
    """It is claimed."""
    WAITING = "waiting"
    RESUMED = "resumed"
    """The wait is over; it is again where it was before."""
    STOPPED = "stopped"
    REOPENED = "reopened"
    RETERMED = "retermed"


class ClockChange(Struct, frozen=True, kw_only=True, gc=False):
    """A change of a case, with its time. A start and a re-term need terms, a wait a dependency."""

    at: datetime
    change: ClockChangeKind
    terms: ServiceTerms | None = None
    dependency: Dependency | None = None
    party: str | None = None

    def __post_init__(self) -> None:
        needs_terms = self.change in (ClockChangeKind.STARTED, ClockChangeKind.RETERMED)
        if needs_terms and self.terms is None:
            raise ValueError(f"a clock change {self.change} needs terms")
        if self.change is ClockChangeKind.WAITING and self.dependency is None:
            raise ValueError("a clock change waiting needs a dependency")


class Clock(Struct, frozen=True, kw_only=True):
    """The clock of one case after some changes; it does not run until it is started."""

    terms: ServiceTerms | None = None
    at: datetime | None = None
    """The time up to which `tally` counts."""
    tally: TimeTally = TimeTally()
    held: bool = False
    waits_on: Dependency | None = None
    party: str | None = None
    stopped: bool = False
    runs: dict[Measure, MeasureRun] = field(default_factory=dict)
    past_misses: tuple[MissedMeasure, ...] = ()
    """The misses of runs that a later run of the same measure followed."""

    def after(self, change: ClockChange) -> Clock:
        """The clock after one more change.

        A change that does not fit (such as a wait of a resolved case) has no effect: the case refuses
        wrong commands. A change with an earlier time than the last counts at the time of the last.
        Raises ValueError for a second start.
        """
        now = self.as_of(change.at)
        if change.change is ClockChangeKind.STARTED:
            return now._started(change)
        if self.terms is None:
            return self
        if self.stopped and change.change not in (
            ClockChangeKind.REOPENED,
            ClockChangeKind.RETERMED,
        ):
            return now
        match change.change:
            case ClockChangeKind.ACTED:
                return now._record_action()
            case ClockChangeKind.UPDATED:
                return now._restarted(Measure.NEXT_UPDATE, now._now)
            case ClockChangeKind.QUEUED:
                return now._moved(held=False)
            case ClockChangeKind.WORKED:
                return now._moved(held=True)
            case ClockChangeKind.WAITING:
                return now._moved(now.held, change.dependency, change.party)
            case ClockChangeKind.RESUMED:
                return now._moved(now.held)
            case ClockChangeKind.STOPPED:
                return now._stopped()
            case ClockChangeKind.REOPENED:
                return now._reopened() if self.stopped else now
            case ClockChangeKind.RETERMED:
                return now._retermed(change)
            case _:
                assert_never(change.change)

    def as_of(self, now: datetime) -> Clock:
        """The clock at a later time: time is counted, and passed due times are breached."""
        now = to_utc(now) if self.at is None else max(to_utc(now), self.at)
        if now == self.at:
            return self
        if self.terms is None or self.at is None or self.stopped:
            return replace(self, at=now)
        business = business_time(self.terms.calendar, self.at, now)
        tally = self.tally.plus(self.place, now - self.at, business, counts=not self.paused)
        runs = {measure: run.as_of(now) for measure, run in self.runs.items()}
        return replace(self, at=now, tally=tally, runs=runs)

    @property
    def place(self) -> str:
        """The place that time is counted for: `queue`, `work`, or `wait:` with category and party."""
        if self.waits_on is not None:
            return f"wait:{self.waits_on}/{self.party}" if self.party else f"wait:{self.waits_on}"
        return "work" if self.held else "queue"

    @property
    def paused(self) -> bool:
        return self.terms is not None and self.waits_on in self.terms.pauses_on

    def standing(self, measure: Measure, now: datetime) -> MeasureStatus | None:
        """The status of a measure at a time; None before the clock is started."""
        clock = self.as_of(now)
        run = clock.runs.get(measure)
        if run is None:
            return None
        used = run.used(clock.tally)
        return fill(
            MeasureStatus,
            run,
            measure=measure,
            paused=clock.paused and run.is_running,
            used=used,
            left=None if run.limit is None else run.limit - used,
        )

    def attribution(self, now: datetime) -> TimeAttribution:
        tally = self.as_of(now).tally
        return TimeAttribution(
            elapsed=split_seconds(tally.elapsed), business=split_seconds(tally.business)
        )

    def misses(self, now: datetime) -> tuple[MissedMeasure, ...]:
        """Every missed measure so far, by time of breach."""
        clock = self.as_of(now)
        found = [miss for m, run in clock.runs.items() for miss in run.misses(m, clock.tally)]
        return tuple(sorted((*self.past_misses, *found), key=lambda miss: miss.breached_at))

    def next_event_at(self, now: datetime) -> datetime | None:
        """When the next measure becomes at risk or breached without a change; None if none will."""
        clock = self.as_of(now)
        times: list[datetime | None] = []
        for run in clock.runs.values():
            if run.is_running and run.breached_at is None and run.due_at is not None:
                times += [run.at_risk_at, run.due_at + TIME_RESOLUTION]
        return min((time for time in times if time and time > clock._now), default=None)

    @property
    def _now(self) -> datetime:
        assert self.at is not None
        return self.at

    def _started(self, change: ClockChange) -> Clock:
        if self.terms is not None:
            raise ValueError("the clock is started already: re-term it to change its terms")
        runs = {measure: MeasureRun(began_at=self._now, since=self.tally) for measure in Measure}
        return replace(self, terms=change.terms, runs=runs)._with_due_times()

    def _record_action(self) -> Clock:
        run = self.runs[Measure.FIRST_ACTION]
        if not run.is_running:
            return self
        return self._with(Measure.FIRST_ACTION, run.ended(self._now, self.tally, self._now))

    def _restarted(self, measure: Measure, met_at: datetime | None) -> Clock:
        """Start a new run of the measure; a miss of the last run is kept."""
        past = replace(self.runs[measure], met_at=met_at).misses(measure, self.tally)
        clock = self._with(measure, MeasureRun(began_at=self._now, since=self.tally))
        return replace(clock, past_misses=(*self.past_misses, *past))

    def _moved(
        self, held: bool, waits_on: Dependency | None = None, party: str | None = None
    ) -> Clock:
        moved = replace(self, held=held, waits_on=waits_on, party=party)
        return moved if moved.paused == self.paused else moved._with_due_times()

    def _stopped(self) -> Clock:
        runs = dict(self.runs)
        for measure, run in runs.items():
            if run.is_running:
                met_at = self._now if measure is Measure.RESOLUTION else None
                runs[measure] = run.ended(self._now, self.tally, met_at)
        return replace(self, stopped=True, held=False, waits_on=None, party=None, runs=runs)

    def _reopened(self) -> Clock:
        """Restart the next update, and the resolution if the terms say so; else continue it. The
        first action is due once: it continues only if it was not met."""
        clock = replace(self, stopped=False)
        resets = self.terms is not None and self.terms.resets_on_reopen
        for measure, run in self.runs.items():
            if measure is Measure.NEXT_UPDATE or (measure is Measure.RESOLUTION and resets):
                clock = clock._restarted(measure, run.met_at)
            elif measure is Measure.RESOLUTION or run.met_at is None:
                clock = clock._with(measure, replace(run, until=None, met_at=None))
        return clock

    def _retermed(self, change: ClockChange) -> Clock:
        # The limit is dropped: a measure missed at a cut-off of the old terms may be due at another.
        runs = {
            measure: replace(run, due_before=run.due_at, limit=None) if run.is_running else run
            for measure, run in self.runs.items()
        }
        return replace(self, terms=change.terms, runs=runs)._with_due_times()

    def _with(self, measure: Measure, run: MeasureRun) -> Clock:
        return replace(self, runs={**self.runs, measure: self._due(measure, run)})

    def _with_due_times(self) -> Clock:
        return replace(self, runs={m: self._due(m, run) for m, run in self.runs.items()})

    def _due(self, measure: Measure, run: MeasureRun) -> MeasureRun:
        """The run with its due times under the current terms, from now and the time used so far."""
        if not run.is_running or self.terms is None:
            return run
        used = run.used(self.tally)
        limit, due_at = self._end(measure, run, used)
        risked_at = time_if_reached(run.at_risk_at, self._now)
        if limit is None:
            return replace(run, limit=None, due_at=None, at_risk_at=None)
        if self.paused:
            return replace(run, limit=limit, due_at=None, at_risk_at=risked_at)
        risk_after = limit * self.terms.at_risk_percent // 100
        at_risk_at = self._after(risk_after - used) if used < risk_after else risked_at or self._now
        return replace(run, limit=limit, due_at=due_at, at_risk_at=at_risk_at)

    def _end(
        self, measure: Measure, run: MeasureRun, used: timedelta
    ) -> tuple[timedelta | None, datetime | None]:
        """The total business time of the run, and when it is over. With a cut-off, it is the time
        until then; in a pause, as if the clock ran now."""
        assert self.terms is not None
        limit, cut_off = self.terms.limit(measure), self.terms.cut_off(measure)
        if cut_off is not None and not run.is_missed(used):
            earliest = self._after(max(NO_TIME, (limit or NO_TIME) - used))
            due_at = next_cut_off(
                self.terms.calendar,
                cut_off,
                earliest,
                while_open=self.terms.cut_offs_while_open is True,
            )
            return used + business_time(self.terms.calendar, self._now, due_at), due_at
        if cut_off is not None:
            limit = run.limit
        if limit is None:
            return None, None
        if used < limit:
            return limit, self._after(limit - used)
        return limit, run.breached_at - TIME_RESOLUTION if run.breached_at else self._now

    def _after(self, duration: timedelta) -> datetime:
        assert self.terms is not None
        return after_business_time(self.terms.calendar, self._now, duration)


def clock_of(changes: Iterable[ClockChange]) -> Clock:
    """The clock after all these changes, in their order."""
    return reduce(Clock.after, changes, Clock())
