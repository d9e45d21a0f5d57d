"""Counting what two policies would have made of orders: one order at a time, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct, field

from domain.policy.simulation_figures import Figures, Moved, Pair

CaseKey: TypeAlias = tuple[UUID, int]
"""A case, and which of its openings: it may be reopened."""


class Opening(Struct, frozen=True, kw_only=True):
    """A case that was opened or reopened."""

    kind: str
    opened_at: datetime
    """When the problem stood: whoever decides late does not move it."""
    queue: str = ""
    severity: str = ""
    due_at: datetime | None = None
    resolved_at: datetime | None = None
    """When it resolved itself."""


class Tally(Struct, kw_only=True):
    orders: int = 0
    signals: int = 0
    passed: Pair = Pair()
    counts: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """What is counted, which of it, and whether under the proposed policy."""
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(
        self,
        active: Mapping[CaseKey, Opening],
        proposed: Mapping[CaseKey, Opening],
        resolved: Mapping[UUID, datetime],
        until: datetime,
    ) -> None:
        """An order's cases under the one and the other. `resolved`: when people did."""
        for is_proposed, openings in ((False, active), (True, proposed)):
            other = active if is_proposed else proposed
            for key, opening in openings.items():
                for what, which in _counted(key, opening, resolved, until):
                    self.counts[what, which, is_proposed] += 1
                if key not in other:
                    self.counts["only", "", is_proposed] += 1
        for key in active.keys() & proposed.keys():
            queues = active[key].queue, proposed[key].queue
            if queues[0] != queues[1]:
                self.moved[queues] += 1

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            orders=self.orders + other.orders,
            signals=self.signals + other.signals,
            passed=self.passed.plus(active=other.passed.active, proposed=other.passed.proposed),
            counts=self.counts + other.counts,
            moved=self.moved + other.moved,
        )

    def figures(self) -> Figures:
        """The same whatever order they were counted in."""
        return Figures(
            orders=self.orders,
            signals=self.signals,
            cases=self._pair("cases"),
            only=self._pair("only"),
            kinds=self._pairs("kind"),
            queues=self._pairs("queue"),
            severities=self._pairs("severity"),
            moved=tuple(
                Moved(from_queue=one, to_queue=other, cases=cases)
                for (one, other), cases in sorted(self.moved.items())
            ),
            cleared=self._pair("cleared"),
            breached=self._pair("breached"),
            passed=self.passed,
        )

    def _pairs(self, what: str) -> dict[str, Pair]:
        names = sorted({which for told, which, _ in self.counts if told == what})
        return {name: self._pair(what, name) for name in names}

    def _pair(self, what: str, which: str = "") -> Pair:
        return Pair(active=self.counts[what, which, False], proposed=self.counts[what, which, True])


def _counted(
    key: CaseKey, opening: Opening, resolved: Mapping[UUID, datetime], until: datetime
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
    ended_at = min(one for one in (opening.resolved_at, by_people, until) if one is not None)
    if opening.due_at is not None and opening.due_at < ended_at:
        yield "breached", ""
