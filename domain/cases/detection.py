"""From what is now known of an order to what happens to its cases.

One problem, one case: signals about an open problem join its case; a closed case absorbs nothing,
a problem that returns reopens it or opens a linked recurrence. Pure: an order, its cases, the new
signals and a time go in; events come out, for the order and for each case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from domain.cases.events import CaseEvent, Reopened
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening import open_by_rule, routed_by
from domain.cases.packet import packet_digest, packet_of
from domain.cases.signals import clearing_evidence, joined, source_cleared
from domain.cases.steps import asked_for
from domain.cases.timers import look_at_clock
from domain.cases.timing import Staff
from domain.orders.events import (
    ExpectationMet,
    OrderEvent,
    PassedIntake,
    ProblemDetected,
)
from domain.orders.order import Order
from domain.orders.signals import Signal, in_time_order
from domain.policy.decision import Decision
from domain.policy.document import Automation
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook


class Response:
    """Collects what follows, folding as it goes, so that each step sees the ones before it."""

    def __init__(
        self,
        order: Order,
        cases: Mapping[UUID, ExceptionCase],
        rulebook: Rulebook,
        now: datetime,
        staff: Staff,
    ) -> None:
        self.order = order
        self.order_events: list[OrderEvent] = []
        self.cases = dict(cases)
        self.case_events: dict[UUID, list[CaseEvent]] = {}
        self._rulebook = rulebook
        self._now = now
        self._staff = staff
        self._before = order

    def take(self, signals: Sequence[Signal]) -> list[Signal]:
        """Record the signals and act on them; those taken before are left out of the answer."""
        # What fell due before these signals came is decided on what was known then, so that a
        # late timekeeper changes nothing.
        self.tick()
        self._before = self.order
        fresh = []
        for signal in signals:
            recorded = self.order.record(signal)
            if recorded is not None:
                self._of_order(recorded)
                fresh.append(signal)
        if fresh:
            self._detect(fresh)
            self.tick()
            self._pass()
        return fresh

    def look_again(self) -> None:
        """What this rulebook makes of an order that came under another one: problems that it sees
        and that one did not, and open cases that it takes for over.

        What was resolved stays resolved: it was decided on.
        """
        self.tick()
        told = [*self.order.signals.values()]
        known = {*self.order.cases}
        for detector in self._rulebook.detectors:
            if detector.kind not in self.order.cases and detector.holds(self.order.facts):
                shown_by = [signal for signal in told if signal.type in detector.feeds]
                shown_by.sort(key=in_time_order)
                decision = detector.decide(self.order.facts)
                self._problem(detector.kind, decision, None, shown_by)
        for kind in known & self._rulebook.document.kinds.keys():
            case = self._newest(kind)
            automatic = self._rulebook.kind(kind).automation is Automation.AUTOMATIC
            # That it is over was said already, and a person decides.
            if case is not None and (automatic or not case.cleared):
                self._join(kind, [], None, also=self._about(told, kind))
        self._pass()

    def _pass(self) -> None:
        """Released as standard flow, once, if nothing has ever been wrong with it."""
        if self.order.passed or self.order.cases:
            return
        decision = self._rulebook.passes(self.order.facts)
        if decision is not None:
            self._of_order(PassedIntake(decision=decision))

    def tick(self) -> None:
        """Decide on every expectation that has fallen due by now; and let lapse what is bound to
        what is not so any more."""
        for watch, deadline in self.order.overdue(self._rulebook, self._now):
            facts = self.order.facts
            decision = watch.decide(facts, deadline)
            if watch.is_checked_when_due and watch.met_when_due(facts):
                self._of_order(ExpectationMet(deadline=deadline.at, decision=decision))
                continue
            self._problem(watch.kind, decision, deadline.at, ())
        self._let_lapse()

    def _let_lapse(self) -> None:
        """Proposals and approvals are bound to the packet and to the policy."""
        bound = [case for case in self.cases.values() if case.adjustments.undecided]
        if bound:
            packet = packet_digest(packet_of(self.order))
            for case in bound:
                for lapsed in case.adjustments.drifted(packet, self._rulebook.digest):
                    self._of_case(case.id, lapsed)

    def _detect(self, fresh: Sequence[Signal]) -> None:
        types = frozenset(signal.type for signal in fresh)
        judged: set[str] = set()
        known_before = dict(self.order.cases)
        for detector in self._rulebook.detectors_fed_by(types):
            if detector.kind in judged:
                continue
            if detector.holds(self.order.facts):
                judged.add(detector.kind)
                decision = detector.decide(self.order.facts)
                about = self._about(fresh, detector.kind)
                self._found(detector.kind, decision, about, detector.feeds)
        for kind in known_before:
            if kind not in judged:
                self._join(kind, self._about(fresh, kind), None)

    def _found(
        self, kind: str, decision: Decision, about: Sequence[Signal], feeds: frozenset[str]
    ) -> None:
        """A detection rule holds: a new problem, more about an open one, or one that returned."""
        case = self._newest(kind)
        shown_by = [signal for signal in about if signal.type in feeds]
        if case is not None and not case.is_resolved:
            self._join(kind, about, decision)
        elif case is None or self._has_returned(case, decision, shown_by):
            self._problem(kind, decision, None, shown_by)
            self._join(kind, [], None, also=about)

    def _problem(
        self, kind: str, decision: Decision, deadline: datetime | None, shown_by: Sequence[Signal]
    ) -> None:
        """Open a case, reopen the newest one, or note on the order that it is being worked on."""
        case = self._newest(kind)
        if case is not None and not case.is_resolved:
            case_id, occurrence = case.id, case.occurrence
        elif case is not None and self._reopens(case, deadline or self._now):
            case_id, occurrence = case.id, case.occurrence
            signals = tuple(signal.key for signal in shown_by)
            self._of_case(case_id, Reopened(signals=signals, deadline=deadline, decision=decision))
            self._route(case_id)
        else:
            occurrence = case.occurrence + 1 if case else 1
            case_id = case_stream(self.order.id, kind, occurrence)
            opening = open_by_rule(
                kind,
                decision,
                deadline,
                shown_by,
                self.order,
                self._rulebook,
                self._now,
                recurrence_of=case.id if case else None,
            )
            self._open(case_id, opening(occurrence))
        self._of_order(
            ProblemDetected(
                kind=kind,
                case=case_id,
                occurrence=occurrence,
                rule=decision.rule,
                deadline=deadline,
            )
        )

    def _open(self, case_id: UUID, events: Sequence[CaseEvent]) -> None:
        self.cases[case_id] = ExceptionCase(id=case_id)
        for event in events:
            self._of_case(case_id, event)
        self._route(case_id)

    def _route(self, case_id: UUID) -> None:
        case = self.cases[case_id]
        kind = self._rulebook.kind(case.kind)
        facts = CaseFacts(
            kind=case.kind, bucket=kind.bucket, severity=kind.severity, rule=case.rule
        )
        routing = self._rulebook.route(facts, self.order.facts)
        routed = routed_by(routing, case.kind, kind, self._rulebook, self.order)
        self._of_case(case_id, routed)
        terms = self.cases[case_id].timing.clock.terms
        for step in asked_for(
            kind, case.steps, routed.owner_team, terms, self._rulebook.version, self._now
        ):
            self._of_case(case_id, step)

    def _join(
        self,
        kind: str,
        about: Sequence[Signal],
        decision: Decision | None,
        also: Sequence[Signal] = (),
    ) -> None:
        """Signals about an open problem join its case. If the problem is gone, the one that shows
        it joins last, as the evidence, and a kind that may resolve itself does so, unless
        automation is paused for the order: then the evidence says so, and a person decides.

        `also` opened the case, whose packet tells of it; it joins only if it is the evidence.
        """
        case = self._newest(kind)
        if case is None or case.is_resolved or not (about or also):
            return
        clearing = self._cleared(case)
        candidates = sorted([*about, *also], key=in_time_order)
        evidence = None
        if clearing is not None:
            every = self._about([*self._before.signals.values()], case.kind)
            evidence = clearing_evidence(case, candidates, every, self._before, self._rulebook)
        others = [signal for signal in about if signal is not evidence]
        for n, signal in enumerate(others, start=1):
            self._of_case(case.id, joined(signal, None, decision if n == len(others) else None))
        if evidence is None or clearing is None:
            return
        automatic = self._rulebook.kind(kind).automation is Automation.AUTOMATIC
        # What was proposed, or is being paid, is for people to bring to its end.
        automatic = automatic and not self.cases[case.id].adjustments.live
        paused = self._rulebook.paused(self.order.facts) if automatic else None
        self._of_case(case.id, joined(evidence, clearing, None if others else decision, paused))
        if automatic and paused is None:
            for event in source_cleared(case, evidence, clearing):
                self._of_case(case.id, event)

    def _about(self, fresh: Sequence[Signal], kind: str) -> list[Signal]:
        """Those that say something about this kind of problem, in time order."""
        feeds = self._rulebook.fed_by.get(kind, frozenset())
        return sorted((signal for signal in fresh if signal.type in feeds), key=in_time_order)

    def _cleared(self, case: ExceptionCase) -> Decision | None:
        return self._rulebook.cleared(case.kind, case.rule, self.order.facts)

    def _has_returned(
        self, case: ExceptionCase, decision: Decision, shown_by: Sequence[Signal]
    ) -> bool:
        """Something is new since the case was resolved: what was read, or when it happened."""
        resolved_at = case.resolved_at
        new = decision.readings != case.readings or any(
            resolved_at is not None and signal.event_time > resolved_at for signal in shown_by
        )
        return new and self._cleared(case) is None

    def _reopens(self, case: ExceptionCase, at: datetime) -> bool:
        within = self._rulebook.kind(case.kind).reopen_within
        return case.resolved_at is not None and at - case.resolved_at <= within

    def _newest(self, kind: str) -> ExceptionCase | None:
        ref = self.order.cases.get(kind)
        return self.cases[ref.case] if ref is not None else None

    def _of_order(self, event: OrderEvent) -> None:
        self.order_events.append(event)
        self.order = self.order.after(event)

    def _of_case(self, case_id: UUID, event: CaseEvent) -> None:
        if case_id not in self.case_events:
            passed, self.cases[case_id] = look_at_clock(self.cases[case_id], self._now, self._staff)
            self.case_events[case_id] = passed
        self.case_events[case_id].append(event)
        self.cases[case_id] = self.cases[case_id].after(event, self.order.id, self._now)
