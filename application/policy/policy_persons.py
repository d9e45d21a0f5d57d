"""The persons behind acts on policies, with the names and grants that the log has of them now."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from application.log.caller import Caller
from domain.access_errors import NotInScope
from domain.authority import find_without_grant
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
        """Raises NotInScope if the grants in the log do not allow it."""
        known = {one.name: one for one in self.known_as(by.actor.persons)}
        acting = {name: known[name] for name in by.actor.persons if name in known}
        name = find_without_grant(acting, by.person, by.now, lambda now: needs in now.everywhere)
        if name is not None:
            raise NotInScope(f"{name} no longer has the permission {needs}", permission=needs)

    def queues_of(self, by: Caller) -> frozenset[str]:
        """The queues to which grants of these persons are limited, under any of their names."""
        grants = (grant for person in self.known_as(by.names) for grant in person.at(by.now))
        return frozenset(queue for grant in grants for queue in grant.queues)
