"""Counts the cases that two policies would have opened, one order at a time, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct, field

from domain.policy.simulation_figures import CountPair, QueueMove, SimulationFigures

CaseKey: TypeAlias = tuple[UUID, int]
"""A case, and the number of its opening: it may be reopened."""


class CaseOpening(Struct, frozen=True, kw_only=True):
    """A case that was opened or reopened."""

    kind: str
    opened_at: datetime
    """When the problem arose; a late decision does not move it."""
    queue: str = ""
    severity: str = ""
    due_at: datetime | None = None
    resolved_at: datetime | None = None
    """When it resolved itself."""


class SimulationCounter(Struct, kw_only=True):
    orders: int = 0
    signals: int = 0
    passed: CountPair = CountPair()
    counts: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """(what is counted, its name, whether under the proposed policy) -> number."""
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(
        self,
        active: Mapping[CaseKey, CaseOpening],
        proposed: Mapping[CaseKey, CaseOpening],
        resolved: Mapping[UUID, datetime],
        until: datetime,
    ) -> None:
        """Count an order's cases under both policies. `resolved`: when people resolved each case."""
        for is_proposed, openings in ((False, active), (True, proposed)):
            other = active if is_proposed else proposed
            for key, opening in openings.items():
                for what, name in _counts_of(key, opening, resolved, until):
                    self.counts[what, name, is_proposed] += 1
                if key not in other:
                    self.counts["only", "", is_proposed] += 1
        for key in active.keys() & proposed.keys():
            queues = active[key].queue, proposed[key].queue
            if queues[0] != queues[1]:
                self.moved[queues] += 1

    def __add__(self, other: SimulationCounter) -> SimulationCounter:
        return SimulationCounter(
            orders=self.orders + other.orders,
            signals=self.signals + other.signals,
            passed=self.passed.plus(active=other.passed.active, proposed=other.passed.proposed),
            counts=self.counts + other.counts,
            moved=self.moved + other.moved,
        )

    def figures(self) -> SimulationFigures:
        """The figures; they do not depend on the order of counting."""
        return SimulationFigures(
            orders=self.orders,
            signals=self.signals,
            cases=self._pair("cases"),
            only=self._pair("only"),
            kinds=self._pairs("kind"),
            queues=self._pairs("queue"),
            severities=self._pairs("severity"),
            moved=tuple(
                QueueMove(from_queue=old, to_queue=new, cases=cases)
                for (old, new), cases in sorted(self.moved.items())
            ),
            cleared=self._pair("cleared"),
            breached=self._pair("breached"),
            passed=self.passed,
        )

    def _pairs(self, what: str) -> dict[str, CountPair]:
        names = sorted({name for counted, name, _ in self.counts if counted == what})
        return {name: self._pair(what, name) for name in names}

    def _pair(self, what: str, name: str = "") -> CountPair:
        return CountPair(
            active=self.counts[what, name, False], proposed=self.counts[what, name, True]
        )


def _counts_of(
    key: CaseKey, opening: CaseOpening, resolved: Mapping[UUID, datetime], until: datetime
) -> Iterable[tuple[str, str]]:
    yield "cases", ""
    yield "kind", opening.kind
    yield "queue", opening.queue
    yield "severity", opening.severity
    if opening.resolved_at is not None:
        yield "cleared", ""
    by_people = resolved.get(key[0])
    if by_people is not None and by_people < opening.opened_at:
        by_people = None
    ended_at = min(at for at in (opening.resolved_at, by_people, until) if at is not None)
    if opening.due_at is not None and opening.due_at < ended_at:
        yield "breached", ""
