"""People: their names, grants and tokens, and who could have done what at any time."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct

from application.log.caller import Caller, operator_caller, system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import PERSON
from application.people.person_states import PeopleRecord, PersonStates
from domain import grants
from domain import people as model
from domain.access_errors import PersonExists, PersonNotFound
from domain.authority import Authority, authority_of
from domain.eligibility import EligiblePerson, find_eligible
from domain.errors import Fault, Invalid, TooContended
from domain.fault_texts import did_you_mean
from domain.grants import AddPerson, ChangePersonStatus, GrantRole, LinkPersonName, SetSkills
from domain.permissions import Permission
from domain.person import Person
from domain.policy.document_types import Name
from domain.principals import UNRESTRICTED_KEY, KeyScope
from domain.validation import faults_of

TOKEN_PREFIX = "ct_"
ATTEMPTS = 20


def token_digest(token: str) -> str:
    """The stored form of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class PersonResult(Struct, frozen=True):
    """The person after the command, and the log's position."""

    person: Person
    position: int


PersonDecision = Iterable[tuple[Person, Sequence[model.PersonRecordEvent]]]


class PeopleDesk:
    """`roster` lists all names; only `everybody` and `eligible` need it."""

    def __init__(
        self, log: EventLog, people: Repository[Person], roster: Callable[[], Sequence[str]] = tuple
    ) -> None:
        self._log = log
        self._states = PersonStates(log, people)
        self._roster = roster
        self.watchers: list[Callable[[], None]] = []
        """Called after every change of what people may do."""

    def known(self, name: str) -> Person | None:
        return self._states.current([name]).get(name)

    def person(self, name: str, at: datetime | None = None) -> Person:
        """The person now, or at a time. Raises PersonNotFound."""
        found = self.known(name) if at is None else self._states.as_of([name], at).get(name)
        if found is None:
            when = f" at {at.isoformat()}" if at else ""
            raise PersonNotFound(f"no person {name}{when}{self.similar_to(name)}")
        return found

    def similar_to(self, name: str) -> str:
        """A question that names people with similar names; empty if there are none."""
        return did_you_mean(name, self._roster())

    def names_of(self, person: str) -> frozenset[str]:
        """All names of this person; the name alone if it was never added."""
        known = self.known(person)
        return known.known_as if known is not None else frozenset({person})

    def known_as(self, names: Iterable[str]) -> list[Person]:
        """These persons, and their other names, each as a person of its own."""
        return self.record().known_as(names)

    def deciding_names(self, names: Iterable[str]) -> list[Person]:
        """These persons and all others whose changes can change what these may do: see
        `PeopleRecord.deciding_names`."""
        return self.record().deciding_names(names)

    def record(self) -> PeopleRecord:
        """What the log says of people now; for several questions about one moment."""
        return self._states.record()

    def names_behind(self, actor: model.Actor) -> frozenset[str]:
        """All names of the persons that the act counts for."""
        return frozenset().union(*(self.names_of(person) for person in actor.persons))

    def authority_of(self, name: str, now: datetime) -> Authority | None:
        """What the person may do now; None if nobody has this name."""
        known = self.known(name)
        return authority_of(known.at(now)) if known is not None else None

    def authority_at(self, name: str, position: int, at: datetime) -> Authority:
        """What the person was allowed by what the log has before a position, at a time; nothing if nobody
        had this name. A grant that is void by the names known now gave nothing then."""
        return self.record().authority_before(name, position, at)

    def everybody(self, at: datetime | None = None) -> list[Person]:
        """Everybody now, or at a time, sorted by name."""
        names = sorted(self._roster())
        if at is not None:
            return list(self._states.as_of(names, at).values())
        return sorted(self._states.current(names).values(), key=lambda person: person.name)

    def everybody_upto(self, position: int) -> list[Person]:
        """Everybody by what the log has up to a position, sorted by name. It needs no report."""
        return self._states.everybody_upto(position)

    def eligible(
        self,
        permission: Permission,
        queue: str,
        region: str | None,
        at: datetime,
        case: UUID | None = None,
    ) -> list[EligiblePerson]:
        """Who could have done it there at that time, by what was recorded until then."""
        return find_eligible(self.everybody(at), permission, queue, region, at, case)

    def add(
        self,
        name: str,
        roles: Sequence[model.Role],
        now: datetime,
        skills: Sequence[str] = (),
        by: Caller | None = None,
    ) -> PersonResult:
        """Add a person. Raises Invalid for a bad name or skill, PersonExists."""
        faults = faults_of(name, model.PersonName)
        faults += [fault for skill in skills for fault in faults_of(skill, Name)]
        if faults:
            raise Invalid(faults, "the person")
        if self.known(name) is not None:
            raise PersonExists(f"a person named {name} exists already; choose another name")
        by = by or operator_caller(now)
        ask = AddPerson(name=name, roles=tuple(roles), skills=tuple(skills))
        events = grants.add_person(ask, self.names_behind(by.actor))
        try:
            return self._record([(Person(name=name), events)], by)
        except VersionTaken:
            raise PersonExists(
                f"a person named {name} was added just now; choose another name"
            ) from None

    def give(self, name: str, ask: GrantRole, queues: Collection[str], by: Caller) -> PersonResult:
        """Give a role, or propose it if it takes two people and the caller is not the operator.

        Raises PersonNotFound, AnotherPersonNeeded, PersonGone, Invalid.
        """

        def decide(person: Person) -> model.PersonRecordEvent:
            return grants.grant_role(person, ask, self.names_behind(by.actor), queues, by.now)

        return self._act_on_one(name, by, decide)

    def revoke(self, name: str, grant: str, ask: ChangePersonStatus, by: Caller) -> PersonResult:
        """Raises PersonNotFound, GrantNotFound, GrantOver."""
        return self._act_on_one(
            name, by, lambda person: grants.revoke_grant(person, grant, ask.reason, by.now)
        )

    def leave(self, name: str, ask: ChangePersonStatus, by: Caller) -> PersonResult:
        """Record that a person left, under all names. Raises PersonNotFound, PersonGone."""

        def decide(person: Person) -> PersonDecision:
            left = grants.record_departure(person, ask.reason)
            return [(person, [left])] + [
                (other, [left]) for other in self._others(person) if not other.has_left
            ]

        return self.act(name, by, decide)

    def come_back(self, name: str, ask: ChangePersonStatus, by: Caller) -> PersonResult:
        """Record that a person returned, under this name alone. Raises PersonNotFound, PersonPresent,
        AnotherPersonNeeded."""
        return self._act_on_one(
            name,
            by,
            lambda person: grants.record_return(
                person, ask.reason, self.names_behind(by.actor), by.now
            ),
        )

    def set_skills(self, name: str, ask: SetSkills, by: Caller) -> PersonResult:
        return self._act_on_one(name, by, lambda person: grants.set_skills(person, ask))

    def same_as(self, name: str, ask: LinkPersonName, by: Caller) -> PersonResult:
        """Record that two names are one person. Raises PersonNotFound, Invalid."""

        def decide(person: Person) -> PersonDecision:
            if ask.other in person.known_as:
                fault = Fault("/other", f"{ask.other} and {name} are one person already")
                raise Invalid([fault], "the other name")
            other = self.person(ask.other)
            some = [person, *self._others(person)]
            return grants.link_person_names(some, [other, *self._others(other)], ask.reason)

        return self.act(name, by, decide)

    def issue_token(
        self,
        name: str,
        now: datetime,
        expires_at: datetime | None = None,
        *,
        agent: str | None = None,
        scope: KeyScope = UNRESTRICTED_KEY,
        by: model.Actor = model.OPERATOR_ACTOR,
    ) -> str:
        """Issue a token and return it; it is never shown again. Raises PersonNotFound."""
        self.person(name)
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        digest = token_digest(token)
        issued = model.TokenIssued(
            name=name,
            key=digest[:12],
            digest=digest,
            expires_at=expires_at,
            agent=UNSET if agent is None else agent,
            permissions=UNSET if scope.permissions is None else tuple(sorted(scope.permissions)),
            queues=UNSET if scope.queues is None else scope.queues,
            regions=UNSET if scope.regions is None else scope.regions,
        )
        caller = system_caller(by, now, "command:people")
        self._log.append([caller.write(model.token_stream(digest), PERSON, 0, [issued])])
        return token

    def _others(self, person: Person) -> list[Person]:
        """The other names of the person, as the log has them."""
        return sorted(self._states.current(person.others).values(), key=lambda one: one.name)

    def _act_on_one(
        self, name: str, by: Caller, decide: Callable[[Person], model.PersonRecordEvent]
    ) -> PersonResult:
        return self.act(name, by, lambda person: [(person, [decide(person)])])

    def act(
        self, name: str, by: Caller, decide: Callable[[Person], PersonDecision]
    ) -> PersonResult:
        """Decide and record; decide again if somebody else changed one of the people meanwhile. A person
        without events only must not have changed."""
        for _ in range(ATTEMPTS):
            person = self.person(name)
            try:
                return self._record([*decide(person)], by, name)
            except VersionTaken:
                continue
        raise TooContended(f"person {name}, {ATTEMPTS} attempts")

    def _record(
        self,
        decided: Sequence[tuple[Person, Sequence[model.PersonRecordEvent]]],
        by: Caller,
        name: str = "",
    ) -> PersonResult:
        writes = [person_write(person, events, by) for person, events in decided]
        after, events = next(((p, e) for p, e in decided if p.name == name), decided[0])
        for event in events:
            after = after.after(event, by.now, by.actor)
        appended = self._log.append(writes, by.row_of(after))
        self.tell_watchers()
        return PersonResult(after, appended.position)

    def tell_watchers(self) -> None:
        """Tell them that what people may do has changed."""
        for watcher in self.watchers:
            watcher()


def person_write(person: Person, events: Sequence[model.PersonRecordEvent], by: Caller) -> Write:
    return by.write(model.person_stream(person.name), PERSON, person.version, events)
