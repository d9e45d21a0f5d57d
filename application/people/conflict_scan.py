"""Finds two names of one person that have different duties in a case or an order, and records the conflict."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType

from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import CASE
from application.people.order_duties import OrderDuties
from domain.adjustments.events import DutiesConflicted
from domain.cases.duties import Duties, first_duties
from domain.cases.events import Detected
from domain.cases.exception_case import ExceptionCase
from domain.cases.work_events import Opened
from domain.orders.events import OrderEvent
from domain.people import POLICY_ACTOR

SuspectedConflicts = Sequence[tuple[UUID, Sequence[str]]]
"""Cases and orders, by their streams, each with names of one person that have different duties in it."""


class ConflictScan:
    """Checks suspects on their own trails: the list may be behind, and repeats recorded conflicts."""

    def __init__(
        self,
        log: EventLog,
        cases: Repository[ExceptionCase],
        duties: OrderDuties,
        suspects: Callable[[], SuspectedConflicts],
    ) -> None:
        self._log = log
        self._cases = cases
        self._duties = duties
        self._suspects = suspects

    def look(self, now: datetime) -> int:
        """Record the conflicts that are not recorded yet; return in how many cases."""
        found = self._suspects()
        trails = self._log.trails([*dict.fromkeys(stream for stream, _ in found)])
        # The conflicts within a case come first: they are not repeated for its order.
        suspects = [(lines, names) for stream, names in found if (lines := trails.get(stream))]
        of_cases = [one for one in suspects if isinstance(one[0][0].event, Detected | Opened)]
        of_orders = [one for one in suspects if isinstance(one[0][0].event, OrderEvent)]
        recorded = sum(self._look_at_case(lines[0].stream, names, now) for lines, names in of_cases)
        return recorded + sum(
            self._look_at_order(lines[0].order or "", names, now) for lines, names in of_orders
        )

    def _look_at_case(self, stream: UUID, names: Sequence[str], now: datetime) -> bool:
        case = self._cases.refreshed([stream])[stream]
        held = {name: case.duties[name] for name in names if name in case.duties}
        return self._record(case, held, UNSET, [case], now)

    def _look_at_order(self, order: str, names: Sequence[str], now: datetime) -> bool:
        """It is recorded in the case with the last of the duties."""
        cases = self._duties.read([order])[order].others
        held = first_duties([case.duties for case in cases.values()])
        held = {name: held[name] for name in names if name in held}
        where = {
            name: id
            for name, one in held.items()
            for id, case in cases.items()
            if case.duties.get(name) == one
        }
        if not held:
            return False
        last = max(held, key=lambda name: held[name].at)
        return self._record(cases[where[last]], held, where, [*cases.values()], now)

    def _record(
        self,
        case: ExceptionCase,
        held: Duties,
        where: dict[str, UUID] | UnsetType,
        cases: Sequence[ExceptionCase],
        now: datetime,
    ) -> bool:
        """Record it, unless a case of these has it already."""
        duties = {name: held[name].duty for name in sorted(held)}
        if len({*duties.values()}) < 2 or any(frozenset(duties) in x.conflicts for x in cases):
            return False
        event = DutiesConflicted(duties=duties, cases=where)
        after = case.after(event, case.order, now)
        by = system_caller(POLICY_ACTOR, now, "scan:duties")
        try:
            self._log.append([by.write(case.id, CASE, case.version, [event], case.order)])
        except VersionTaken:
            return False  # the next look finds it again
        self._cases.keep(case.id, after)
        return True
