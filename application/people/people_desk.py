"""People: who they are, what they were granted, and who could have done what at any time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from msgspec import UNSET, Struct

from application.log.caller import Caller, operator
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import PERSON
from domain import grants
from domain.access_errors import PersonExists, PersonNotFound
from domain.authority import Authority, authority_of
from domain.eligibility import Eligible, eligible
from domain.errors import Fault, Invalid, TooContended
from domain.grants import ChangeStanding, GiveRole, NameOther, SetSkills
from domain.people import (
    OPERATOR,
    Actor,
    Person,
    PersonAdded,
    PersonName,
    Role,
    Standing,
    TokenIssued,
    person_stream,
    token_stream,
)
from domain.permissions import Permission
from domain.policy.parts import Name
from domain.principals import WHOLE, KeyScope
from domain.recorded import Event
from domain.validation import faults_of

TOKEN_PREFIX = "ct_"
ATTEMPTS = 20


def token_digest(token: str) -> str:
    """What is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class Changed(Struct, frozen=True):
    """The person after the command, and the log's position."""

    person: Person
    position: int


Decided = Iterable[tuple[Person, Sequence[Standing]]]


class PeopleDesk:
    """`roster` lists the names that there are; what is asked of one person needs no list."""

    def __init__(
        self,
        log: EventLog,
        people: Repository[Person],
        roster: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._log = log
        self._people = people
        self._roster = roster
        self.watchers: list[Callable[[], None]] = []
        """Told when something has changed here about what people may do."""

    def known(self, name: str) -> Person | None:
        stream = person_stream(name)
        return self._people.current([stream]).get(stream)

    def person(self, name: str, at: datetime | None = None) -> Person:
        """The person, as of a time if one is named. Raises PersonNotFound."""
        found = self.known(name) if at is None else self._as_of([name], at).get(name)
        if found is None:
            raise PersonNotFound(f"no person {name}" + (f" at {at.isoformat()}" if at else ""))
        return found

    def names_of(self, person: str) -> frozenset[str]:
        """All names of this human; the name alone for somebody whom nobody has added."""
        known = self.known(person)
        return known.known_as if known is not None else frozenset({person})

    def known_as(self, names: Iterable[str]) -> list[Person]:
        """These humans, under all their names."""
        asked = self._people.current([person_stream(name) for name in names])
        others = {other for person in asked.values() for other in person.others}
        more = self._people.current([person_stream(name) for name in others])
        return sorted((asked | more).values(), key=lambda person: person.name)

    def names_behind(self, actor: Actor) -> frozenset[str]:
        """All names of everybody whose act it counts as."""
        return frozenset().union(*(self.names_of(person) for person in actor.persons))

    def authority_of(self, name: str, now: datetime) -> Authority | None:
        """What the person may do now; None for somebody whom nobody has added."""
        known = self.known(name)
        return authority_of(known.at(now)) if known is not None else None

    def everybody(self, at: datetime | None = None) -> list[Person]:
        """By name; as of a time if one is named."""
        names = sorted(self._roster())
        if at is not None:
            return list(self._as_of(names, at).values())
        found = self._people.current([person_stream(name) for name in names])
        return sorted(found.values(), key=lambda person: person.name)

    def eligible(
        self,
        permission: Permission,
        queue: str,
        region: str | None,
        at: datetime,
        case: UUID | None = None,
    ) -> list[Eligible]:
        """Who could have done it there at that time, by what was recorded of people until then."""
        return eligible(self.everybody(at), permission, queue, region, at, case)

    def _as_of(self, names: Sequence[str], at: datetime) -> dict[str, Person]:
        """Those of them that there were, by what was recorded until then."""
        trails = self._log.trails([person_stream(name) for name in names])
        found = {}
        for name in names:
            lines = trails.get(person_stream(name), ())
            person = self._people.folded(takewhile(lambda line: line.recorded_at <= at, lines))
            if person is not None:
                found[name] = person
        return found

    def add(
        self,
        name: str,
        roles: Sequence[Role],
        now: datetime,
        skills: Sequence[str] = (),
        by: Caller | None = None,
    ) -> Changed:
        """Raises Invalid for what cannot be a name or a skill, PersonExists."""
        faults = faults_of(name, PersonName)
        faults += [fault for skill in skills for fault in faults_of(skill, Name)]
        if faults:
            raise Invalid(faults, "the person")
        if self.known(name) is not None:
            raise PersonExists(f"{name} is there already")
        added = PersonAdded(name=name, roles=tuple(roles), skills=tuple(skills))
        by = by or operator(now)
        try:
            return self._record([(Person(name=name), [added])], by)
        except VersionTaken:
            raise PersonExists(f"{name} was added just now") from None

    def give(self, name: str, ask: GiveRole, queues: Collection[str], by: Caller) -> Changed:
        """Raises PersonNotFound, AnotherPersonNeeded, PersonGone, Invalid."""
        return self._act(
            name,
            by,
            lambda person: [
                (person, [grants.give(person, ask, self.names_behind(by.actor), queues, by.now)])
            ],
        )

    def revoke(self, name: str, grant: str, ask: ChangeStanding, by: Caller) -> Changed:
        """Raises PersonNotFound, GrantNotFound, GrantOver."""
        return self._act(
            name,
            by,
            lambda person: [(person, [grants.revoke(person, grant, ask.reason, by.now)])],
        )

    def leave(self, name: str, ask: ChangeStanding, by: Caller) -> Changed:
        """Under all names of the human. Raises PersonNotFound, PersonGone."""

        def decide(person: Person) -> Decided:
            left = grants.leave(person, ask.reason)
            return [(person, [left])] + [
                (other, [left]) for other in self._others(person) if not other.has_left
            ]

        return self._act(name, by, decide)

    def come_back(self, name: str, ask: ChangeStanding, by: Caller) -> Changed:
        """Under this name alone. Raises PersonNotFound, PersonPresent, AnotherPersonNeeded."""

        return self._act(
            name,
            by,
            lambda person: [
                (person, [grants.come_back(person, ask.reason, self.names_behind(by.actor))])
            ],
        )

    def set_skills(self, name: str, ask: SetSkills, by: Caller) -> Changed:
        return self._act(name, by, lambda person: [(person, [grants.set_skills(person, ask)])])

    def same_as(self, name: str, ask: NameOther, by: Caller) -> Changed:
        """Two names are one human from here on. Raises PersonNotFound, Invalid."""

        def decide(person: Person) -> Decided:
            if ask.other in person.known_as:
                fault = Fault("/other", f"{ask.other} is a name of {name} already")
                raise Invalid([fault], "the other name")
            other = self.person(ask.other)
            some = [person, *self._others(person)]
            return grants.same(some, [other, *self._others(other)], ask.reason)

        return self._act(name, by, decide)

    def issue_token(
        self,
        name: str,
        now: datetime,
        expires_at: datetime | None = None,
        *,
        agent: str | None = None,
        scope: KeyScope = WHOLE,
        by: Actor = OPERATOR,
    ) -> str:
        """A new token, shown this once. Raises PersonNotFound."""
        if self.known(name) is None:
            raise PersonNotFound(f"no person {name}")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        digest = token_digest(token)
        issued = TokenIssued(
            name=name,
            key=digest[:12],
            digest=digest,
            expires_at=expires_at,
            agent=UNSET if agent is None else agent,
            permissions=UNSET if scope.permissions is None else tuple(sorted(scope.permissions)),
            queues=UNSET if scope.queues is None else scope.queues,
            regions=UNSET if scope.regions is None else scope.regions,
        )
        self._append(token_stream(digest), issued, now, by)
        return token

    def _others(self, person: Person) -> list[Person]:
        """The human's other names, as the log has them."""
        found = self._people.current([person_stream(name) for name in person.others])
        return sorted(found.values(), key=lambda one: one.name)

    def _act(self, name: str, by: Caller, decide: Callable[[Person], Decided]) -> Changed:
        """Decided anew if somebody else changed one of them meanwhile."""
        for _ in range(ATTEMPTS):
            person = self.person(name)
            try:
                return self._record([(p, e) for p, e in decide(person) if e], by, name)
            except VersionTaken:
                continue
        raise TooContended(f"person {name}, {ATTEMPTS} attempts")

    def _record(
        self, decided: Sequence[tuple[Person, Sequence[Standing]]], by: Caller, name: str = ""
    ) -> Changed:
        writes = [write_of(person, events, by) for person, events in decided]
        told = next(((p, e) for p, e in decided if p.name == name), decided[0])
        after = told[0]
        for event in told[1]:
            after = after.after(event, by.now, by.actor)
        appended = self._log.append(writes, by.row(after) if by.row is not None else None)
        for watcher in self.watchers:
            watcher()
        return Changed(after, appended.position)

    def _append(self, stream: UUID, event: Event, now: datetime, by: Actor = OPERATOR) -> None:
        self._log.append(
            [
                Write(
                    stream=stream,
                    kind=PERSON,
                    expected=0,
                    events=[(by, event)],
                    recorded_at=now,
                    cause="command:people",
                )
            ]
        )


def write_of(person: Person, events: Sequence[Standing], by: Caller) -> Write:
    return Write(
        stream=person_stream(person.name),
        kind=PERSON,
        expected=person.version,
        events=[(by.actor, event) for event in events],
        recorded_at=by.now,
        cause=by.cause,
    )
