"""The refused requests of persons, summed up over the recorded counts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from msgspec import Struct, structs

from application.cases.trail import describe_actor
from application.log.event_log import EventLog
from domain.access_refusals import AccessRefused, CheckedGrant, RefusedRequests
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

BATCH_SIZE = 200


class RefusedKind(Struct, frozen=True, kw_only=True):
    """Requests of one kind that were refused, and how many; no request is kept itself."""

    who: str
    method: str
    route: str
    permission: str
    problem: str
    count: int
    first_at: datetime
    last_at: datetime


class RefusalsOfDay(Struct, frozen=True, kw_only=True):
    """The refused requests of one principal on one day in UTC, as far as they are recorded."""

    position: int
    """Of the day's first event."""
    day: date
    principal: str
    persons: Sequence[str]
    """Those behind it; none for `system:service`, which stands for principals that were not counted one by one."""
    count: int
    refused: Sequence[RefusedRequests]
    """By kind, the most frequent first."""
    others: int
    """Further requests, of more kinds than are counted one by one."""
    grants: Sequence[CheckedGrant]
    """Those that were checked last."""


def list_refusals(
    log: EventLog, after: int, limit: int, names: Collection[str] | None = None
) -> list[RefusalsOfDay]:
    """The next days of principals whose first event comes after a position, oldest first; with `names`, only those of a
    person with these names."""
    found: list[RefusalsOfDay] = []
    while len(found) < limit:
        page = log.recorder.select_beginnings("access.refused", after, BATCH_SIZE)
        if not page:
            break
        after = page[-1][0]
        trails = log.trails([stream for _, stream in page])
        days = (_refusals_of_day(trails[stream]) for _, stream in page)
        found += [one for one in days if names is None or {*names} & {*one.persons}]
    return found[:limit]


def _refusals_of_day(lines: Sequence[RecordedEvent]) -> RefusalsOfDay:
    events = [*_refusals(lines)]
    kinds: dict[tuple[str, ...], RefusedRequests] = {}
    for one in (one for event in events for one in event.refused):
        key = (one.method, one.route, one.permission, one.problem)
        known = kinds.get(key)
        kinds[key] = one if known is None else _sum_of(known, one)
    return RefusalsOfDay(
        position=lines[0].position,
        day=lines[0].recorded_at.date(),
        principal=events[0].by.principal,
        persons=sorted({name for event in events for name in event.by.persons}),
        count=sum(event.count for event in events),
        refused=sorted(kinds.values(), key=lambda one: one.count, reverse=True),
        others=sum(event.others for event in events),
        grants=events[-1].grants,
    )


def _sum_of(one: RefusedRequests, other: RefusedRequests) -> RefusedRequests:
    return structs.replace(
        one,
        count=one.count + other.count,
        first_at=min(one.first_at, other.first_at),
        last_at=max(one.last_at, other.last_at),
    )


def list_refused_requests(
    log: EventLog, names: Collection[str], until: datetime
) -> list[RefusedKind]:
    """Those of the persons with these names that were recorded until then, those of the last time first."""
    lines = (
        line
        for page in log.pages("access.refused", log.head(), BATCH_SIZE)
        for trail in log.trails(page).values()
        for line in trail
        if line.recorded_at <= until
    )
    found: dict[tuple[str, ...], RefusedKind] = {}
    for event in _refusals(lines):
        if not {*names} & {*event.by.persons}:
            continue
        who = describe_actor(event.by)
        for one in event.refused:
            key = (who, one.method, one.route, one.permission, one.problem)
            known = found.get(key, one)
            found[key] = fill(
                RefusedKind,
                one,
                who=who,
                count=one.count + (known.count if key in found else 0),
                first_at=min(known.first_at, one.first_at),
                last_at=max(known.last_at, one.last_at),
            )
    return sorted(found.values(), key=lambda one: one.last_at, reverse=True)


class RefusedCounts:
    """The number of refused requests of each person, and the last time, as recorded until then."""

    def __init__(self, until: datetime) -> None:
        self._until = until
        self.counts: dict[str, int] = {}
        self.last: dict[str, datetime] = {}

    def take(self, line: RecordedEvent) -> None:
        if line.recorded_at > self._until:
            return
        for event in _refusals([line]):
            for name in event.by.persons:
                self.counts[name] = self.counts.get(name, 0) + event.count
                self.last[name] = max(
                    (one.last_at for one in event.refused), default=line.recorded_at
                )


def _refusals(lines: Iterable[RecordedEvent]) -> Iterable[AccessRefused]:
    return (line.event for line in lines if isinstance(line.event, AccessRefused))
