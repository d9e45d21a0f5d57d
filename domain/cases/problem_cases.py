"""Opens, joins, reopens and clears the cases of an order, and collects the events of both.

One problem, one case: a part that gets the problem joins the open case, and the case is clear when the
problem of each of its parts is gone. Which problems there are is found in `detection.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from domain.cases.case_parts import MANUAL_RULE, WHOLE_ORDER
from domain.cases.clearing import find_gone, is_by_hand, shows_news, signals_about, signals_aside
from domain.cases.events import CaseEvent, Reopened
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening import create_routed, open_by_rule
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.signals import create_signal_joined, find_clearing_evidence, resolve_cleared_case
from domain.cases.steps import create_policy_steps
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.orders.events import OrderEvent, ProblemDetected
from domain.orders.order import Order
from domain.orders.signals import Signal, event_time_key
from domain.orders.standing import named_statement
from domain.policy.decision import Decision
from domain.policy.document import Automation
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook

FoundPart = tuple[str, Decision, datetime | None]
"""A part with a problem, the decision that found it, and the missed deadline if there is one."""
ShownBy = Mapping[str, Sequence[Signal]]
"""Part -> the signals that show that it has the problem; a missed deadline has none."""


class ProblemCases:
    """The cases of an order's problems. It folds each event that it adds, so later steps see it."""

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

    def _is_new(self, case: ExceptionCase, part: str) -> bool:
        """Whether a part that has the problem is not in its open case, was named by a person only, or was
        cleared and has it again."""
        known = case.parts.get(part)
        if known is not None and known.rule == MANUAL_RULE:
            facts = self.order.facts
            return self._rulebook.cleared(case.kind, MANUAL_RULE, facts, part) is None
        # Each signal of the problem shows by itself that the whole order has it again.
        return known is None or (
            part != WHOLE_ORDER and known.is_cleared and self._gone(case, part) is None
        )

    def _is_back(self, case: ExceptionCase, found: FoundPart) -> bool:
        """Whether a missed deadline shows that a cleared part has the problem again, perhaps by another rule.

        No signal shows it, so the part joins again.
        """
        part, decision, deadline = found
        known = case.parts.get(part)
        return (
            deadline is not None
            and known is not None
            and known.is_cleared
            and self._rulebook.cleared(case.kind, decision.rule, self.order.facts, part) is None
        )

    def _join_part(
        self,
        case: ExceptionCase,
        part: str,
        decision: Decision,
        deadline: datetime | None,
        shown_by: ShownBy,
    ) -> None:
        signals = tuple(signal.key for signal in shown_by.get(part, ()))
        joined = PartJoined(part=part, decision=decision, deadline=deadline, signals=signals)
        self._add_case_event(case.id, joined)

    def _record_problem(self, kind: str, found: Sequence[FoundPart], shown_by: ShownBy) -> None:
        """Open a case or reopen the newest one, and record the problem of each part on the order."""
        case = self._newest_case(kind)
        (first, decision, deadline), *others = found
        if case is not None and not case.is_resolved:
            case_id, occurrence = case.id, case.occurrence
            others = [
                one for one in found if self._is_new(case, one[0]) or self._is_back(case, one)
            ]
        elif case is not None and self._can_reopen(case, deadline or self._now):
            case_id, occurrence = case.id, case.occurrence
            reopened = Reopened(
                signals=tuple(signal.key for signal in shown_by.get(first, ())),
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
                shown_by.get(first, ()),
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
        routed = create_routed(routing, case.kind, kind, self._rulebook, self.order, self._now)
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
        facts = self._before.facts, self.order.facts
        if about and is_by_hand(case) and not shows_news(about, *facts):
            return  # They repeat what the person knew.
        # A case that is clear and open, such as one whose automation is paused, is looked at again.
        again = case.cleared and bool(about)
        gone = {
            part: clearing
            for part, known in case.parts.items()
            if (part == WHOLE_ORDER or not known.is_cleared or again)
            and not known.decided
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
            if part != WHOLE_ORDER and not case.parts[part].is_cleared:
                cleared = PartCleared(
                    part=part,
                    signal=evidence[part].key,
                    clearing=clearing,
                    corrected=True if named_statement(evidence[part]) else UNSET,
                )
                self._add_case_event(case.id, cleared)
        is_clear = bool(gone) and all(
            part in gone or (known.is_cleared and not again) or known.decided
            for part, known in case.parts.items()
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
            for event in resolve_cleared_case(case, evidence.key, clearing, corrected=corrected):
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

    def _can_reopen(self, case: ExceptionCase, at: datetime) -> bool:
        within = self._rulebook.kind(case.kind).reopen_within
        return case.resolved_at is not None and at - case.resolved_at <= within

    def _newest_case(self, kind: str) -> ExceptionCase | None:
        ref = self.order.cases.get(kind)
        return self.cases[ref.case] if ref is not None else None

    def _has_open_case(self, kind: str) -> bool:
        case = self._newest_case(kind)
        return case is not None and not case.is_resolved

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
