"""Who is who, by what the log says of people: a human has names, grants, and an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from application.audit.log_scan import AT_ONCE, Reading
from application.log.streams import person_after
from domain.people import Actor, Person, Standing
from domain.recorded import Recorded


class Humans:
    """Everybody, as it was recorded until a time; None: until now."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._later: set[UUID] = set()
        """Streams that go on after that time."""
        self._people: dict[UUID, Person] = {}

    def take(self, line: Recorded) -> None:
        if not isinstance(line.event, Standing) or line.stream in self._later:
            return
        if self._at is not None and line.recorded_at > self._at:
            self._later.add(line.stream)
            return
        self._people[line.stream] = person_after(self._people.get(line.stream), line)

    @property
    def people(self) -> list[Person]:
        """By name."""
        return sorted(self._people.values(), key=lambda person: person.name)

    def each(self) -> Iterator[Sequence[Person]]:
        """Each human once, under all names."""
        told: set[str] = set()
        by_name = {person.name: person for person in self.people}
        for name, person in by_name.items():
            if name not in told:
                told |= person.known_as
                yield [by_name[one] for one in sorted(person.known_as) if one in by_name]

    def human(self) -> dict[str, str]:
        """Each name, and the first in the alphabet of all names of that human."""
        return {person.name: min(person.known_as) for person in self._people.values()}


def everybody(reading: Reading, at: datetime | None = None) -> Humans:
    """Found by how their streams begin: the rest of the log needs not be read for it."""
    humans, after = Humans(at), 0
    while page := reading.log.recorder.select_beginnings("person.added", after, AT_ONCE):
        after = page[-1][0]
        for lines in reading.trails([stream for _, stream in page]).values():
            for line in lines:
                humans.take(line)
    return humans


def names_of(actor: Actor, human: dict[str, str]) -> frozenset[str]:
    """The humans whose act it counts as, each by one name."""
    return one_name_each(actor.persons, human)


def one_name_each(names: Iterable[str], human: dict[str, str]) -> frozenset[str]:
    return frozenset(human.get(name, name) for name in names)
