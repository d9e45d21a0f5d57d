"""The case of a signal whose references lead to no order for too long: about the references, not an order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from application.log.event_log import Write
from application.orders.subject_cases import Subject, SubjectCases
from domain.cases.events import CaseAbout
from domain.cases.packet import PacketFact
from domain.orders.held_signals import HeldSignal
from domain.orders.references import references_of
from domain.policy.decision import Verdict
from domain.policy.reader import UNMATCHED_SIGNAL

HELD_RULE: Final = "held-for-too-long"
FOUND_RULE: Final = "its-order-was-found"


class UnmatchedSignals:
    def __init__(self, cases: SubjectCases) -> None:
        self._cases = cases

    def report(self, held: HeldSignal, now: datetime) -> Sequence[Write]:
        """The write that opens the case; none if policy has no kind for it."""
        packet = _packet_of(held)
        held_since = Verdict(
            "reference.held_since", "at_most held_at_most", packet[-1].value, False
        )
        about = CaseAbout(references=dict(references_of(held.signal)), signal=held.signal.key)
        subject = Subject(held.name, UNMATCHED_SIGNAL, about)
        before = self._cases.latest(held.name, UNMATCHED_SIGNAL)
        cause, signals = _cause(held), [held.signal.key]
        return self._cases.open(
            subject, before, HELD_RULE, [held_since], packet, now, cause, signals
        )

    def settle(self, held: HeldSignal, now: datetime) -> Sequence[Write]:
        """The write that clears the case of a signal whose order was found; none without an open case."""
        case = self._cases.latest(held.name, UNMATCHED_SIGNAL)
        return self._cases.settle(case, FOUND_RULE, [], held.signal, now, _cause(held))


def _cause(held: HeldSignal) -> str:
    return f"signal:{held.signal.key}"


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
