"""What can happen to an order here. A tag is written down for ever: never rename or reuse one."""

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.orders.signals import Signal
from domain.policy.decision import Decision


class SignalRecorded(Struct, frozen=True, kw_only=True, gc=False, tag="order.signal_recorded"):
    """A source said something of the order."""

    signal: Signal


class ProblemDetected(Struct, frozen=True, kw_only=True, gc=False, tag="order.problem_detected"):
    """Policy found a problem; `case` is the case that it opened, joined or reopened."""

    kind: str
    case: UUID
    occurrence: int
    rule: str
    deadline: datetime | None = None
    """Of the expectation that was missed; None where a signal showed the problem."""


class ExpectationMet(Struct, frozen=True, kw_only=True, gc=False, tag="order.expectation_met"):
    """An expectation fell due, was looked at, and held."""

    deadline: datetime
    decision: Decision


class PassedIntake(Struct, frozen=True, kw_only=True, gc=False, tag="order.passed_intake"):
    """All that intake asks for holds, and nothing is wrong: standard flow, which needs nobody."""

    decision: Decision


class OrderDataErased(Struct, frozen=True, kw_only=True, gc=False, tag="order.data_erased"):
    """What was personal in what is recorded of the order so far reads `[erased]`. The customer's record
    says who ordered it, and on what basis."""

    record: UUID
    erasure: int


OrderEvent: TypeAlias = (
    SignalRecorded | ProblemDetected | ExpectationMet | PassedIntake | OrderDataErased
)
