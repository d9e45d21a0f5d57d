"""Names that turn out to be one human's may have had different duties: looked for, and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import CASE
from domain.adjustments.events import DutiesConflicted
from domain.cases.exception_case import ExceptionCase
from domain.people import POLICY

Suspects = Sequence[tuple[UUID, Sequence[str]]]
"""Cases, each with names of one human that have different duties in it."""


class ConflictScan:
    """`suspects` may be behind, and names a case again and again: each is decided on its own trail."""

    def __init__(
        self,
        log: EventLog,
        cases: Repository[ExceptionCase],
        suspects: Callable[[], Suspects],
    ) -> None:
        self._log = log
        self._cases = cases
        self._suspects = suspects

    def look(self, now: datetime) -> int:
        """Tell what was found and is not told yet; return how many cases that were."""
        found = self._suspects()
        cases = self._cases.caught_up([*dict.fromkeys(case for case, _ in found)]) if found else {}
        return sum(self._tell(cases[case], names, now) for case, names in found if case in cases)

    def _tell(self, case: ExceptionCase, names: Sequence[str], now: datetime) -> bool:
        duties = {name: case.duties[name].duty for name in sorted(names) if name in case.duties}
        if len({*duties.values()}) < 2 or frozenset(duties) in case.conflicts:
            return False
        event = DutiesConflicted(duties=duties)
        after = case.after(event, case.order, now)
        write = Write(
            stream=case.id,
            kind=CASE,
            expected=case.version,
            events=[(POLICY, event)],
            recorded_at=now,
            cause="scan:duties",
            order=case.order,
        )
        try:
            self._log.append([write])
        except VersionTaken:
            return False  # the next look finds it again
        self._cases.keep(case.id, after)
        return True
