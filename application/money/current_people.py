"""What the log says now of the people of an adjustment; a cache of some seconds is too old for money."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from msgspec import structs

from application.log.caller import Caller
from application.log.event_log import Write
from application.people.people_desk import PeopleDesk, person_write
from domain.access_errors import NotInScope
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.execution_checks import earlier_acts, require_acts_hold
from domain.authority import authority_of
from domain.cases.exception_case import ExceptionCase
from domain.permissions import Permission


class CurrentPeople:
    """Checks decisions on money against the log; without a people desk, as in replays, nothing is checked."""

    def __init__(self, people: PeopleDesk | None) -> None:
        self._people = people

    def with_names(self, by: Caller) -> Caller:
        """The caller with all names of today: two names may have been linked a moment ago."""
        if self._people is None:
            return by
        return structs.replace(by, known_as=tuple(self._people.names_behind(by.actor)))

    def require_scope(self, case: ExceptionCase, by: Caller, needs: Permission) -> None:
        """Raises NotInScope."""
        if self._people is None:
            return
        for name in by.actor.persons:
            person = self._people.known(name)
            # A delegate must not have left, and acts with the permissions of the other person.
            may = person is not None and not person.has_left
            if person is not None and name == by.person:
                now = authority_of(person.at(by.now))
                may = may and now.covers(needs, case.queue, case.region, case.id)
            if not may:
                raise NotInScope(
                    f"{name} no longer has the permission {needs} for this case", permission=needs
                )

    def require_acts_hold(self, case: ExceptionCase, adjustment: Adjustment) -> None:
        """Raises ApprovalsNoLongerHold."""
        if self._people is not None:
            require_acts_hold(adjustment, case.duties, self._people)

    def guards(self, adjustments: Iterable[Adjustment], by: Caller) -> list[Write]:
        """Let an append fail if what is known of the people of these adjustments changes by then."""
        if self._people is None:
            return []
        acts = [act for one in adjustments for act in earlier_acts(one)]
        names = {*by.actor.persons}.union(*(act.persons for act in acts))
        return [person_write(person, (), by) for person in self._people.known_as(names)]


def adjustment_of(case: ExceptionCase, adjustment: UUID) -> list[Adjustment]:
    """The adjustment; none if the case has none with this id."""
    return [one for one in case.adjustments.items if one.id == adjustment]
