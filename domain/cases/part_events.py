"""Events about the parts of an order that a case is about. Tags are stored for ever: never rename or
reuse one."""

from datetime import datetime
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

from domain.policy.decision import Decision


class PartJoined(Struct, frozen=True, kw_only=True, gc=False, tag="case.part_joined"):
    """Another part of the order has the problem too, or has it again. A rule may also find a part that a
    person had named."""

    part: str
    """The part's key, such as `parcel:P1`; empty for the whole order."""
    decision: Decision
    deadline: datetime | None = None
    signals: tuple[str, ...] = ()
    clear_at_opening: bool | UnsetType = UNSET
    """True if a person named the part while the `cleared_when` of its kind held."""


class PartCleared(Struct, frozen=True, kw_only=True, gc=False, tag="case.part_cleared"):
    """The problem of one part is gone; `signal` shows it."""

    part: str
    signal: str
    clearing: Decision
    corrected: bool | UnsetType = UNSET
    """True if the signal retracts or replaces an earlier statement: it was never so."""


PartEvent: TypeAlias = PartJoined | PartCleared
