"""Confirms, rejects and withdraws grants: a role that takes two people has been proposed by one of them."""

from collections.abc import Sequence

from application.log.caller import Caller
from application.people.managers import find_no_manager
from application.people.people_desk import PeopleDesk, PersonDecision, PersonResult
from domain import grants
from domain.access_errors import GrantNotWaiting, NotInScope
from domain.grants import ChangePersonStatus
from domain.people import Actor, PersonRecordEvent
from domain.permissions import Permission
from domain.person import Person


class GrantDesk:
    """Each act fails if the names or grants of its people change at the same moment, and is decided again."""

    def __init__(self, people: PeopleDesk) -> None:
        self._people = people

    def confirm(self, name: str, grant: str, by: Caller) -> PersonResult:
        """Raises PersonNotFound, PersonGone, GrantNotFound, GrantNotWaiting, AnotherPersonNeeded, NotInScope."""

        def decide(person: Person) -> PersonDecision:
            # One record: names that are linked after they were read make the append fail.
            record, found = self._people.record(), person.grant(grant)
            confirmers = record.known_as(by.actor.persons)
            givers = record.known_as(found.granted_by.persons) if found is not None else []
            event = grants.confirm_grant(person, grant, _names(confirmers), _names(givers), by.now)
            self._require_managers(person, grant, by, confirmers, givers)
            names = [name, *_names(confirmers), *_names(givers)]
            return _decision(person, event, record.deciding_names(names))

        return self._people.act(name, by, decide)

    def reject(self, name: str, grant: str, ask: ChangePersonStatus, by: Caller) -> PersonResult:
        """Raises PersonNotFound, PersonGone, GrantNotFound, GrantNotWaiting, AnotherPersonNeeded."""

        def decide(person: Person) -> PersonDecision:
            own, givers = self._behind(by.actor), self._givers(person, grant)
            event = grants.reject_grant(
                person, grant, ask.reason, _names(own), _names(givers), by.now
            )
            return _decision(person, event, [*own, *givers])

        return self._people.act(name, by, decide)

    def withdraw(self, name: str, grant: str, ask: ChangePersonStatus, by: Caller) -> PersonResult:
        """Raises PersonNotFound, PersonGone, GrantNotFound, GrantNotWaiting, AnotherPersonNeeded."""

        def decide(person: Person) -> PersonDecision:
            own, givers = self._behind(by.actor), self._givers(person, grant)
            event = grants.withdraw_grant(
                person, grant, ask.reason, _names(own), _names(givers), by.now
            )
            return _decision(person, event, [*own, *givers])

        return self._people.act(name, by, decide)

    def _require_managers(
        self,
        person: Person,
        grant: str,
        by: Caller,
        confirmers: Sequence[Person],
        givers: Sequence[Person],
    ) -> None:
        """Both must be allowed to manage people now, by the log: a proposal is no better than its author."""
        if (who := find_no_manager(by.actor, confirmers, by.now)) is not None:
            detail = f"{who} no longer has the permission {Permission.MANAGE_PEOPLE}"
            raise NotInScope(detail, permission=Permission.MANAGE_PEOPLE)
        found = person.grant(grant)
        assert found is not None  # the decision has found it
        giver = found.granted_by
        if giver.persons and (who := find_no_manager(giver, givers, by.now)) is not None:
            raise GrantNotWaiting(
                f"{who}, who gave grant {grant} to {person.name}, has left or may no longer manage people: "
                "revoke or reject it, and propose it again"
            )

    def _behind(self, actor: Actor) -> list[Person]:
        return self._people.known_as(actor.persons)

    def _givers(self, person: Person, grant: str) -> list[Person]:
        found = person.grant(grant)
        return self._behind(found.granted_by) if found is not None else []


def _decision(person: Person, event: PersonRecordEvent, guards: Sequence[Person]) -> PersonDecision:
    """The event, and everybody on whose names and grants it was decided."""
    others = {one.name: one for one in guards if one.name != person.name}
    return [(person, [event]), *((one, ()) for one in others.values())]


def _names(people: Sequence[Person]) -> frozenset[str]:
    return frozenset().union(*(person.known_as for person in people))
