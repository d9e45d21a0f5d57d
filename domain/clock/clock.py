"""The service clock of a case: a fold over what happened to it, under terms that are pinned.

It is held against three measures: the first action of a person, the next update of the record,
and the resolution. What happens at a due time is still in time; a measure is breached from the
moment after it. Nothing here reads a clock: whoever asks says what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from domain.clock.calendars import after_business_time, business_time, next_cut_off
from domain.clock.local_times import in_utc
from domain.clock.runs import RESOLUTION, Attribution, Miss, Run, Standing, reached
from domain.clock.terms import Dependency, Measure, ServiceTerms
from domain.clock.time_split import NOTHING, Tally, split


class Change(StrEnum):
    STARTED = "started"
    ACTED = "acted"
    """A person did something about the case for the first time."""
    UPDATED = "updated"
    QUEUED = "queued"
    """It is in a queue: opened, released, handed off, lapsed, or no longer waiting for anybody."""
    WORKED = "worked"
    """Somebody holds it."""
    WAITING = "waiting"
    RESUMED = "resumed"
    """The wait is over; it is where it was before."""
    STOPPED = "stopped"
    REOPENED = "reopened"
    RETERMED = "retermed"


class Moment(Struct, frozen=True, kw_only=True, gc=False):
    """What changed, and when. A start and a re-term bring terms, a wait says on whom."""

    at: datetime
    change: Change
    terms: ServiceTerms | None = None
    dependency: Dependency | None = None
    party: str | None = None

    def __post_init__(self) -> None:
        brings_terms = self.change in (Change.STARTED, Change.RETERMED)
        if brings_terms and self.terms is None:
            raise ValueError(f"{self.change} needs terms")
        if self.change is Change.WAITING and self.dependency is None:
            raise ValueError("waiting needs a dependency")


class Clock(Struct, frozen=True, kw_only=True):
    """The clock of one case after some moments; it stands still until it is started."""

    terms: ServiceTerms | None = None
    at: datetime | None = None
    """The moment up to which time is tallied."""
    tally: Tally = Tally()
    held: bool = False
    waits_on: Dependency | None = None
    party: str | None = None
    stopped: bool = False
    runs: dict[Measure, Run] = field(default_factory=dict)
    past_misses: tuple[Miss, ...] = ()
    """Of runs that were followed by another of the same measure."""

    def after(self, moment: Moment) -> Clock:
        """The clock after one more moment.

        A moment that does not fit (a wait of a resolved case, say) changes nothing: the case has
        refused what was wrong. One that is told with an earlier time than the last counts as
        happening with it: time does not run backwards.
        """
        now = self.as_of(moment.at)
        if moment.change is Change.STARTED:
            return now._started(moment)
        if self.terms is None:
            return self
        if self.stopped and moment.change not in (Change.REOPENED, Change.RETERMED):
            return now
        match moment.change:
            case Change.ACTED:
                return now._acted()
            case Change.UPDATED:
                return now._again(Measure.NEXT_UPDATE, now._now)
            case Change.QUEUED:
                return now._moved(held=False)
            case Change.WORKED:
                return now._moved(held=True)
            case Change.WAITING:
                return now._moved(now.held, moment.dependency, moment.party)
            case Change.RESUMED:
                return now._moved(now.held)
            case Change.STOPPED:
                return now._stopped()
            case Change.REOPENED:
                return now._reopened() if self.stopped else now
            case Change.RETERMED:
                return now._retermed(moment)
            case _:
                assert_never(moment.change)

    def as_of(self, now: datetime) -> Clock:
        """The same clock at a later time: tallied, and breached where a due time has passed."""
        now = in_utc(now) if self.at is None else max(in_utc(now), self.at)
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
        """Where the time goes: `queue`, `work`, or `wait:` with the category and the party."""
        if self.waits_on is not None:
            return f"wait:{self.waits_on}/{self.party}" if self.party else f"wait:{self.waits_on}"
        return "work" if self.held else "queue"

    @property
    def paused(self) -> bool:
        return self.terms is not None and self.waits_on in self.terms.pauses_on

    def standing(self, measure: Measure, now: datetime) -> Standing | None:
        """How a measure stands at a time; None before the clock is started."""
        clock = self.as_of(now)
        run = clock.runs.get(measure)
        if run is None:
            return None
        used = run.used(clock.tally)
        return Standing(
            measure=measure,
            due_at=run.due_at,
            due_before=run.due_before,
            at_risk_at=run.at_risk_at,
            met_at=run.met_at,
            breached_at=run.breached_at,
            paused=clock.paused and run.is_running,
            used=used,
            left=None if run.limit is None else run.limit - used,
        )

    def attribution(self, now: datetime) -> Attribution:
        tally = self.as_of(now).tally
        return Attribution(elapsed=split(tally.elapsed), business=split(tally.business))

    def misses(self, now: datetime) -> tuple[Miss, ...]:
        """Every miss so far, in the order of their breaches."""
        clock = self.as_of(now)
        found = [miss for m, run in clock.runs.items() for miss in run.misses(m, clock.tally)]
        return tuple(sorted((*self.past_misses, *found), key=lambda miss: miss.breached_at))

    def next_event_at(self, now: datetime) -> datetime | None:
        """The next moment at which a measure becomes at risk or breached, if nothing happens."""
        clock = self.as_of(now)
        times: list[datetime | None] = []
        for run in clock.runs.values():
            if run.is_running and run.breached_at is None and run.due_at is not None:
                times += [run.at_risk_at, run.due_at + RESOLUTION]
        return min((time for time in times if time and time > clock._now), default=None)

    @property
    def _now(self) -> datetime:
        assert self.at is not None
        return self.at

    def _started(self, moment: Moment) -> Clock:
        if self.terms is not None:
            raise ValueError("the clock is started already")
        runs = {measure: Run(began_at=self._now, since=self.tally) for measure in Measure}
        return replace(self, terms=moment.terms, runs=runs)._scheduled()

    def _acted(self) -> Clock:
        run = self.runs[Measure.FIRST_ACTION]
        if not run.is_running:
            return self
        return self._with(Measure.FIRST_ACTION, run.ended(self._now, self.tally, self._now))

    def _again(self, measure: Measure, met_at: datetime | None) -> Clock:
        """The measure runs anew; a miss of the run before is kept."""
        past = replace(self.runs[measure], met_at=met_at).misses(measure, self.tally)
        clock = self._with(measure, Run(began_at=self._now, since=self.tally))
        return replace(clock, past_misses=(*self.past_misses, *past))

    def _moved(
        self, held: bool, waits_on: Dependency | None = None, party: str | None = None
    ) -> Clock:
        moved = replace(self, held=held, waits_on=waits_on, party=party)
        return moved if moved.paused == self.paused else moved._scheduled()

    def _stopped(self) -> Clock:
        runs = dict(self.runs)
        for measure, run in runs.items():
            if run.is_running:
                met_at = self._now if measure is Measure.RESOLUTION else None
                runs[measure] = run.ended(self._now, self.tally, met_at)
        return replace(self, stopped=True, held=False, waits_on=None, party=None, runs=runs)

    def _reopened(self) -> Clock:
        """The next update runs anew, the resolution as the terms say; the first action is due
        only once."""
        clock = replace(self, stopped=False)
        resets = self.terms is not None and self.terms.resets_on_reopen
        for measure, run in self.runs.items():
            if measure is Measure.NEXT_UPDATE or (measure is Measure.RESOLUTION and resets):
                clock = clock._again(measure, run.met_at)
            elif measure is Measure.RESOLUTION or run.met_at is None:
                clock = clock._with(measure, replace(run, until=None, met_at=None))
        return clock

    def _retermed(self, moment: Moment) -> Clock:
        # Without its limit: what was missed at a cut-off of the old terms may be due at another.
        runs = {
            measure: replace(run, due_before=run.due_at, limit=None) if run.is_running else run
            for measure, run in self.runs.items()
        }
        return replace(self, terms=moment.terms, runs=runs)._scheduled()

    def _with(self, measure: Measure, run: Run) -> Clock:
        return replace(self, runs={**self.runs, measure: self._due(measure, run)})

    def _scheduled(self) -> Clock:
        return replace(self, runs={m: self._due(m, run) for m, run in self.runs.items()})

    def _due(self, measure: Measure, run: Run) -> Run:
        """The run with its times under the terms in force, counted from now with what is used."""
        if not run.is_running or self.terms is None:
            return run
        used = run.used(self.tally)
        limit, due_at = self._end(measure, run, used)
        risked_at = reached(run.at_risk_at, self._now)
        if limit is None:
            return replace(run, limit=None, due_at=None, at_risk_at=None)
        if self.paused:
            return replace(run, limit=limit, due_at=None, at_risk_at=risked_at)
        risk_after = limit * self.terms.at_risk_percent // 100
        at_risk_at = self._after(risk_after - used) if used < risk_after else risked_at or self._now
        return replace(run, limit=limit, due_at=due_at, at_risk_at=at_risk_at)

    def _end(
        self, measure: Measure, run: Run, used: timedelta
    ) -> tuple[timedelta | None, datetime | None]:
        """The business time that the run has in all, and when that is over. Up to a cut-off it is
        what lies before that: in a pause, as if the clock went on now."""
        assert self.terms is not None
        limit, cut_off = self.terms.limit(measure), self.terms.cut_off(measure)
        if cut_off is not None and not run.is_missed(used):
            earliest = self._after(max(NOTHING, (limit or NOTHING) - used))
            due_at = next_cut_off(self.terms.calendar, cut_off, earliest)
            return used + business_time(self.terms.calendar, self._now, due_at), due_at
        if cut_off is not None:
            limit = run.limit
        if limit is None:
            return None, None
        if used < limit:
            return limit, self._after(limit - used)
        return limit, run.breached_at - RESOLUTION if run.breached_at else self._now

    def _after(self, duration: timedelta) -> datetime:
        assert self.terms is not None
        return after_business_time(self.terms.calendar, self._now, duration)


def clock_of(moments: Iterable[Moment]) -> Clock:
    """The clock after all these moments, in their order."""
    return reduce(Clock.after, moments, Clock())
