"""The persons behind acts on policies, with the names and grants that the log has of them now."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.streams import PERSON
from domain.access_errors import NotInScope
from domain.authority import FULL_AUTHORITY, Authority, find_without_grant
from domain.people import person_stream
from domain.permissions import Permission
from domain.person import Person
from domain.policy.events import POLICY_STREAM
from domain.policy.versions import Policy, PolicyAction


class PeopleOnRecord(Protocol):
    """What the log says of people."""

    def known_as(self, names: Iterable[str]) -> Sequence[Person]:
        """The persons with these names, and their other names."""

    def deciding_names(self, names: Iterable[str]) -> Sequence[Person]:
        """These persons and all others whose changes can change what these may do."""

    def authority_at(self, name: str, position: int, at: datetime) -> Authority:
        """What the person was allowed by what the log has before a position, at a time."""


class NobodyOnRecord:
    """Each name is a person, and may do everything."""

    def known_as(self, _: Iterable[str]) -> Sequence[Person]:
        return ()

    deciding_names = known_as

    def authority_at(self, *_: object) -> Authority:
        return FULL_AUTHORITY


class PolicyPersons(Struct, frozen=True):
    log: EventLog
    people: PeopleOnRecord

    def names_of(self, persons: Iterable[str]) -> frozenset[str]:
        """All names of these persons: two names may have been linked a moment ago."""
        names = frozenset(persons)
        return names.union(*(person.known_as for person in self.people.known_as(names)))

    def names_behind(self, by: Caller) -> frozenset[str]:
        return self.names_of(by.names)

    def require_permission(self, by: Caller, needs: Permission) -> None:
        """Raises NotInScope if the grants in the log do not allow it."""
        known = {one.name: one for one in self.people.known_as(by.actor.persons)}
        acting = {name: known[name] for name in by.actor.persons if name in known}
        name = find_without_grant(acting, by.person, by.now, lambda now: needs in now.everywhere)
        if name is not None:
            raise NotInScope(f"{name} no longer has the permission {needs}", permission=needs)

    def had_role(self, name: str, act: PolicyAction, needs: Permission) -> bool:
        """Whether the person had the permission when they acted, by positions of the log and the names known now.
        As in `require_permission`, a name that the log does not have is no person's: nobody can act by it."""
        if not self.people.known_as([name]):
            return True
        line = self.log.tails({POLICY_STREAM: act.version - 1})[POLICY_STREAM][0]
        return needs in self.people.authority_at(name, line.position, act.at).everywhere

    def guards(self, policy: Policy, by: Caller) -> list[Write]:
        """Writes that let an append fail if the people of this policy have changed since they were read."""
        names = {*by.names, *policy.authors}.union(*(act.by.persons for act in policy.acts))
        people = self.people.deciding_names(names)
        return [by.write(person_stream(one.name), PERSON, one.version, ()) for one in people]

    def queues_of(self, by: Caller) -> frozenset[str]:
        """The queues to which grants of these persons are limited, under any of their names."""
        grants = (grant for person in self.people.known_as(by.names) for grant in person.at(by.now))
        return frozenset(queue for grant in grants for queue in grant.queues)
