"""Detection: from the known facts of an order to the events of its cases.

One problem, one case: signals about an open problem join its case, and a part that gets the problem
joins too. A resolved case takes no signals; a problem that returns reopens it or opens a linked
recurrence. Pure: an order, its cases, new signals and a time go in; events of the order and of each
case come out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from domain.adjustments.bound_facts import find_outdated
from domain.cases.case_parts import WHOLE_ORDER
from domain.cases.clearing import find_gone, signals_about, signals_aside
from domain.cases.events import CaseEvent, Reopened
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening import create_routed, open_by_rule
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.signals import create_signal_joined, find_clearing_evidence, resolve_cleared_case
from domain.cases.steps import create_policy_steps
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.orders.events import (
    ExpectationMet,
    OrderEvent,
    PassedIntake,
    ProblemDetected,
    StagesNamed,
)
from domain.orders.order import Order
from domain.orders.signals import Signal, event_time_key
from domain.orders.standing import named_statement
from domain.policy.decision import Decision
from domain.policy.document import Automation
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Detector, Rulebook

FoundPart = tuple[str, Decision, datetime | None]
"""A part with a problem, the decision that found it, and the missed deadline if there is one."""


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
        fresh, counted = [], []
        for signal in signals:
            recorded = self.order.record(signal, self._now)
            if recorded is not None:
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
            self._detect(counted)
            self._miss_overdue()
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
        for kind, parts in self._found(self._rulebook.detectors).items():
            if kind not in known:
                feeds = frozenset().union(*(detector.feeds for detector in parts.values()))
                shown_by = [signal for signal in signals if signal.type in feeds]
                shown_by.sort(key=event_time_key)
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
            self._add_order_event(PassedIntake(decision=decision))

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

    def _miss_overdue(self, before: datetime | None = None) -> None:
        """Decide every expectation that is due by now; those of one kind at one time open one case."""
        due = self.order.overdue(self._rulebook, self._now)
        if before is not None:
            due = [one for one in due if one[2].missed_from <= before]
        missed: dict[tuple[datetime, str], list[FoundPart]] = {}
        facts = self.order.facts
        for watch, part, deadline in due:
            decision = watch.decide(facts, deadline, part)
            if watch.is_checked_when_due and watch.met_when_due(facts, part):
                self._add_order_event(
                    ExpectationMet(deadline=deadline.at, decision=decision, part=part or UNSET)
                )
                continue
            key = deadline.at, watch.kind
            missed.setdefault(key, []).append((part, decision, deadline.at))
        for (_, kind), found in missed.items():
            self._record_problem(kind, found, ())

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
                self._record_problem(watch.kind, [found], ())

    def _lapse_outdated_adjustments(self) -> None:
        """Let adjustments lapse that rest on facts or a policy that have changed."""
        for case in [*self.cases.values()]:
            for lapsed in find_outdated(case.adjustments, self.order, self._rulebook.digest):
                self._add_case_event(case.id, lapsed)

    def _detect(self, fresh: Sequence[Signal]) -> None:
        corrects = any(named_statement(signal) is not None for signal in fresh)
        known_before = dict(self.order.cases)
        detectors: Sequence[Detector] = self._rulebook.detectors
        if not corrects and not self.order.is_corrected:
            detectors = self._rulebook.detectors_for(frozenset(signal.type for signal in fresh))
        found = self._found(detectors)
        for kind, parts in found.items():
            self._handle_problem(kind, parts, fresh)
        for kind in known_before:
            if kind not in found:
                self._join(kind, self._about(fresh, kind), None, self._aside(fresh, kind))

    def _found(self, detectors: Sequence[Detector]) -> dict[str, dict[str, Detector]]:
        """Kind -> each part that has the problem, and the first rule that finds it."""
        facts = self.order.facts
        found: dict[str, dict[str, Detector]] = {}
        for detector in detectors:
            for part in detector.found(facts):
                found.setdefault(detector.kind, {}).setdefault(part, detector)
        return found

    def _decisions(self, parts: Mapping[str, Detector]) -> list[FoundPart]:
        facts = self.order.facts
        return [(part, detector.decide(facts, part), None) for part, detector in parts.items()]

    def _handle_problem(
        self, kind: str, parts: Mapping[str, Detector], fresh: Sequence[Signal]
    ) -> None:
        """Handle rules that hold: a new problem, one of an open case, or one that returned."""
        case = self._newest_case(kind)
        feeds = frozenset().union(*(detector.feeds for detector in parts.values()))
        about, aside = self._about(fresh, kind), self._aside(fresh, kind)
        shown_by = [signal for signal in about or aside if signal.type in feeds]
        if case is not None and not case.is_resolved:
            new = {p: d for p, d in parts.items() if p != WHOLE_ORDER and self._is_new(case, p)}
            for part, decision, _ in self._decisions(new):
                self._join_part(case, part, decision, None, shown_by)
            first = next(iter(self._decisions(parts)))
            self._join(kind, about, first[1], aside)
            return
        found = self._decisions(parts)
        if case is not None:
            found = [one for one in found if self._has_returned(case, one[0], one[1], shown_by)]
        if found:
            self._record_problem(kind, found, shown_by)
            self._join(kind, [], None, also=[*about, *aside])

    def _is_new(self, case: ExceptionCase, part: str) -> bool:
        """Whether a part that has the problem is not in its open case, or was cleared and has it again."""
        known = case.parts.get(part)
        return known is None or (known.is_cleared and self._gone(case, part) is None)

    def _join_part(
        self,
        case: ExceptionCase,
        part: str,
        decision: Decision,
        deadline: datetime | None,
        shown_by: Sequence[Signal],
    ) -> None:
        signals = tuple(signal.key for signal in shown_by)
        joined = PartJoined(part=part, decision=decision, deadline=deadline, signals=signals)
        self._add_case_event(case.id, joined)

    def _record_problem(
        self, kind: str, found: Sequence[FoundPart], shown_by: Sequence[Signal]
    ) -> None:
        """Open a case or reopen the newest one, and record the problem of each part on the order."""
        case = self._newest_case(kind)
        (first, decision, deadline), *others = found
        if case is not None and not case.is_resolved:
            case_id, occurrence = case.id, case.occurrence
            # A missed expectation of the whole order is in the case already.
            others = [one for one in found if one[0] != WHOLE_ORDER and self._is_new(case, one[0])]
        elif case is not None and self._can_reopen(case, deadline or self._now):
            case_id, occurrence = case.id, case.occurrence
            reopened = Reopened(
                signals=tuple(signal.key for signal in shown_by),
                deadline=deadline,
                decision=decision,
                part=first or UNSET,
            )
            self._add_case_event(case_id, reopened)
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
                part=first,
            )
            self._open(case_id, opening(occurrence))
        for part, other, at in others:
            self._join_part(self.cases[case_id], part, other, at, shown_by)
        for part, each, at in found:
            self._add_order_event(
                ProblemDetected(
                    kind=kind,
                    case=case_id,
                    occurrence=occurrence,
                    rule=each.rule,
                    deadline=at,
                    part=part or UNSET,
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

        The signals in `also` are in its packet already, or are about something else; one joins only as
        the evidence.
        """
        case = self._newest_case(kind)
        if case is None or case.is_resolved or not (about or also):
            return
        gone = {
            part: clearing
            for part, known in case.parts.items()
            if (part == WHOLE_ORDER or not known.is_cleared)
            and (clearing := self._gone(case, part)) is not None
        }
        candidates = sorted([*about, *also], key=event_time_key)
        every = self._feeding([*self._before.signals.values()], kind) if gone else []
        evidence = {
            part: find_clearing_evidence(
                case, part, candidates, every, self._before, self.order, self._rulebook, self._now
            )
            for part in gone
        }
        for part, clearing in gone.items():
            if part != WHOLE_ORDER:
                cleared = PartCleared(
                    part=part,
                    signal=evidence[part].key,
                    clearing=clearing,
                    corrected=True if named_statement(evidence[part]) else UNSET,
                )
                self._add_case_event(case.id, cleared)
        is_clear = bool(gone) and all(
            part in gone or known.is_cleared for part, known in case.parts.items()
        )
        last = max(evidence.values(), key=event_time_key) if is_clear else None
        whole = case.parts.get(WHOLE_ORDER)
        if not about and also and not gone and whole is not None and whole.is_cleared:
            about = candidates[-1:]  # it shows that the order has the problem again
        others = [signal for signal in about if signal is not last]
        for n, signal in enumerate(others, start=1):
            self._add_case_event(
                case.id, create_signal_joined(signal, None, decision if n == len(others) else None)
            )
        if last is not None:
            self._clear(case, last, [*gone.values()][-1], None if others else decision)

    def _clear(
        self, case: ExceptionCase, evidence: Signal, clearing: Decision, decision: Decision | None
    ) -> None:
        """Record that the problem is gone, and resolve a case that may resolve by itself."""
        corrected = named_statement(evidence) is not None
        automatic = self._rulebook.kind(case.kind).automation is Automation.AUTOMATIC
        # People must finish adjustments that are proposed or being paid, and decide on a case that
        # they have worked on when its statement was never so.
        automatic = automatic and not self.cases[case.id].adjustments.live
        automatic = automatic and not (corrected and case.is_worked)
        paused = self._rulebook.paused(self.order.facts) if automatic else None
        self._add_case_event(
            case.id, create_signal_joined(evidence, clearing, decision, paused, corrected=corrected)
        )
        if automatic and paused is None:
            for event in resolve_cleared_case(case, evidence, clearing, corrected=corrected):
                self._add_case_event(case.id, event)

    def _about(self, fresh: Sequence[Signal], kind: str) -> list[Signal]:
        return signals_about(fresh, kind, self.order, self._rulebook)

    def _aside(self, fresh: Sequence[Signal], kind: str) -> list[Signal]:
        return signals_aside(fresh, kind, self.order, self._rulebook)

    def _feeding(self, fresh: Sequence[Signal], kind: str) -> list[Signal]:
        found = [*self._about(fresh, kind), *self._aside(fresh, kind)]
        return sorted(found, key=event_time_key)

    def _gone(self, case: ExceptionCase, part: str) -> Decision | None:
        return find_gone(case, part, self.order.facts, self._rulebook, self._now)

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
        new = decision.readings != known.readings or any(
            resolved_at is not None and signal.event_time > resolved_at for signal in shown_by
        )
        return new and self._gone(case, part) is None

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
