"""From what is now known of an order to what happens to its cases.

One problem, one case: signals about an open problem join its case; a closed case absorbs nothing,
a problem that returns reopens it or opens a linked recurrence. Pure: an order, its cases, the new
signals and a time go in; events come out, for the order and for each case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from domain.cases.events import (
    CaseEvent,
    Detected,
    Enriched,
    Reopened,
    Resolution,
    ResolutionReason,
    Resolved,
    RootCause,
    Routed,
    SignalJoined,
)
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.packet import packet_digest, packet_of
from domain.orders.events import ExpectationMet, OrderEvent, ProblemDetected
from domain.orders.order import Order
from domain.orders.signals import Signal, in_time_order
from domain.policy.decision import Decision
from domain.policy.document import Automation
from domain.policy.rulebook import CaseFacts, Rulebook


class Response:
    """Collects what follows, folding as it goes, so that each step sees the ones before it."""

    def __init__(
        self,
        order: Order,
        cases: Mapping[UUID, ExceptionCase],
        rulebook: Rulebook,
        now: datetime,
    ) -> None:
        self.order = order
        self.order_events: list[OrderEvent] = []
        self.cases = dict(cases)
        self.case_events: dict[UUID, list[CaseEvent]] = {}
        self._rulebook = rulebook
        self._now = now

    def take(self, signals: Sequence[Signal]) -> list[Signal]:
        """Record the signals and act on them; those taken before are left out of the answer."""
        # What fell due before these signals came is decided on what was known then, so that a
        # late timekeeper changes nothing.
        self.tick()
        fresh = []
        for signal in signals:
            recorded = self.order.record(signal)
            if recorded is not None:
                self._of_order(recorded)
                fresh.append(signal)
        if fresh:
            self._detect(fresh)
            self.tick()
        return fresh

    def tick(self) -> None:
        """Decide on every expectation that has fallen due by now."""
        for watch, deadline in self.order.overdue(self._rulebook, self._now):
            facts = self.order.facts
            decision = watch.decide(facts, deadline)
            if watch.is_checked_when_due and watch.met_when_due(facts):
                self._of_order(ExpectationMet(deadline=deadline.at, decision=decision))
                continue
            self._problem(watch.kind, decision, deadline.at, ())

    def _detect(self, fresh: Sequence[Signal]) -> None:
        types = {signal.type for signal in fresh}
        judged: set[str] = set()
        opened_before = dict(self.order.cases)
        for detector in self._rulebook.detectors:
            if detector.kind in judged or not types & detector.feeds:
                continue
            if detector.holds(self.order.facts):
                judged.add(detector.kind)
                decision = detector.decide(self.order.facts)
                self._found(detector.kind, decision, _about(fresh, detector.feeds))
        for kind in opened_before:
            if kind not in judged:
                self._join(kind, _about(fresh, self._rulebook.fed_by.get(kind, frozenset())), None)

    def _found(self, kind: str, decision: Decision, about: Sequence[Signal]) -> None:
        """A detection rule holds: a new problem, more about an open one, or one that returned."""
        case = self._newest(kind)
        if case is None:
            self._problem(kind, decision, None, about)
        elif not case.is_resolved:
            self._join(kind, about, decision)
        elif decision.readings != case.readings and not self._cleared(case):
            self._problem(kind, decision, None, about)

    def _problem(
        self, kind: str, decision: Decision, deadline: datetime | None, about: Sequence[Signal]
    ) -> None:
        """Open a case, reopen the newest one, or note on the order that it is being worked on."""
        case = self._newest(kind)
        if case is not None and not case.is_resolved:
            case_id, occurrence = case.id, case.occurrence
        elif case is not None and self._reopens(case):
            case_id, occurrence = case.id, case.occurrence
            signals = tuple(s.key for s in about)
            self._of_case(case_id, Reopened(signals=signals, deadline=deadline, decision=decision))
            self._route(case_id)
        else:
            occurrence = case.occurrence + 1 if case else 1
            case_id = case_stream(self.order.id, kind, occurrence)
            self._open(case_id, occurrence, kind, decision, deadline, about, case)
        self._of_order(
            ProblemDetected(
                kind=kind,
                case=case_id,
                occurrence=occurrence,
                rule=decision.rule,
                deadline=deadline,
            )
        )
        if about:
            self._clear(kind, about[-1], joined=False)

    def _open(
        self,
        case_id: UUID,
        occurrence: int,
        kind: str,
        decision: Decision,
        deadline: datetime | None,
        about: Sequence[Signal],
        before: ExceptionCase | None,
    ) -> None:
        owned = self._rulebook.kind(kind)
        self.cases[case_id] = ExceptionCase(id=case_id)
        self._of_case(
            case_id,
            Detected(
                kind=kind,
                bucket=owned.bucket,
                severity=owned.severity,
                automation=owned.automation,
                occurrence=occurrence,
                detected_at=deadline or self._now,
                decision=decision,
                deadline=deadline,
                signals=tuple(signal.key for signal in about),
                recurrence_of=before.id if before else None,
            ),
        )
        packet = packet_of(self.order)
        self._of_case(case_id, Enriched(packet=packet, digest=packet_digest(packet)))
        self._route(case_id)

    def _route(self, case_id: UUID) -> None:
        case = self.cases[case_id]
        kind = self._rulebook.kind(case.kind)
        facts = CaseFacts(
            kind=case.kind, bucket=kind.bucket, severity=kind.severity, rule=case.rule
        )
        routing = self._rulebook.route(facts, self.order.facts)
        self._of_case(
            case_id,
            Routed(
                kind=case.kind,
                bucket=kind.bucket,
                severity=kind.severity,
                queue=routing.queue,
                owner_team=routing.owner_team,
                work_type=routing.work_type,
                skill=routing.skill,
                priority=routing.priority,
                decision=routing.decision,
            ),
        )

    def _join(self, kind: str, about: Sequence[Signal], decision: Decision | None) -> None:
        case = self._newest(kind)
        if case is None or case.is_resolved or not about:
            return
        for signal in about[:-1]:
            self._of_case(case.id, _joined(signal, None, None))
        if not self._clear(kind, about[-1], joined=True, decision=decision):
            self._of_case(case.id, _joined(about[-1], None, decision))

    def _clear(
        self, kind: str, signal: Signal, *, joined: bool, decision: Decision | None = None
    ) -> bool:
        """Attach the signal as clearing evidence if the problem is gone, and resolve the case
        where policy lets this kind resolve itself."""
        case = self._newest(kind)
        if case is None or case.is_resolved:
            return False
        clearing = self._cleared(case)
        if clearing is None:
            return False
        self._of_case(case.id, _joined(signal, clearing, decision))
        if self._rulebook.kind(kind).automation is Automation.AUTOMATIC:
            resolution = Resolution(
                reason=ResolutionReason.SOURCE_CLEARED,
                root_cause=RootCause.UPSTREAM_DATA,
                evidence=(signal.key,),
            )
            self._of_case(case.id, Resolved(resolution=resolution, clearing=clearing))
        return True

    def _cleared(self, case: ExceptionCase) -> Decision | None:
        return self._rulebook.cleared(case.kind, case.rule, case.deadline, self.order.facts)

    def _reopens(self, case: ExceptionCase) -> bool:
        within = self._rulebook.kind(case.kind).reopen_within
        return case.resolved_at is not None and self._now - case.resolved_at <= within

    def _newest(self, kind: str) -> ExceptionCase | None:
        ref = self.order.cases.get(kind)
        return self.cases[ref.case] if ref is not None else None

    def _of_order(self, event: OrderEvent) -> None:
        self.order_events.append(event)
        self.order = self.order.after(event)

    def _of_case(self, case_id: UUID, event: CaseEvent) -> None:
        self.case_events.setdefault(case_id, []).append(event)
        self.cases[case_id] = self.cases[case_id].after(event, self.order.id, self._now)


def _about(fresh: Sequence[Signal], feeds: frozenset[str]) -> list[Signal]:
    return sorted((s for s in fresh if s.type in feeds), key=in_time_order)


def _joined(signal: Signal, clearing: Decision | None, decision: Decision | None) -> SignalJoined:
    return SignalJoined(
        signal=signal.key,
        signal_type=signal.type,
        event_time=signal.event_time,
        clearing=clearing,
        decision=decision,
    )
