"""The case of a signal whose references lead to no order for too long: about the references, not an order."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from application.log.caller import system_caller
from application.log.event_log import Write
from application.log.repository import Repository
from application.log.streams import CASE
from application.log.writes import timer_after
from domain.cases.events import CaseAbout, CaseEvent, Detected, Enriched
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening import create_routed
from domain.cases.packet import READING, PacketFact, packet_digest
from domain.cases.signals import create_signal_joined, resolve_cleared_case
from domain.cases.steps import Steps, create_policy_steps
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.orders.held_signals import HeldSignal
from domain.orders.order import Order
from domain.orders.references import references_of
from domain.people import POLICY_ACTOR
from domain.policy.decision import Decision, Verdict
from domain.policy.document import Automation
from domain.policy.facts import CaseFacts
from domain.policy.reader import UNMATCHED_SIGNAL
from domain.policy.rulebook import Rulebook

HELD_RULE: Final = "held-for-too-long"
FOUND_RULE: Final = "its-order-was-found"


class UnmatchedSignals:
    def __init__(
        self, cases: Repository[ExceptionCase], rulebook: Callable[[], Rulebook], staff: RoleMembers
    ) -> None:
        self._cases = cases
        self._rulebook = rulebook
        self._staff = staff

    def report(self, held: HeldSignal, now: datetime) -> Sequence[Write]:
        """The write that opens the case; none if policy has no kind for it."""
        rulebook = self._rulebook()
        kind = rulebook.document.kinds.get(UNMATCHED_SIGNAL)
        if kind is None:
            return ()
        occurrence = len(self._cases_of(held)) + 1
        references = dict(references_of(held.signal))
        packet = _packet_of(held)
        decision = Decision(
            policy=rulebook.version,
            rule=HELD_RULE,
            verdicts=(
                Verdict("reference.held_since", "at_most held_at_most", packet[-1].value, False),
            ),
        )
        facts = CaseFacts(
            kind=UNMATCHED_SIGNAL, bucket=kind.bucket, severity=kind.severity, rule=HELD_RULE
        )
        routing = rulebook.route(facts, Order(id="").facts)
        routed = create_routed(routing, UNMATCHED_SIGNAL, kind, rulebook, None, now)
        events: list[CaseEvent] = [
            Detected(
                kind=UNMATCHED_SIGNAL,
                bucket=kind.bucket,
                severity=kind.severity,
                automation=kind.automation,
                occurrence=occurrence,
                detected_at=now,
                decision=decision,
                signals=(held.signal.key,),
                about=CaseAbout(references=references, signal=held.signal.key),
            ),
            Enriched(packet=packet, digest=packet_digest(packet), reading=READING),
            routed,
            *create_policy_steps(
                kind, Steps(), routed.owner_team, routed.terms, rulebook.version, now
            ),
        ]
        case = ExceptionCase(id=case_stream(held.name, UNMATCHED_SIGNAL, occurrence))
        return [self._write(case, events, held, now)]

    def settle(self, held: HeldSignal, now: datetime) -> Sequence[Write]:
        """The write that clears the case of a signal whose order was found; none without an open case."""
        known = self._cases_of(held)
        if not known or known[-1].is_resolved:
            return ()
        case = known[-1]
        rulebook = self._rulebook()
        clearing = Decision(policy=rulebook.version, rule=FOUND_RULE, verdicts=())
        events: list[CaseEvent] = [create_signal_joined(held.signal, clearing, None)]
        kind = rulebook.document.kinds.get(UNMATCHED_SIGNAL)
        if kind is not None and kind.automation is Automation.AUTOMATIC and not case.is_worked:
            events += resolve_cleared_case(case, held.signal, clearing)
        return [self._write(case, events, held, now)]

    def _cases_of(self, held: HeldSignal) -> Sequence[ExceptionCase]:
        """The cases that the signal had: one for each time that it was held for too long."""
        found: list[ExceptionCase] = []
        while True:
            case_id = case_stream(held.name, UNMATCHED_SIGNAL, len(found) + 1)
            case = self._cases.refreshed([case_id]).get(case_id)
            if case is None:
                return found
            found.append(case)

    def _write(
        self, case: ExceptionCase, events: Sequence[CaseEvent], held: HeldSignal, now: datetime
    ) -> Write:
        passed, after = apply_due_events(case, now, self._staff) if case.exists else ([], case)
        for event in events:
            after = after.after(event, held.name, now)
        by = system_caller(POLICY_ACTOR, now, f"signal:{held.signal.key}")
        due = timer_after(case if case.exists else None, after)
        return by.write(case.id, CASE, case.version, [*passed, *events], held.name, due)


def _packet_of(held: HeldSignal) -> tuple[PacketFact, ...]:
    """The facts about the references: the signal that names them."""
    signal = held.signal
    values = {f"reference.{kind}": value for kind, value in references_of(signal)}
    values |= {
        "reference.signal_type": signal.type,
        "reference.why": held.why.value,
        "reference.held_since": held.held_at.isoformat().replace("+00:00", "Z"),
    }
    return tuple(
        PacketFact(name, value, (signal.key,), signal.event_time) for name, value in values.items()
    )
