"""Persons and their names, from the log: one person may have several names."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from application.audit.log_scan import LogScan
from application.log.streams import fold_person
from application.people.person_states import PeopleRecord, record_of
from domain.people import Actor, PersonRecordEvent
from domain.person import Person
from domain.recorded_event import RecordedEvent


class Persons:
    """Everybody, by what was recorded until a time; None is until now."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._later: set[UUID] = set()
        """Streams with lines after that time."""
        self._lines: dict[UUID, list[RecordedEvent]] = {}
        self._record: PeopleRecord | None = None

    def take(self, line: RecordedEvent) -> None:
        if not isinstance(line.event, PersonRecordEvent) or line.stream in self._later:
            return
        if self._at is not None and line.recorded_at > self._at:
            self._later.add(line.stream)
            return
        self._lines.setdefault(line.stream, []).append(line)
        self._record = None

    @property
    def people(self) -> list[Person]:
        """Everybody, sorted by name, with void grants marked by the names known until then."""
        return self.record.everybody()

    @property
    def record(self) -> PeopleRecord:
        if self._record is None:
            self._record = record_of(self._lines, fold_person)
        return self._record

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
        return {person.name: min(person.known_as) for person in self.people}


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
