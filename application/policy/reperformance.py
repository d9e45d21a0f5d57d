"""Reperformance: makes every recorded policy decision again, and compares the results.

Each decision is made on the signals that were recorded before it, under the policy that it cites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import UNSET, Struct, structs

from application.log.event_log import EventLog
from application.log.streams import case_after, require_case_trail
from application.policy.order_history import Moment, OrderHistory
from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved
from domain.cases.citations import cited_facts, cited_policy, cited_rule
from domain.cases.earlier_readings import (
    Explained,
    RecordedBasis,
    explain_decision,
    explain_packet,
    reading_of_case_event,
    reading_of_order_event,
)
from domain.cases.events import CaseEvent, Detected, Enriched, Reopened, Routed
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import READING, PacketFact
from domain.cases.readings import changed_since
from domain.cases.reperformance import (
    DecisionBasis,
    DecisionDifference,
    compare_case_decision,
    compare_order_decision,
)
from domain.cases.subject_reperformance import compare_subject_decision
from domain.cases.work_events import Opened
from domain.orders.events import ExpectationMet, PassedIntake, ProblemDetected
from domain.orders.order import Order, order_stream
from domain.orders.order_names import order_name
from domain.policy.rulebook import Rulebook
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

BATCH_SIZE = 200
FindCitedPolicies = Callable[[str, datetime], Sequence[Rulebook]]
"""The policies with this version; first the one that was in force at that time."""


class ReperformedDecision(Struct, frozen=True, kw_only=True):
    """A decision that was made again; `differs` is empty if the result is the same, or if it differs only
    because facts are read differently today (docs/readings.md)."""

    order: str
    shop: str
    case: UUID | None
    """None for a decision on the order itself."""
    type: str
    version: int
    position: int
    recorded_at: datetime
    policy: str
    rule: str
    reading: int
    """The version of the rules of reading under which it was decided."""
    differs: Sequence[DecisionDifference]
    differs_by_reading: Sequence[DecisionDifference]
    reread_facts: Sequence[str]
    """The facts because of which it differs by reading."""


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
        return [*self._of_case(OrderHistory([x for x in order if x.position <= head]), lines)]

    def reperform_all(self, period: Period) -> Iterator[Sequence[ReperformedDecision]]:
        """Make the decisions of each order again, then those of each case that a person opened."""
        head = self.log.head()
        for page in self.log.pages("order.signal_recorded", head, BATCH_SIZE):
            trails = self._trails(page, head)
            found = {s: _case_ids_of(lines) for s, lines in trails.items()}
            cases = self._trails([case for ids in found.values() for case in ids], head)
            for stream, lines in trails.items():
                own = [cases[case] for case in found[stream] if case in cases]
                own = [trail for trail in own if not isinstance(trail[0].event, Opened)]
                if not period.any_recorded_in([lines, *own]):
                    yield []
                    continue
                past = OrderHistory(lines)
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
                past = OrderHistory(order_trails.get(orders[case], []))
                redone = [*self._of_case(past, lines)]
                yield [decision for decision in redone if period.holds(decision.recorded_at)]

    def _trails(self, streams: Sequence[UUID], head: int) -> Mapping[UUID, list[RecordedEvent]]:
        """The trails up to the head at the start; later lines are left out."""
        found = self.log.trails(streams) if streams else {}
        return {s: [x for x in lines if x.position <= head] for s, lines in found.items()}

    def _of_order(self, past: OrderHistory) -> Iterator[ReperformedDecision]:
        for line, before in past.steps:
            event = line.event
            if isinstance(event, ExpectationMet | PassedIntake):
                basis = RecordedBasis(reading_of_order_event(event), cited_facts(event))
                decide = partial(compare_order_decision, event)
                found, _ = self._repeat(line, decide, [Moment(before, frozenset())], basis)
                yield _reperformed_decision(line, None, basis.reading, found)

    def _of_case(
        self, past: OrderHistory, lines: Sequence[RecordedEvent]
    ) -> Iterator[ReperformedDecision]:
        if isinstance(lines[0].event, Detected) and lines[0].event.about is not UNSET:
            yield from self._of_subject_case(lines)
            return
        case = ExceptionCase(id=lines[0].stream)
        found: Order | None = None
        """The order when policy last found the problem: the case is routed by its facts then."""
        by_hand = False
        """Whether a person reopened the case: then it returns to its queue without a decision."""
        for line, packet in zip(lines, _packets_at(lines), strict=True):
            event, before, case = line.event, case, case_after(case, line)
            assert isinstance(event, CaseEvent)
            reading = reading_of_case_event(event, packet.event)
            if isinstance(event, Enriched):
                order = found
                if found is None or before.packet:
                    order = past.with_packet(event, line.position)
                assert order is not None
                found = found or order
                explained = explain_packet(event, order)
                yield _reperformed_decision(line, line.stream, reading, explained)
            elif cited_policy(event) is not None and not (by_hand and isinstance(event, Routed)):
                moments = past.moments(line)
                match event:
                    case Routed() if found is not None:
                        moments = iter([Moment(found)])
                    case AdjustmentProposed() | AdjustmentSystemApproved():
                        # New signals may come at the same moment: the packet shows what it was decided on.
                        moments = iter([Moment(past.with_packet(packet.event, line.position))])
                basis = RecordedBasis(
                    reading, cited_facts(event), packet.facts, packet.is_own(line)
                )
                decide = partial(compare_case_decision, event, before if before.exists else case)
                explained, order = self._repeat(line, decide, moments, basis, case.kind)
                yield _reperformed_decision(line, line.stream, reading, explained)
                if isinstance(event, Detected | Reopened):
                    found = order
            if isinstance(event, Opened):
                found = None
            by_hand = isinstance(event, Reopened) and event.decision is None

    def _of_subject_case(self, lines: Sequence[RecordedEvent]) -> Iterator[ReperformedDecision]:
        """The decisions of a case about no order."""
        case, nothing = ExceptionCase(id=lines[0].stream), [Moment(Order(id=""), frozenset())]
        for line, packet in zip(lines, _packets_at(lines), strict=True):
            event, before, case = line.event, case, case_after(case, line)
            if cited_policy(event) is None or not isinstance(event, CaseEvent):
                continue
            reading = reading_of_case_event(event, packet.event)
            basis = RecordedBasis(reading, cited_facts(event), packet.facts, packet.is_own(line))
            state = before if before.exists else case
            decide = partial(compare_subject_decision, event, state, packet.facts)
            explained, _ = self._repeat(line, decide, nothing, basis, case.kind)
            yield _reperformed_decision(line, line.stream, reading, explained)

    def _repeat(
        self,
        line: RecordedEvent,
        decide: Callable[[DecisionBasis], Iterator[DecisionDifference]],
        moments: Iterable[Moment],
        basis: RecordedBasis,
        kind: str | None = None,
    ) -> tuple[Explained, Order]:
        """Repeat a decision under the cited policy, at the moment at which it comes out as recorded, else at
        the likeliest one. Of several policies with that version, the closest one counts."""
        policy, at = cited_policy(line.event) or "", line.recorded_at
        rulebooks = self.cited(policy, at)
        first: tuple[Explained, Order] | None = None
        for moment in moments:
            order, found = moment.order, list[Explained]()
            for rulebook in rulebooks:
                differs = [*decide(DecisionBasis(order, rulebook, at, moment.fresh))]
                found.append(Explained(differs=differs))
                if differs and basis.reading != READING:
                    found.append(_explain(line, order, rulebook, decide, basis, kind, differs))
            if not found:
                lost = DecisionDifference("policy", policy, "the log has no policy of this version")
                return Explained(differs=[lost]), order
            best = min(found, key=lambda one: (len(one.differs), len(one.by_reading)))
            if not best.differs:
                return best, order
            first = first or (best, order)
        assert first is not None
        return first


def _explain(
    line: RecordedEvent,
    order: Order,
    rulebook: Rulebook,
    decide: Callable[[DecisionBasis], Iterator[DecisionDifference]],
    basis: RecordedBasis,
    kind: str | None,
    differs: Sequence[DecisionDifference],
) -> Explained:
    """Explain the differences of a decision of an earlier reading under one policy."""
    reread = changed_since(basis.reading)
    if kind is not None and kind in rulebook.document.kinds:
        basis = structs.replace(basis, reads=basis.reads | rulebook.facts_read_by(kind))

    def again(as_read: Order) -> list[DecisionDifference]:
        return [*decide(DecisionBasis(as_read, rulebook, line.recorded_at, None, reread))]

    return explain_decision(line.event, order, basis, differs, again)


class _PacketAt(Struct, frozen=True):
    """The packet of a case at one of its lines, and the append that recorded it."""

    event: Enriched | None
    recorded_at: datetime
    cause: str | None

    @property
    def facts(self) -> Sequence[PacketFact]:
        return self.event.packet if self.event is not None else ()

    def is_own(self, line: RecordedEvent) -> bool:
        """Whether it was recorded together with this line."""
        return (self.recorded_at, self.cause) == (line.recorded_at, line.cause)


def _packets_at(lines: Sequence[RecordedEvent]) -> list[_PacketAt]:
    """The latest packet at each line, also if it was recorded later in the same append."""
    found: list[_PacketAt] = []
    latest = _PacketAt(None, lines[0].recorded_at, None)
    for n, line in enumerate(lines):
        if isinstance(line.event, Enriched):
            latest = _PacketAt(line.event, line.recorded_at, line.cause)
            for k in range(n - 1, -1, -1):
                if not latest.is_own(lines[k]):
                    break
                found[k] = latest
        found.append(latest)
    return found


def _case_ids_of(lines: Sequence[RecordedEvent]) -> list[UUID]:
    found = (line.event.case for line in lines if isinstance(line.event, ProblemDetected))
    return [*dict.fromkeys(found)]


def _reperformed_decision(
    line: RecordedEvent, case: UUID | None, reading: int, found: Explained
) -> ReperformedDecision:
    return fill(
        ReperformedDecision,
        order_name(line.order or ""),
        line,
        case=case,
        policy=cited_policy(line.event) or "",
        rule=cited_rule(line.event),
        reading=reading,
        differs=found.differs,
        differs_by_reading=found.by_reading,
        reread_facts=found.facts,
    )
