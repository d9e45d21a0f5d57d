"""The parts of an order that a case is about, each with what opened, cleared and ended it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, structs

from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.reasons import ResolutionReason
from domain.policy.decision import Decision, FactValue

WHOLE_ORDER = ""
"""The key of a problem that is about no part."""


class CasePart(Struct, frozen=True, kw_only=True):
    """A part with the problem. `readings` are the facts that policy read when it last found it."""

    rule: str
    since: datetime
    deadline: datetime | None = None
    signals: tuple[str, ...] = ()
    readings: tuple[tuple[str, FactValue | None], ...] = ()
    cleared_by: str | None = None
    """The signal that shows that its problem is gone."""
    corrected: bool = False
    """That signal retracts or replaces an earlier one."""
    outcome: ResolutionReason | None = None
    clear_at_opening: bool = False
    """Its kind's `cleared_when` held already when a person named it: that it holds is no news."""

    @property
    def is_cleared(self) -> bool:
        return self.cleared_by is not None


CaseParts = Mapping[str, CasePart]
"""By the part's key; `""` is the whole order."""


def found_part(
    decision: Decision, at: datetime, deadline: datetime | None, signals: tuple[str, ...]
) -> CasePart:
    return CasePart(
        rule=decision.rule, since=at, deadline=deadline, signals=signals, readings=decision.readings
    )


def parts_after(parts: CaseParts, event: PartJoined | PartCleared, at: datetime) -> CaseParts:
    """The parts after one more event about one of them."""
    match event:
        case PartJoined(part=key):
            joined = found_part(event.decision, at, event.deadline, event.signals)
            known = parts.get(key)
            joined = structs.replace(
                joined,
                since=at if known is None or known.is_cleared else known.since,
                clear_at_opening=event.clear_at_opening is True,
            )
            return {**parts, key: joined}
        case PartCleared(part=key):
            cleared = structs.replace(
                parts[key], cleared_by=event.signal, corrected=event.corrected is True
            )
            return {**parts, key: cleared}


def with_every(parts: CaseParts, **changes: object) -> CaseParts:
    """The parts with the same changes to each."""
    return {key: structs.replace(part, **changes) for key, part in parts.items()}
