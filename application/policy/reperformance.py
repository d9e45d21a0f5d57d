"""Every recorded decision of policy, made again: order by order, on the signals that were known at its
position, under the policy that it cites."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog
from application.log.streams import case_after, order_after
from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved
from domain.cases.errors import CaseNotFound
from domain.cases.events import CaseEvent, Detected, Enriched, Reopened, Routed
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import packet_digest, packet_of
from domain.cases.reperformance import Basis, Differs, cites, of_case, of_order, of_packet, rule_of
from domain.cases.work_events import Opened
from domain.orders.events import ExpectationMet, PassedIntake, ProblemDetected, SignalRecorded
from domain.orders.order import Order, order_stream
from domain.policy.decision import Decision
from domain.policy.rulebook import Rulebook
from domain.recorded import Recorded

AT_ONCE = 200
Cited = Callable[[str, datetime], Sequence[Rulebook]]
"""The policies of this version; first the one that decided at that time."""


class Redone(Struct, frozen=True, kw_only=True):
    """A decision that was made again; `differs` is empty where it came out the same."""

    order: str
    case: UUID | None
    """None for a decision on the order itself."""
    type: str
    version: int
    position: int
    recorded_at: datetime
    policy: str
    rule: str
    differs: Sequence[Differs]


class Period(Struct, frozen=True):
    """When the decisions were recorded; without limits, at any time."""

    since: datetime | None = None
    until: datetime | None = None

    def meets(self, trails: Iterable[Sequence[Recorded]]) -> bool:
        """Something of it was recorded then: else nothing has to be made again."""
        return any(self.holds(line.recorded_at) for lines in trails for line in lines)

    def holds(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


class Reperformance(Struct, frozen=True):
    log: EventLog
    cited: Cited

    def of_case(self, case_id: UUID) -> list[Redone]:
        """Raises CaseNotFound."""
        head = self.log.head()
        lines = self.log.trail(case_id)
        if not lines or not isinstance(lines[0].event, Detected | Opened):
            raise CaseNotFound(f"no case {case_id}")
        told = self.log.trail(order_stream(lines[0].order or ""))
        return [*self._of_case(_OrderPast([x for x in told if x.position <= head]), lines)]

    def of_all(self, period: Period) -> Iterator[Sequence[Redone]]:
        """What came of each order, and of each case that people have opened, one after the other."""
        head = self.log.head()
        for page in self._pages("order.signal_recorded", head):
            trails = self._trails(page, head)
            found = {s: _cases_of(lines) for s, lines in trails.items()}
            cases = self._trails([case for ids in found.values() for case in ids], head)
            for stream, lines in trails.items():
                own = [cases[case] for case in found[stream] if case in cases]
                if not period.meets([lines, *own]):
                    yield []
                    continue
                past = _OrderPast(lines)
                redone = [*self._of_order(past), *(r for x in own for r in self._of_case(past, x))]
                yield [one for one in redone if period.holds(one.recorded_at)]
        for page in self._pages("case.opened", head):
            trails = self._trails(page, head)
            orders = {case: order_stream(lines[0].order or "") for case, lines in trails.items()}
            told = self._trails([*{*orders.values()}], head)
            for case, lines in trails.items():
                if not period.meets([lines]):
                    yield []
                    continue
                past = _OrderPast(told.get(orders[case], []))
                redone = [*self._of_case(past, lines)]
                yield [one for one in redone if period.holds(one.recorded_at)]

    def _pages(self, begins_with: str, head: int) -> Iterator[list[UUID]]:
        after = 0
        while page := self.log.recorder.select_beginnings(begins_with, after, AT_ONCE):
            after = page[-1][0]
            if streams := [stream for position, stream in page if position <= head]:
                yield streams

    def _trails(self, streams: Sequence[UUID], head: int) -> Mapping[UUID, list[Recorded]]:
        """As they were when it began: what comes meanwhile is for the next time."""
        found = self.log.trails(streams) if streams else {}
        return {s: [x for x in lines if x.position <= head] for s, lines in found.items()}

    def _of_order(self, past: _OrderPast) -> Iterator[Redone]:
        for line, before in past.steps:
            match line.event:
                case ExpectationMet() | PassedIntake() as event:
                    decide = partial(of_order, event)
                    yield _redone(line, None, self._differs(line, decide, before, frozenset()))

    def _of_case(self, past: _OrderPast, lines: Sequence[Recorded]) -> Iterator[Redone]:
        case = ExceptionCase(id=lines[0].stream)
        found: Order | None = None
        """What was known when policy last found the problem: its case is routed on that."""
        by_hand = False
        """A person reopened it: it went back to where it was."""
        for line in lines:
            event, before, case = line.event, case, case_after(case, line)
            assert isinstance(event, CaseEvent)
            order = past.at(line.position)
            match event:
                case Detected() | Reopened(decision=Decision()):
                    order = found = past.found(line)
                case Opened():
                    found = None
                case Enriched(digest=digest):
                    if found is None or before.packet:
                        order = past.with_packet(digest, line.position)
                    else:
                        order = found
                    found = found or order
                case Routed():
                    order = found or order
                case AdjustmentProposed() | AdjustmentSystemApproved():
                    # Recorded beside what came just then: what it was decided on says its packet.
                    order = past.with_packet(before.packet, line.position)
                case _:
                    pass
            if isinstance(event, Enriched):
                yield _redone(line, line.stream, [*of_packet(event, order)])
            elif cites(event) is not None and not (by_hand and isinstance(event, Routed)):
                decide = partial(of_case, event, before if before.exists else case)
                differs = self._differs(line, decide, order, past.fresh(line))
                yield _redone(line, line.stream, differs)
            by_hand = isinstance(event, Reopened) and event.decision is None

    def _differs(
        self,
        line: Recorded,
        decide: Callable[[Basis], Iterator[Differs]],
        order: Order,
        fresh: frozenset[str] | None,
    ) -> Sequence[Differs]:
        """Under the policy that it cites; of several of that version, whichever decides the same."""
        policy = cites(line.event) or ""
        found = [
            [*decide(Basis(order, rulebook, fresh))]
            for rulebook in self.cited(policy, line.recorded_at)
        ]
        if not found:
            return [Differs("policy", policy, "the log has no policy of this version")]
        return min(found, key=len)


class _OrderPast:
    """An order at each of its lines."""

    def __init__(self, lines: Sequence[Recorded]) -> None:
        self.steps: list[tuple[Recorded, Order]] = []
        """Each line, with the order before it."""
        order = Order(id=lines[0].order or "" if lines else "")
        for line in lines:
            self.steps.append((line, order))
            order = order_after(order, line)
        self._states = [before for _, before in self.steps] + [order]
        self._positions = [line.position for line in lines]

    def at(self, position: int) -> Order:
        """As it was recorded before this position."""
        return self._states[bisect_left(self._positions, position)]

    def found(self, line: Recorded) -> Order:
        """As it was when policy found the problem of this line: with it, the order says so."""
        assert isinstance(line.event, Detected | Reopened)
        decision, deadline = line.event.decision, line.event.deadline
        for told, before in reversed(self.steps):
            match told.event:
                case ProblemDetected(case=line.stream, rule=rule) if told.position < line.position:
                    if decision is not None and (rule, told.event.deadline) == (
                        decision.rule,
                        deadline,
                    ):
                        return before
        return self.at(line.position)

    def with_packet(self, digest: str, position: int) -> Order:
        """The newest before this position that had this packet; if none had, as it was then."""
        newest = bisect_left(self._positions, position)
        for order in reversed(self._states[: newest + 1]):
            if packet_digest(packet_of(order)) == digest:
                return order
        return self._states[newest]

    def fresh(self, line: Recorded) -> frozenset[str] | None:
        """Types of the signals that came with the line; None if everything was looked at anew."""
        if (line.cause or "").startswith("policy:"):
            return None
        return frozenset(
            told.event.signal.type
            for told, _ in self.steps
            if isinstance(told.event, SignalRecorded)
            and (told.recorded_at, told.cause) == (line.recorded_at, line.cause)
        )


def _cases_of(lines: Sequence[Recorded]) -> list[UUID]:
    found = (line.event.case for line in lines if isinstance(line.event, ProblemDetected))
    return [*dict.fromkeys(found)]


def _redone(line: Recorded, case: UUID | None, differs: Sequence[Differs]) -> Redone:
    return Redone(
        order=line.order or "",
        case=case,
        type=line.type,
        version=line.version,
        position=line.position,
        recorded_at=line.recorded_at,
        policy=cites(line.event) or "",
        rule=rule_of(line.event),
        differs=differs,
    )
