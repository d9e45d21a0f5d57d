"""What the log says now of the people of an adjustment; a cache of some seconds is too old for money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import structs

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.people.break_glass_parties import load_parties
from application.people.order_duties import OrderCases
from application.people.people_desk import PeopleDesk, person_write
from application.people.person_states import PeopleRecord
from domain.access_errors import NotInScope
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.events import AdjustmentProposed
from domain.adjustments.execution_checks import (
    ActPlace,
    ActScope,
    MoneyAct,
    earlier_acts,
    require_acts_hold,
)
from domain.authority import Authority, authority_of, find_without_grant
from domain.cases.duties import GlassParties, require_uninvolved
from domain.cases.exception_case import ExceptionCase
from domain.people import Role
from domain.permissions import Permission
from domain.person import Person
from domain.recorded_event import RecordedEvent


class PeopleSnapshot:
    """Some people as the log has them at one moment: a decision asks for each several times, and each stream is
    read once."""

    def __init__(self, log: EventLog, names: Iterable[str]) -> None:
        self._record = PeopleRecord(log.trails, streams.people(log).fold_lines)
        self._record.persons({*names})

    def deciding_names(self, names: Iterable[str]) -> list[Person]:
        return self._record.deciding_names(names)

    def known(self, name: str) -> Person | None:
        return self._record.person(name)

    def names_of(self, person: str) -> frozenset[str]:
        return self._record.names_of(person)

    def authority_at(self, name: str, position: int, at: datetime) -> Authority:
        return self._record.authority_before(name, position, at)


class CurrentPeople:
    """Checks decisions on money against the log; without a people desk, as in replays, nothing is checked."""

    def __init__(
        self,
        log: EventLog,
        people: PeopleDesk | None,
        read: PeopleSnapshot | None = None,
        trail: Sequence[RecordedEvent] = (),
    ) -> None:
        self._log = log
        self._people = people
        self._known: PeopleDesk | PeopleSnapshot | None = read or people
        self._trail = trail

    def read(
        self, by: Caller, adjustments: Iterable[Adjustment], trail: Sequence[RecordedEvent]
    ) -> CurrentPeople:
        """The same with the people of a decision read now. `trail` is that of the case, as it was read just before."""
        if self._people is None:
            return self
        read = PeopleSnapshot(self._log, _names(by, adjustments))
        return CurrentPeople(self._log, self._people, read, trail)

    def with_names(self, by: Caller) -> Caller:
        """The caller with all names of today: two names may have been linked a moment ago."""
        if self._known is None:
            return by
        names = frozenset().union(*map(self._known.names_of, by.actor.persons))
        return structs.replace(by, known_as=tuple(names))

    def require_scope(self, case: ExceptionCase, by: Caller, needs: Permission) -> None:
        """Raises NotInScope."""
        if self._known is None:
            return
        without = find_without_grant(
            {name: self._known.known(name) for name in by.actor.persons},
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
        if self._known is not None and (person := self._known.known(by.person)) is not None:
            roles &= authority_of(person.at(by.now)).roles_over(*where)
        return tuple(roles)

    def require_acts_hold(
        self, case: ExceptionCase, adjustment: Adjustment, over: OrderCases
    ) -> None:
        """Raises ApprovalsNoLongerHold, BreakGlassOfTheInvolved."""
        if self._known is None:
            return
        for parties in self._parties(case, over):
            require_uninvolved(over.all_duties(case), parties)
        places = _places(self._trail, adjustment)
        if places.keys() < {*earlier_acts(adjustment)}:  # the case has gone on since
            places = _places(self._log.trail(case.id), adjustment)
        require_acts_hold(adjustment, case.duties, over.elsewhere, self._known, places.__getitem__)

    def _parties(self, case: ExceptionCase, over: OrderCases) -> list[GlassParties]:
        return [load_parties(self._log, under) for under in over.glasses(case)]

    def guards(
        self, case: ExceptionCase, adjustments: Iterable[Adjustment], over: OrderCases, by: Caller
    ) -> list[Write]:
        """Writes that let an append fail if the people of these adjustments have changed since they were read."""
        if self._known is None:
            return []
        parties = self._parties(case, over)
        names = _names(by, adjustments).union(*(one.askers | one.openers for one in parties))
        return [person_write(person, (), by) for person in self._known.deciding_names(names)]


def _names(by: Caller, adjustments: Iterable[Adjustment]) -> set[str]:
    """Those of the caller, and of all who acted on the adjustments."""
    acts = [act for one in adjustments for act in earlier_acts(one)]
    return {*by.actor.persons}.union(*(act.persons for act in acts))


def _places(lines: Iterable[RecordedEvent], adjustment: Adjustment) -> dict[MoneyAct, ActPlace]:
    """Where in the case's trail its acts are, and where the case was then."""
    waiting, found = earlier_acts(adjustment), dict[MoneyAct, ActPlace]()
    case: ExceptionCase | None = None
    for line in lines:
        for act in [act for act in waiting if _is_act(line, act, adjustment.id)]:
            assert case is not None  # a case begins with its opening
            found[act] = ActPlace(line.position, ActScope(case.queue, case.region, case.id))
            waiting.remove(act)
        if not waiting:
            break
        case = streams.case_after(case, line)
    return found


def _is_act(line: RecordedEvent, act: MoneyAct, adjustment: UUID) -> bool:
    """Whether this line of the case's trail records the act."""
    if act.version is not None:
        return line.version == act.version
    return isinstance(line.event, AdjustmentProposed) and line.event.adjustment == adjustment


def adjustment_of(case: ExceptionCase, adjustment: UUID) -> list[Adjustment]:
    """The adjustment; none if the case has none with this id."""
    return [one for one in case.adjustments.items if one.id == adjustment]
