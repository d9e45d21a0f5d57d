"""Finds two names of one person that have different duties in a case, and records the conflict."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import CASE
from domain.adjustments.events import DutiesConflicted
from domain.cases.exception_case import ExceptionCase
from domain.people import POLICY_ACTOR

SuspectedConflicts = Sequence[tuple[UUID, Sequence[str]]]
"""Cases, each with names of one person that have different duties in it."""


class ConflictScan:
    """Checks suspects on their own trails: the list may be behind, and repeats recorded conflicts."""

    def __init__(
        self,
        log: EventLog,
        cases: Repository[ExceptionCase],
        suspects: Callable[[], SuspectedConflicts],
    ) -> None:
        self._log = log
        self._cases = cases
        self._suspects = suspects

    def look(self, now: datetime) -> int:
        """Record the conflicts that are not recorded yet; return in how many cases."""
        found = self._suspects()
        cases = self._cases.refreshed([*dict.fromkeys(case for case, _ in found)]) if found else {}
        return sum(self._record(cases[case], names, now) for case, names in found if case in cases)

    def _record(self, case: ExceptionCase, names: Sequence[str], now: datetime) -> bool:
        duties = {name: case.duties[name].duty for name in sorted(names) if name in case.duties}
        if len({*duties.values()}) < 2 or frozenset(duties) in case.conflicts:
            return False
        event = DutiesConflicted(duties=duties)
        after = case.after(event, case.order, now)
        by = system_caller(POLICY_ACTOR, now, "scan:duties")
        try:
            self._log.append([by.write(case.id, CASE, case.version, [event], case.order)])
        except VersionTaken:
            return False  # the next look finds it again
        self._cases.keep(case.id, after)
        return True
