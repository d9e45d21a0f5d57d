"""The persons behind acts on policies, by what is known of them now."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from application.log.caller import Caller
from domain.access_errors import NotInScope
from domain.authority import authority_of
from domain.people import Person
from domain.permissions import Permission

KnownAs = Callable[[Iterable[str]], Sequence[Person]]
"""The persons with these names, and their other names."""


class PolicyPersons(Struct, frozen=True):
    known_as: KnownAs

    def names_of(self, persons: Iterable[str]) -> frozenset[str]:
        """All names of these persons: two names may have been linked a moment ago."""
        names = frozenset(persons)
        return names.union(*(person.known_as for person in self.known_as(names)))

    def names_behind(self, by: Caller) -> frozenset[str]:
        return self.names_of(by.names)

    def require_permission(self, by: Caller, needs: Permission) -> None:
        """Check the grants in the log: a cache of some seconds is too old for decisions on the rules.

        Raises NotInScope.
        """
        for person in self.known_as(by.actor.persons):
            if person.name not in by.actor.persons:
                continue
            # A delegate must not have left, and acts with the permissions of the other person.
            may = not person.has_left
            if person.name == by.person:
                may = may and needs in authority_of(person.at(by.now)).everywhere
            if not may:
                raise NotInScope(
                    f"{person.name} no longer has the permission {needs}", permission=needs
                )

    def queues_of(self, by: Caller) -> frozenset[str]:
        """The queues to which grants of these persons are limited, under any of their names."""
        grants = (grant for person in self.known_as(by.names) for grant in person.at(by.now))
        return frozenset(queue for grant in grants for queue in grant.queues)
