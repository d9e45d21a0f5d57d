"""Loads persons by name, now or as of a time, with void grants marked by the names known then."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Final
from uuid import UUID

from msgspec import structs

from application.log.event_log import EventLog
from application.log.repository import Repository
from domain.authority import NO_AUTHORITY, Authority, authority_of
from domain.grant_validity import mark_void_grants
from domain.people import (
    GrantConfirmed,
    GrantProposed,
    PersonAdded,
    PersonGranted,
    PersonReturned,
    person_stream,
)
from domain.person import Person
from domain.recorded_event import RecordedEvent

PAGE: Final = 1_000
GIVING: Final = (PersonAdded, PersonGranted, GrantProposed, GrantConfirmed, PersonReturned)

Trails = Callable[[Sequence[UUID]], Mapping[UUID, Sequence[RecordedEvent]]]
"""The lines of these streams, from the first one; a stream without lines is left out."""
Fold = Callable[[Iterable[RecordedEvent]], Person | None]


class PeopleRecord:
    """What some lines of the log say of people. Each stream is read once, so all answers are of one moment.

    The streams of those who gave and confirmed a person's grants are read with it, and those of their givers
    only where it depends on them.
    """

    def __init__(self, trails: Trails, fold: Fold, roster: Iterable[str] = ()) -> None:
        self._trails = trails
        self._fold = fold
        self._roster = sorted(roster)
        self._lines: dict[str, Sequence[RecordedEvent]] = {}
        self._bare: dict[str, Person | None] = {}
        """Persons without marks."""
        self._marked: dict[str, Person] = {}
        self._past: dict[tuple[str, int], Person | None] = {}

    def persons(self, names: Iterable[str]) -> dict[str, Person]:
        """These persons in this order; a name that the log does not have is left out."""
        names = [*names]
        self._read(names)
        self._read(frozenset().union(*map(self.givers, names)))
        return {name: person for name in names if (person := self.person(name)) is not None}

    def everybody(self) -> list[Person]:
        """All of the roster, sorted by name."""
        return [*self.persons(self._roster).values()]

    def person(self, name: str) -> Person | None:
        if name not in self._marked:
            self._read([name])
            if (bare := self._bare[name]) is None:
                return None
            self._marked[name] = mark_void_grants(bare, self)
        return self._marked[name]

    def names_of(self, name: str) -> frozenset[str]:
        self._read([name])
        bare = self._bare[name]
        return bare.known_as if bare is not None else frozenset({name})

    def before(self, name: str, position: int) -> Person | None:
        self._read([name])
        if (name, position) not in self._past:
            lines = takewhile(lambda line: line.position < position, self._lines[name])
            past = self._fold(lines)
            if past is not None:
                self._read(self.givers(name))
                past = structs.replace(past, others=self.names_of(name) - {name})
            self._past[name, position] = past
        return self._past[name, position]

    def authority_before(self, name: str, position: int, at: datetime) -> Authority:
        """What the person was allowed by what the log has before a position, at a time. A grant that is void by
        the names known now gave nothing then."""
        past = self.before(name, position)
        return authority_of(mark_void_grants(past, self).at(at)) if past else NO_AUTHORITY

    def givers(self, name: str) -> frozenset[str]:
        """The people who ever gave or confirmed a grant of this person: their names and grants decide whether it
        is void."""
        self._read([name])
        giving = (line.actor for line in self._lines[name] if isinstance(line.event, GIVING))
        return frozenset(one for actor in giving for one in actor.persons)

    def known_as(self, names: Iterable[str]) -> list[Person]:
        """These persons, and their other names, each as a person of its own, sorted by name."""
        names = {*names}
        self._read(names)
        return [*self.persons(sorted(names.union(*map(self.names_of, names)))).values()]

    def deciding_names(self, names: Iterable[str]) -> list[Person]:
        """These persons and all others whose changes can change what these may do: those who gave them grants, those
        who gave grants to the givers, and so on, under all names."""
        found: frozenset[str] = frozenset()
        more = frozenset(names)
        while more := more - found:
            people = frozenset(person.name for person in self.known_as(more))
            found |= more | people
            more = frozenset().union(*map(self.givers, people))
        return [*self.persons(sorted(found)).values()]

    def _read(self, names: Iterable[str]) -> None:
        unread = {person_stream(name): name for name in names if name not in self._lines}
        if unread:
            read = self._trails([*unread])
            for stream, name in unread.items():
                self._lines[name] = read.get(stream, ())
                self._bare[name] = self._fold(self._lines[name])


class PersonStates:
    """A name that the log does not have is left out."""

    def __init__(self, log: EventLog, people: Repository[Person]) -> None:
        self._log = log
        self._people = people

    def record(self) -> PeopleRecord:
        """What the log says from now on, each stream as it is when it is first asked for."""
        return PeopleRecord(self._log.trails, self._people.fold_lines)

    def current(self, names: Iterable[str]) -> dict[str, Person]:
        """As the log has them now."""
        return self.record().persons(names)

    def as_of(self, names: Iterable[str], at: datetime) -> dict[str, Person]:
        """By what was recorded until then."""

        def trails(streams: Sequence[UUID]) -> dict[UUID, Sequence[RecordedEvent]]:
            read = self._log.trails(streams)
            return {
                stream: [*takewhile(lambda line: line.recorded_at <= at, lines)]
                for stream, lines in read.items()
            }

        return PeopleRecord(trails, self._people.fold_lines).persons(names)

    def everybody_upto(self, position: int) -> list[Person]:
        """Everybody by what the log has up to a position, sorted by name."""
        known: dict[UUID, Sequence[RecordedEvent]] = {}
        for streams in self._log.pages("person.added", position, PAGE):
            for stream, lines in self._log.trails(streams).items():
                known[stream] = [*takewhile(lambda line: line.position <= position, lines)]
        return record_of(known, self._people.fold_lines).everybody()


def record_of(lines: Mapping[UUID, Sequence[RecordedEvent]], fold: Fold) -> PeopleRecord:
    """The record of all people in these lines."""

    def trails(streams: Sequence[UUID]) -> dict[UUID, Sequence[RecordedEvent]]:
        return {stream: lines[stream] for stream in streams if stream in lines}

    found = (fold(trail) for trail in lines.values())
    return PeopleRecord(trails, fold, [person.name for person in found if person is not None])
