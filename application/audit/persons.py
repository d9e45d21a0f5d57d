"""Persons and their names, from the log: one person may have several names."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from application.audit.log_scan import LogScan
from application.log.streams import person_after
from domain.people import Actor, Person, PersonRecordEvent
from domain.recorded_event import RecordedEvent


class Persons:
    """Everybody, by what was recorded until a time; None is until now."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._later: set[UUID] = set()
        """Streams with lines after that time."""
        self._people: dict[UUID, Person] = {}

    def take(self, line: RecordedEvent) -> None:
        if not isinstance(line.event, PersonRecordEvent) or line.stream in self._later:
            return
        if self._at is not None and line.recorded_at > self._at:
            self._later.add(line.stream)
            return
        self._people[line.stream] = person_after(self._people.get(line.stream), line)

    @property
    def people(self) -> list[Person]:
        """Everybody, sorted by name."""
        return sorted(self._people.values(), key=lambda person: person.name)

    def name_groups(self) -> Iterator[Sequence[Person]]:
        """The names of each person, person by person."""
        seen: set[str] = set()
        by_name = {person.name: person for person in self.people}
        for name, person in by_name.items():
            if name not in seen:
                seen |= person.known_as
                yield [by_name[other] for other in sorted(person.known_as) if other in by_name]

    def canonical(self) -> dict[str, str]:
        """Each name with the canonical name of its person, which is the first in the alphabet."""
        return {person.name: min(person.known_as) for person in self._people.values()}


def load_persons(scan: LogScan, at: datetime | None = None) -> Persons:
    """Load everybody from the streams of persons, without reading the rest of the log."""
    persons = Persons(at)
    for line in scan.lines_of_streams("person.added"):
        persons.take(line)
    return persons


def persons_behind(actor: Actor, canonical: dict[str, str]) -> frozenset[str]:
    """The persons that the act counts for, each by the canonical name."""
    return canonical_names(actor.persons, canonical)


def canonical_names(names: Iterable[str], canonical: dict[str, str]) -> frozenset[str]:
    return frozenset(canonical.get(name, name) for name in names)
