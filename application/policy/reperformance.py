"""Reperformance: makes every recorded policy decision again, and compares the results.

Each decision is made on the signals that were recorded before it, under the policy that it cites.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog
from application.log.streams import case_after, order_after, require_case_trail
from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved
from domain.cases.events import CaseEvent, Detected, Enriched, Reopened, Routed
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import packet_digest, packet_of
from domain.cases.reperformance import (
    DecisionBasis,
    DecisionDifference,
    cited_policy,
    cited_rule,
    compare_case_decision,
    compare_order_decision,
    compare_packet,
)
from domain.cases.work_events import Opened
from domain.orders.events import ExpectationMet, PassedIntake, ProblemDetected, SignalRecorded
from domain.orders.order import Order, order_stream
from domain.policy.decision import Decision
from domain.policy.rulebook import Rulebook
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

BATCH_SIZE = 200
FindCitedPolicies = Callable[[str, datetime], Sequence[Rulebook]]
"""The policies with this version; first the one that was in force at that time."""


class ReperformedDecision(Struct, frozen=True, kw_only=True):
    """A decision that was made again; `differs` is empty if the result is the same."""

    order: str
    case: UUID | None
    """None for a decision on the order itself."""
    type: str
    version: int
    position: int
    recorded_at: datetime
    policy: str
    rule: str
    differs: Sequence[DecisionDifference]


class Period(Struct, frozen=True):
    """A period of recording, from `since` on and before `until`; None is no limit."""

    since: datetime | None = None
    until: datetime | None = None

    def any_recorded_in(self, trails: Iterable[Sequence[RecordedEvent]]) -> bool:
        """Whether any of these lines was recorded in the period."""
        return any(self.holds(line.recorded_at) for lines in trails for line in lines)

    def holds(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


class Reperformance(Struct, frozen=True):
    log: EventLog
    cited: FindCitedPolicies

    def reperform_case(self, case_id: UUID) -> list[ReperformedDecision]:
        """Make the decisions of one case again. Raises CaseNotFound."""
        head = self.log.head()
        lines = self.log.trail(case_id)
        require_case_trail(case_id, lines)
        order = self.log.trail(order_stream(lines[0].order or ""))
        return [*self._of_case(_OrderHistory([x for x in order if x.position <= head]), lines)]

    def reperform_all(self, period: Period) -> Iterator[Sequence[ReperformedDecision]]:
        """Make the decisions of each order again, then those of each case that a person opened."""
        head = self.log.head()
        for page in self.log.pages("order.signal_recorded", head, BATCH_SIZE):
            trails = self._trails(page, head)
            found = {s: _case_ids_of(lines) for s, lines in trails.items()}
            cases = self._trails([case for ids in found.values() for case in ids], head)
            for stream, lines in trails.items():
                own = [cases[case] for case in found[stream] if case in cases]
                if not period.any_recorded_in([lines, *own]):
                    yield []
                    continue
                past = _OrderHistory(lines)
                redone = [*self._of_order(past), *(r for x in own for r in self._of_case(past, x))]
                yield [decision for decision in redone if period.holds(decision.recorded_at)]
        for page in self.log.pages("case.opened", head, BATCH_SIZE):
            trails = self._trails(page, head)
            orders = {case: order_stream(lines[0].order or "") for case, lines in trails.items()}
            order_trails = self._trails([*{*orders.values()}], head)
            for case, lines in trails.items():
                if not period.any_recorded_in([lines]):
                    yield []
                    continue
                past = _OrderHistory(order_trails.get(orders[case], []))
                redone = [*self._of_case(past, lines)]
                yield [decision for decision in redone if period.holds(decision.recorded_at)]

    def _trails(self, streams: Sequence[UUID], head: int) -> Mapping[UUID, list[RecordedEvent]]:
        """The trails up to the head at the start; later lines are left out."""
        found = self.log.trails(streams) if streams else {}
        return {s: [x for x in lines if x.position <= head] for s, lines in found.items()}

    def _of_order(self, past: _OrderHistory) -> Iterator[ReperformedDecision]:
        for line, before in past.steps:
            match line.event:
                case ExpectationMet() | PassedIntake() as event:
                    decide = partial(compare_order_decision, event)
                    yield _reperformed_decision(
                        line, None, self._differences(line, decide, before, frozenset())
                    )

    def _of_case(
        self, past: _OrderHistory, lines: Sequence[RecordedEvent]
    ) -> Iterator[ReperformedDecision]:
        case = ExceptionCase(id=lines[0].stream)
        found: Order | None = None
        """The order when policy last found the problem: the case is routed by its facts then."""
        by_hand = False
        """Whether a person reopened the case: then it returns to its queue without a decision."""
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
                    # New signals may come at the same moment: the packet shows what it was decided on.
                    order = past.with_packet(before.packet, line.position)
            if isinstance(event, Enriched):
                yield _reperformed_decision(line, line.stream, [*compare_packet(event, order)])
            elif cited_policy(event) is not None and not (by_hand and isinstance(event, Routed)):
                decide = partial(compare_case_decision, event, before if before.exists else case)
                differs = self._differences(line, decide, order, past.fresh(line))
                yield _reperformed_decision(line, line.stream, differs)
            by_hand = isinstance(event, Reopened) and event.decision is None

    def _differences(
        self,
        line: RecordedEvent,
        decide: Callable[[DecisionBasis], Iterator[DecisionDifference]],
        order: Order,
        fresh: frozenset[str] | None,
    ) -> Sequence[DecisionDifference]:
        """The differences under the cited policy; of several with that version, under the closest one."""
        policy = cited_policy(line.event) or ""
        found = [
            [*decide(DecisionBasis(order, rulebook, fresh))]
            for rulebook in self.cited(policy, line.recorded_at)
        ]
        if not found:
            return [DecisionDifference("policy", policy, "the log has no policy of this version")]
        return min(found, key=len)


class _OrderHistory:
    """The states of an order at each of its lines."""

    def __init__(self, lines: Sequence[RecordedEvent]) -> None:
        self.steps: list[tuple[RecordedEvent, Order]] = []
        """Each line, with the order before it."""
        order = Order(id=lines[0].order or "" if lines else "")
        for line in lines:
            self.steps.append((line, order))
            order = order_after(order, line)
        self._states = [before for _, before in self.steps] + [order]
        self._positions = [line.position for line in lines]

    def at(self, position: int) -> Order:
        """The order by the lines before this position."""
        return self._states[bisect_left(self._positions, position)]

    def found(self, line: RecordedEvent) -> Order:
        """The order when policy found the problem of this line, by the order's own event about it."""
        assert isinstance(line.event, Detected | Reopened)
        decision, deadline = line.event.decision, line.event.deadline
        for step, before in reversed(self.steps):
            match step.event:
                case ProblemDetected(case=line.stream, rule=rule) if step.position < line.position:
                    if decision is not None and (rule, step.event.deadline) == (
                        decision.rule,
                        deadline,
                    ):
                        return before
        return self.at(line.position)

    def with_packet(self, digest: str, position: int) -> Order:
        """The newest order before this position with this packet; if none had it, the order then."""
        newest = bisect_left(self._positions, position)
        for order in reversed(self._states[: newest + 1]):
            if packet_digest(packet_of(order)) == digest:
                return order
        return self._states[newest]

    def fresh(self, line: RecordedEvent) -> frozenset[str] | None:
        """The types of the signals that came with the line; None for a recheck of all facts."""
        if (line.cause or "").startswith("policy:"):
            return None
        return frozenset(
            step.event.signal.type
            for step, _ in self.steps
            if isinstance(step.event, SignalRecorded)
            and (step.recorded_at, step.cause) == (line.recorded_at, line.cause)
        )


def _case_ids_of(lines: Sequence[RecordedEvent]) -> list[UUID]:
    found = (line.event.case for line in lines if isinstance(line.event, ProblemDetected))
    return [*dict.fromkeys(found)]


def _reperformed_decision(
    line: RecordedEvent, case: UUID | None, differs: Sequence[DecisionDifference]
) -> ReperformedDecision:
    return fill(
        ReperformedDecision,
        line,
        order=line.order or "",
        case=case,
        policy=cited_policy(line.event) or "",
        rule=cited_rule(line.event),
        differs=differs,
    )
