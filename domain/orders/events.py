"""The events of an order. A tag is stored for ever: never rename or reuse one."""

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from domain.orders.signals import Signal
from domain.orders.stage import StageChanges
from domain.policy.decision import Decision


class FoundIn(StrEnum):
    """Where the references of a signal were looked up."""

    SHOP = "shop"
    """In the shop that the signal names."""
    ANY_SHOP = "any_shop"
    """In all shops: the signal names none."""


class SignalRecorded(Struct, frozen=True, kw_only=True, gc=False, tag="order.signal_recorded"):
    """A source sent a signal about the order."""

    signal: Signal
    ahead: bool | UnsetType = UNSET
    """True if its event time was still to come: it counts from then on (`order.signal_time_came`)."""
    found_in: FoundIn | UnsetType = UNSET
    """Set if the signal was sent without its order, and its references led here."""
    stages: StageChanges | UnsetType = UNSET
    """The stages that this signal, or its batch, begins, ends or corrects, with their team and due time."""


class SignalTimeCame(Struct, frozen=True, kw_only=True, gc=False, tag="order.signal_time_came"):
    """The event time of a signal that was recorded ahead of it came: it counts now."""

    signal: str
    """The signal's key, `source/id`."""
    stages: StageChanges | UnsetType = UNSET


class ProblemDetected(Struct, frozen=True, kw_only=True, gc=False, tag="order.problem_detected"):
    """Policy detected a problem; `case` is the case that it opened, joined or reopened."""

    kind: str
    case: UUID
    occurrence: int
    rule: str
    deadline: datetime | None = None
    """The deadline of the missed expectation; None where a signal showed the problem."""
    part: str | UnsetType = UNSET
    """The part that has the problem, such as `parcel:P1`; left out for the whole order."""


class ExpectationMet(Struct, frozen=True, kw_only=True, gc=False, tag="order.expectation_met"):
    """An expectation fell due and was met."""

    deadline: datetime
    decision: Decision
    part: str | UnsetType = UNSET
    reading: int | UnsetType = UNSET
    """The version of the rules by which facts are read from signals; left out for the first one."""


class PassedIntake(Struct, frozen=True, kw_only=True, gc=False, tag="order.passed_intake"):
    """The order passed intake without a problem: standard flow, which needs no person."""

    decision: Decision
    reading: int | UnsetType = UNSET
    """The version of the rules by which facts are read from signals; left out for the first one."""


class StagesNamed(Struct, frozen=True, kw_only=True, gc=False, tag="order.stages_named"):
    """Another policy took effect, and names other stages of standard work."""

    stages: StageChanges


class OrderDataErased(Struct, frozen=True, kw_only=True, gc=False, tag="order.data_erased"):
    """The personal data in the order's events so far reads `[erased]`. The customer's privacy
    record `record` says who ordered the erasure, and on what basis."""

    record: UUID
    erasure: int


OrderEvent: TypeAlias = (
    SignalRecorded
    | SignalTimeCame
    | ProblemDetected
    | ExpectationMet
    | PassedIntake
    | StagesNamed
    | OrderDataErased
)
