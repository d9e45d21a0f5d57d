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
from domain.authority import find_without_grant
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
        without = find_without_grant(
            {name: self._people.known(name) for name in by.actor.persons},
            by.person,
            by.now,
            lambda now: now.covers(needs, case.queue, case.region, case.id),
        )
        if without is not None:
            raise NotInScope(
                f"{without} no longer has the permission {needs} for this case", permission=needs
            )

    def require_acts_hold(self, case: ExceptionCase, adjustment: Adjustment) -> None:
        """Raises ApprovalsNoLongerHold."""
        if self._people is not None:
            require_acts_hold(adjustment, case.duties, self._people)

    def guards(self, adjustments: Iterable[Adjustment], by: Caller) -> list[Write]:
        """Writes that let an append fail if the people of these adjustments have changed by then."""
        if self._people is None:
            return []
        acts = [act for one in adjustments for act in earlier_acts(one)]
        names = {*by.actor.persons}.union(*(act.persons for act in acts))
        return [person_write(person, (), by) for person in self._people.known_as(names)]


def adjustment_of(case: ExceptionCase, adjustment: UUID) -> list[Adjustment]:
    """The adjustment; none if the case has none with this id."""
    return [one for one in case.adjustments.items if one.id == adjustment]
