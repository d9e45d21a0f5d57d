"""What the log says now of the people of an adjustment; a cache of some seconds is too old for money."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from uuid import UUID

from msgspec import structs

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.people.break_glass_parties import load_parties
from application.people.people_desk import PeopleDesk, person_write
from domain.access_errors import NotInScope
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.events import AdjustmentProposed
from domain.adjustments.execution_checks import ActScope, MoneyAct, earlier_acts, require_acts_hold
from domain.authority import authority_of, find_without_grant
from domain.cases.duties import GlassParties, require_uninvolved
from domain.cases.exception_case import ExceptionCase
from domain.people import Role
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent


class CurrentPeople:
    """Checks decisions on money against the log; without a people desk, as in replays, nothing is checked."""

    def __init__(self, log: EventLog, people: PeopleDesk | None) -> None:
        self._log = log
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

    def roles_over(self, case: ExceptionCase, by: Caller, needs: Permission) -> tuple[Role, ...]:
        """The roles that give the caller this permission over the case, also by the grants in the log: a
        role's limit is of no use to who has it elsewhere only."""
        where = needs, case.queue, case.region, case.id
        roles = by.authority.roles_over(*where)
        if self._people is not None and (person := self._people.known(by.person)) is not None:
            roles &= authority_of(person.at(by.now)).roles_over(*where)
        return tuple(roles)

    def require_acts_hold(self, case: ExceptionCase, adjustment: Adjustment) -> None:
        """Raises ApprovalsNoLongerHold, BreakGlassOfTheInvolved."""
        if self._people is None:
            return
        for parties in self._parties(case):
            require_uninvolved(case.duties, parties)
        lines = self._log.trail(case.id)

        def scope_of(act: MoneyAct) -> ActScope:
            before = [*takewhile(lambda line: not _is_act(line, act, adjustment.id), lines)]
            then = streams.cases(self._log).fold_lines(before)
            assert then is not None  # a case begins with its opening
            return ActScope(then.queue, then.region, case.id)

        require_acts_hold(adjustment, case.duties, self._people, scope_of)

    def _parties(self, case: ExceptionCase) -> list[GlassParties]:
        return [load_parties(self._log, under) for under in case.glasses]

    def guards(
        self, case: ExceptionCase, adjustments: Iterable[Adjustment], by: Caller
    ) -> list[Write]:
        """Writes that let an append fail if the people of these adjustments have changed by then."""
        if self._people is None:
            return []
        acts = [act for one in adjustments for act in earlier_acts(one)]
        names = {*by.actor.persons}.union(*(act.persons for act in acts))
        names = names.union(*(one.askers | one.openers for one in self._parties(case)))
        return [person_write(person, (), by) for person in self._people.known_as(names)]


def _is_act(line: RecordedEvent, act: MoneyAct, adjustment: UUID) -> bool:
    """Whether this line of the case's trail records the act."""
    if act.version is not None:
        return line.version == act.version
    return isinstance(line.event, AdjustmentProposed) and line.event.adjustment == adjustment


def adjustment_of(case: ExceptionCase, adjustment: UUID) -> list[Adjustment]:
    """The adjustment; none if the case has none with this id."""
    return [one for one in case.adjustments.items if one.id == adjustment]
