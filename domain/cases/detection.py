"""Detection: from the known facts of an order to the events of its cases.

One problem, one case: signals about an open problem join its case, and a part that gets the problem
joins too. A resolved case takes no signals; a problem that returns reopens it or opens a linked
recurrence. Pure: an order, its cases, new signals and a time go in; events of the order and of each
case come out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import UNSET, structs

from domain.adjustments.bound_facts import find_outdated
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import READING
from domain.cases.problem_cases import FoundPart, ProblemCases, ShownBy
from domain.cases.signals import find_showing_signals
from domain.orders.events import ExpectationMet, FoundIn, PassedIntake, StagesNamed
from domain.orders.named_parts import may_be_about
from domain.orders.order import Order
from domain.orders.signals import Signal, event_time_key
from domain.policy.decision import Decision
from domain.policy.detector import Detector
from domain.policy.document import Automation
from domain.policy.rule_results import problems_of


class CaseDetection(ProblemCases):
    """Decides which problems an order has, from new signals, a new policy and the time."""

    def take(
        self, signals: Sequence[Signal], found_in: Mapping[str, FoundIn] | None = None
    ) -> list[Signal]:
        """Record the signals and act on them. Returns the new ones, without repetitions.

        `found_in` has the keys of those whose references led to this order.
        """
        # Overdue expectations are decided on the facts before these signals, so that a late
        # timekeeper changes nothing.
        self.tick()
        self._before = self.order
        fresh, counted = [], []
        for signal in signals:
            recorded = self.order.record(signal, self._now)
            if recorded is not None:
                if found_in and signal.key in found_in:
                    recorded = structs.replace(recorded, found_in=found_in[signal.key])
                self._add_order_event(recorded)
                fresh.append(signal)
                if recorded.ahead is UNSET:
                    counted.append(signal)
        self._act_on(counted)
        return fresh

    def _act_on(self, counted: Sequence[Signal]) -> None:
        """Act on signals that count from now on."""
        if counted:
            last = self.order_events[-1]
            self.order, self.order_events[-1] = self.order.record_stages(last, self._rulebook)
            # A part that is late by now keeps its open case open, even if another part's problem is gone.
            self._miss_overdue(of_open_cases=True)
            self._detect(counted)
            for kind in self._miss_overdue():
                # What is over by now is cleared at once, as if the signals had come one by one.
                self._join(kind, [], None, also=self._feeding(counted, kind))
            self._miss_again()
            self._lapse_outdated_adjustments()
            self._pass_intake()

    def recheck(self) -> None:
        """Apply this rulebook to an order that an earlier one decided on.

        It opens cases for problems that only this rulebook finds, and clears open cases whose problem is
        gone by its rules. Resolved cases stay resolved: they were decided on.
        """
        self.tick()
        if changes := self.order.stage_changes(self._rulebook, named_at=self._now):
            self._add_order_event(StagesNamed(stages=changes))
        signals = [*self.order.signals.values()]
        known = {*self.order.cases}
        for kind, parts in self._found().items():
            if kind not in known:
                may_show = self._may_show(parts, sorted(signals, key=event_time_key))
                shown_by = _shown_by(parts, may_show, Order(id=self.order.id), signals)
                self._record_problem(kind, self._decisions(parts), shown_by)
        for kind in known & self._rulebook.document.kinds.keys():
            case = self._newest_case(kind)
            automatic = self._rulebook.kind(kind).automation is Automation.AUTOMATIC
            # The trail of a cleared case already says that the problem is gone, and a person decides.
            if case is not None and (automatic or not case.cleared):
                self._join(kind, [], None, also=self._feeding(signals, kind))
        self._pass_intake()

    def _pass_intake(self) -> None:
        """Pass the order as standard flow, once, if it never had a case."""
        if self.order.passed or self.order.cases:
            return
        decision = self._rulebook.passes(self.order.facts)
        if decision is not None:
            self._add_order_event(PassedIntake(decision=decision, reading=READING))

    def tick(self) -> None:
        """Do what is due by now: expectations that are missed or met, signals that begin to count, and
        adjustments that are outdated. Each is decided in the order of time."""
        while come := self.order.find_time_come(self._now):
            at = self.order.ahead[come[0].signal].event_time
            self._miss_overdue(before=at)
            self._before = self.order
            counted = []
            for event in come:
                if self.order.ahead[event.signal].event_time == at:
                    counted.append(self.order.ahead[event.signal])
                    self._add_order_event(event)
            self._act_on(counted)
        self._miss_overdue()
        self._lapse_outdated_adjustments()

    def _miss_overdue(
        self, before: datetime | None = None, *, of_open_cases: bool = False
    ) -> list[str]:
        """Decide every expectation that is due by now; those of one kind at one time open one case.

        Returns the kinds that were missed.
        """
        due = self.order.overdue(self._rulebook, self._now)
        if not due:
            return []
        if before is not None:
            due = [one for one in due if one[2].missed_from <= before]
        if of_open_cases:
            due = [one for one in due if self._has_open_case(one[0].kind)]
        missed: dict[tuple[datetime, str], list[FoundPart]] = {}
        facts = self.order.facts
        for watch, part, deadline in due:
            decision = watch.decide(facts, deadline, part)
            if watch.is_checked_when_due and watch.met_when_due(facts, part):
                self._add_order_event(
                    ExpectationMet(
                        deadline=deadline.at, decision=decision, part=part or UNSET, reading=READING
                    )
                )
                continue
            key = deadline.at, watch.kind
            missed.setdefault(key, []).append((part, decision, deadline.at))
        for (_, kind), found in missed.items():
            self._record_problem(kind, found, {})
        return [*dict.fromkeys(kind for _, kind in missed)]

    def _miss_again(self) -> None:
        """Open the problem of a missed expectation again, if what cleared it was never so."""
        facts = self.order.facts
        for (rule, part), at in self.order.missed.items():
            watch = self._rulebook.watch(rule)
            case = self._newest_case(watch.kind) if watch is not None else None
            known = case.parts.get(part) if case is not None else None
            if watch is None or case is None or known is None or not known.is_cleared:
                continue
            deadline = watch.deadline_of(facts, part)
            if deadline is None or deadline.at != at or self._gone(case, part) is not None:
                continue
            if not watch.is_checked_when_due or not watch.met_when_due(facts, part):
                found = part, watch.decide(facts, deadline, part), at
                self._record_problem(watch.kind, [found], {})

    def _lapse_outdated_adjustments(self) -> None:
        """Let adjustments lapse that rest on facts or a policy that have changed."""
        for case in [*self.cases.values()]:
            for lapsed in find_outdated(case.adjustments, self.order, self._rulebook.digest):
                self._add_case_event(case.id, lapsed)

    def _detect(self, fresh: Sequence[Signal]) -> None:
        known_before = dict(self.order.cases)
        if self.order.is_corrected:
            found = self._found()
        else:
            types = frozenset([signal.type for signal in fresh])
            problems = self.order.problems_after(self._before.facts, types, self._rulebook)
            found = problems.of(self._rulebook.detectors_for(types))
        for kind, parts in found.items():
            self._handle_problem(kind, parts, fresh)
        for kind in known_before:
            if kind not in found:
                self._join(kind, self._about(fresh, kind), None, self._aside(fresh, kind))

    def _found(self) -> dict[str, dict[str, Detector]]:
        """Kind -> each part that has the problem, and the first rule that finds it."""
        return problems_of(self._rulebook, self.order.facts).of(self._rulebook.detectors)

    def _decisions(self, parts: Mapping[str, Detector]) -> list[FoundPart]:
        facts = self.order.facts
        return [(part, detector.decide(facts, part), None) for part, detector in parts.items()]

    def _handle_problem(
        self, kind: str, parts: Mapping[str, Detector], fresh: Sequence[Signal]
    ) -> None:
        """Handle rules that hold: a new problem, one of an open case, or one that returned."""
        case = self._newest_case(kind)
        about, aside = self._about(fresh, kind), self._aside(fresh, kind)
        may_show = self._may_show(parts, about or aside)
        if case is not None and not case.is_resolved:
            new = {p: d for p, d in parts.items() if self._is_new(case, p)}
            shown_by = _shown_by(new, may_show, self._before, fresh)
            for part, decision, _ in self._decisions(new):
                self._join_part(case, part, decision, None, shown_by)
            part, detector = next(iter(parts.items()))
            self._join(kind, about, detector.decide(self.order.facts, part), aside)
            return
        found = self._decisions(parts)
        if case is not None:
            found = [one for one in found if self._has_returned(case, *one[:2], may_show[one[0]])]
        if found:
            shown_by = _shown_by(parts, may_show, self._before, fresh)
            self._record_problem(kind, found, shown_by)
            self._join(kind, [], None, also=[*about, *aside])

    def _has_returned(
        self, case: ExceptionCase, part: str, decision: Decision, shown_by: Sequence[Signal]
    ) -> bool:
        """Whether the problem is new since the case was resolved: another part, other readings, or
        later signals."""
        known = case.parts.get(part)
        if known is None:
            return True
        if known.is_cleared:
            return self._gone(case, part) is None
        resolved_at = case.resolved_at
        new = not decision.reads_as(known.readings) or any(
            resolved_at is not None
            and signal.event_time > resolved_at
            and may_be_about(signal, part, self.order.facts.parts)
            for signal in shown_by
        )
        return new and self._gone(case, part) is None

    def _may_show(self, found: Mapping[str, Detector], signals: Sequence[Signal]) -> ShownBy:
        """For each part, the signals that the facts of its rule come from; without one, those that can
        change them. A signal that names other parts shows nothing about this one, if others do."""
        parts = self.order.facts.parts
        shown_by: dict[str, Sequence[Signal]] = {}
        for part, detector in found.items():
            about = [one for one in signals if may_be_about(one, part, parts)]
            shown_by[part] = (
                _of_types(about, detector.sources)
                or _of_types(about, detector.feeds)
                or _of_types(signals, detector.sources)
                or _of_types(signals, detector.feeds)
            )
        return shown_by


def _shown_by(
    found: Mapping[str, Detector], may_show: ShownBy, before: Order, signals: Sequence[Signal]
) -> ShownBy:
    """Of the signals that may show the problem of a part, the one that does, if that can be told."""
    if all(len(may_show[part]) <= 1 for part in found):
        return may_show
    showing = find_showing_signals(found, before, signals)
    return {part: (showing[part],) if part in showing else may_show[part] for part in found}


def _of_types(signals: Sequence[Signal], types: frozenset[str]) -> list[Signal]:
    return [signal for signal in signals if signal.type in types]
