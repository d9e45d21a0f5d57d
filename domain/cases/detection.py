"""Detection: from the known facts of an order to the events of its cases.

One problem, one case: signals about an open problem join its case. A resolved case takes no signals; a
problem that returns reopens it or opens a linked recurrence. Pure: an order, its cases, new signals
and a time go in; events of the order and of each case come out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from domain.adjustments.bound_facts import find_outdated
from domain.cases.events import CaseEvent, Reopened
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening import create_routed, open_by_rule
from domain.cases.signals import create_signal_joined, find_clearing_evidence, resolve_cleared_case
from domain.cases.steps import create_policy_steps
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.orders.events import ExpectationMet, OrderEvent, PassedIntake, ProblemDetected
from domain.orders.order import Order
from domain.orders.signals import Signal, event_time_key
from domain.policy.decision import Decision
from domain.policy.document import Automation
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook


class CaseDetection:
    """Collects the events of an order and its cases. It folds each one, so later steps see it."""

    def __init__(
        self,
        order: Order,
        cases: Mapping[UUID, ExceptionCase],
        rulebook: Rulebook,
        now: datetime,
        staff: RoleMembers,
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
        """Record the signals and act on them. Returns the new ones, without repetitions."""
        # Overdue expectations are decided on the facts before these signals, so that a late
        # timekeeper changes nothing.
        self.tick()
        self._before = self.order
        fresh = []
        for signal in signals:
            recorded = self.order.record(signal)
            if recorded is not None:
                self._add_order_event(recorded)
                fresh.append(signal)
        if fresh:
            self._detect(fresh)
            self.tick()
            self._pass_intake()
        return fresh

    def recheck(self) -> None:
        """Apply this rulebook to an order that an earlier one decided on.

        It opens cases for problems that only this rulebook finds, and clears open cases whose problem is
        gone by its rules. Resolved cases stay resolved: they were decided on.
        """
        self.tick()
        signals = [*self.order.signals.values()]
        known = {*self.order.cases}
        for detector in self._rulebook.detectors:
            if detector.kind not in self.order.cases and detector.holds(self.order.facts):
                shown_by = [signal for signal in signals if signal.type in detector.feeds]
                shown_by.sort(key=event_time_key)
                decision = detector.decide(self.order.facts)
                self._record_problem(detector.kind, decision, None, shown_by)
        for kind in known & self._rulebook.document.kinds.keys():
            case = self._newest_case(kind)
            automatic = self._rulebook.kind(kind).automation is Automation.AUTOMATIC
            # The trail of a cleared case already says that the problem is gone, and a person decides.
            if case is not None and (automatic or not case.cleared):
                self._join(kind, [], None, also=self._about(signals, kind))
        self._pass_intake()

    def _pass_intake(self) -> None:
        """Pass the order as standard flow, once, if it never had a case."""
        if self.order.passed or self.order.cases:
            return
        decision = self._rulebook.passes(self.order.facts)
        if decision is not None:
            self._add_order_event(PassedIntake(decision=decision))

    def tick(self) -> None:
        """Decide every expectation that is due by now, and let outdated adjustments lapse."""
        for watch, deadline in self.order.overdue(self._rulebook, self._now):
            facts = self.order.facts
            decision = watch.decide(facts, deadline)
            if watch.is_checked_when_due and watch.met_when_due(facts):
                self._add_order_event(ExpectationMet(deadline=deadline.at, decision=decision))
                continue
            self._record_problem(watch.kind, decision, deadline.at, ())
        self._lapse_outdated_adjustments()

    def _lapse_outdated_adjustments(self) -> None:
        """Let adjustments lapse that rest on facts or a policy that have changed."""
        for case in [*self.cases.values()]:
            for lapsed in find_outdated(case.adjustments, self.order, self._rulebook.digest):
                self._add_case_event(case.id, lapsed)

    def _detect(self, fresh: Sequence[Signal]) -> None:
        types = frozenset(signal.type for signal in fresh)
        judged: set[str] = set()
        known_before = dict(self.order.cases)
        for detector in self._rulebook.detectors_for(types):
            if detector.kind in judged:
                continue
            if detector.holds(self.order.facts):
                judged.add(detector.kind)
                decision = detector.decide(self.order.facts)
                about = self._about(fresh, detector.kind)
                self._handle_problem(detector.kind, decision, about, detector.feeds)
        for kind in known_before:
            if kind not in judged:
                self._join(kind, self._about(fresh, kind), None)

    def _handle_problem(
        self, kind: str, decision: Decision, about: Sequence[Signal], feeds: frozenset[str]
    ) -> None:
        """Handle a detection rule that holds: a new problem, an open one, or one that returned."""
        case = self._newest_case(kind)
        shown_by = [signal for signal in about if signal.type in feeds]
        if case is not None and not case.is_resolved:
            self._join(kind, about, decision)
        elif case is None or self._has_returned(case, decision, shown_by):
            self._record_problem(kind, decision, None, shown_by)
            self._join(kind, [], None, also=about)

    def _record_problem(
        self, kind: str, decision: Decision, deadline: datetime | None, shown_by: Sequence[Signal]
    ) -> None:
        """Open a case or reopen the newest one, and record the problem on the order."""
        case = self._newest_case(kind)
        if case is not None and not case.is_resolved:
            case_id, occurrence = case.id, case.occurrence
        elif case is not None and self._can_reopen(case, deadline or self._now):
            case_id, occurrence = case.id, case.occurrence
            signals = tuple(signal.key for signal in shown_by)
            self._add_case_event(
                case_id, Reopened(signals=signals, deadline=deadline, decision=decision)
            )
            self._route_case(case_id)
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
        self._add_order_event(
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
            self._add_case_event(case_id, event)
        self._route_case(case_id)

    def _route_case(self, case_id: UUID) -> None:
        case = self.cases[case_id]
        kind = self._rulebook.kind(case.kind)
        facts = CaseFacts(
            kind=case.kind, bucket=kind.bucket, severity=kind.severity, rule=case.rule
        )
        routing = self._rulebook.route(facts, self.order.facts)
        routed = create_routed(routing, case.kind, kind, self._rulebook, self.order)
        self._add_case_event(case_id, routed)
        terms = self.cases[case_id].timing.clock.terms
        for step in create_policy_steps(
            kind, case.steps, routed.owner_team, terms, self._rulebook.version, self._now
        ):
            self._add_case_event(case_id, step)

    def _join(
        self,
        kind: str,
        about: Sequence[Signal],
        decision: Decision | None,
        also: Sequence[Signal] = (),
    ) -> None:
        """Add signals about an open problem to its case.

        If the problem is gone, the signal that shows it joins last, as the evidence. A kind with
        automatic resolution then resolves, unless automation is paused for the order: then the
        evidence says so, and a person decides.

        The signals in `also` opened the case and are in its packet; one joins only as the evidence.
        """
        case = self._newest_case(kind)
        if case is None or case.is_resolved or not (about or also):
            return
        clearing = self._find_clearing(case)
        candidates = sorted([*about, *also], key=event_time_key)
        evidence = None
        if clearing is not None:
            every = self._about([*self._before.signals.values()], case.kind)
            evidence = find_clearing_evidence(case, candidates, every, self._before, self._rulebook)
        others = [signal for signal in about if signal is not evidence]
        for n, signal in enumerate(others, start=1):
            self._add_case_event(
                case.id, create_signal_joined(signal, None, decision if n == len(others) else None)
            )
        if evidence is None or clearing is None:
            return
        automatic = self._rulebook.kind(kind).automation is Automation.AUTOMATIC
        # People must finish adjustments that are proposed or being paid.
        automatic = automatic and not self.cases[case.id].adjustments.live
        paused = self._rulebook.paused(self.order.facts) if automatic else None
        self._add_case_event(
            case.id, create_signal_joined(evidence, clearing, None if others else decision, paused)
        )
        if automatic and paused is None:
            for event in resolve_cleared_case(case, evidence, clearing):
                self._add_case_event(case.id, event)

    def _about(self, fresh: Sequence[Signal], kind: str) -> list[Signal]:
        """The signals that feed this kind of problem, in time order."""
        feeds = self._rulebook.signal_types_by_kind.get(kind, frozenset())
        return sorted((signal for signal in fresh if signal.type in feeds), key=event_time_key)

    def _find_clearing(self, case: ExceptionCase) -> Decision | None:
        return self._rulebook.cleared(case.kind, case.rule, self.order.facts)

    def _has_returned(
        self, case: ExceptionCase, decision: Decision, shown_by: Sequence[Signal]
    ) -> bool:
        """Whether the problem is new since the case was resolved: other readings, or later signals."""
        resolved_at = case.resolved_at
        new = decision.readings != case.readings or any(
            resolved_at is not None and signal.event_time > resolved_at for signal in shown_by
        )
        return new and self._find_clearing(case) is None

    def _can_reopen(self, case: ExceptionCase, at: datetime) -> bool:
        within = self._rulebook.kind(case.kind).reopen_within
        return case.resolved_at is not None and at - case.resolved_at <= within

    def _newest_case(self, kind: str) -> ExceptionCase | None:
        ref = self.order.cases.get(kind)
        return self.cases[ref.case] if ref is not None else None

    def _add_order_event(self, event: OrderEvent) -> None:
        self.order_events.append(event)
        self.order = self.order.after(event)

    def _add_case_event(self, case_id: UUID, event: CaseEvent) -> None:
        if case_id not in self.case_events:
            passed, self.cases[case_id] = apply_due_events(
                self.cases[case_id], self._now, self._staff
            )
            self.case_events[case_id] = passed
        self.case_events[case_id].append(event)
        self.cases[case_id] = self.cases[case_id].after(event, self.order.id, self._now)
