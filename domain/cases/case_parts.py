"""The parts of an order that a case is about, each with what opened, cleared and ended it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, structs

from domain.cases import events
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.reasons import ResolutionReason
from domain.cases.work_events import Opened
from domain.personal_data import ERASED, PERSONAL_FACTS
from domain.policy.decision import Decision, FactValue

MANUAL_RULE = "by-hand"
"""The rule name of a case that a person opened."""
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
    decided: bool = False
    """It has its outcome, and the case was reopened for another part."""

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


def parts_after(parts: CaseParts, event: events.CaseEvent, at: datetime) -> CaseParts:
    """The parts after one more event of the case's trail."""
    match event:
        case events.Detected():
            first = found_part(event.decision, event.detected_at, event.deadline, event.signals)
            return {event.part or WHOLE_ORDER: first}
        case Opened():
            was_clear = event.clear_at_opening or ()
            return {
                key: CasePart(rule=MANUAL_RULE, since=at, clear_at_opening=key in was_clear)
                for key in event.parts or (WHOLE_ORDER,)
            }
        case PartJoined(part=key):
            since = event.deadline or at
            joined = found_part(event.decision, since, event.deadline, event.signals)
            known = parts.get(key)
            joined = structs.replace(
                joined,
                since=joined.since if known is None or known.is_cleared else known.since,
                clear_at_opening=event.clear_at_opening is True,
            )
            return {**parts, key: joined}
        case PartCleared(part=key) if (
            key in parts
        ):  # Else the trail was altered: re-performance shows it.
            cleared = structs.replace(
                parts[key], cleared_by=event.signal, corrected=event.corrected is True
            )
            return {**parts, key: cleared}
        case events.SignalJoined():
            return _parts_after_signal(parts, event)
        case events.Resolved(resolution=resolution):
            return _with_outcomes(parts, resolution)
        case events.Reopened():
            return _parts_after_reopening(parts, event, at)
        case events.CaseDataErased():
            return {key: _erase_part(part) for key, part in parts.items()}
        case _:
            return parts


def _erase_part(part: CasePart) -> CasePart:
    return structs.replace(
        part,
        readings=tuple(
            (fact, ERASED if read and fact in PERSONAL_FACTS else read)
            for fact, read in part.readings
        ),
    )


def _parts_after_signal(parts: CaseParts, event: events.SignalJoined) -> CaseParts:
    """A clearing signal clears every part; one without shows that the whole order has the problem."""
    if event.clearing is not None:
        corrected = event.corrected is True
        return {
            key: part
            if part.decided or (part.is_cleared and key != WHOLE_ORDER)
            else structs.replace(part, cleared_by=event.signal, corrected=corrected)
            for key, part in parts.items()
        }
    whole = parts.get(WHOLE_ORDER)
    if whole is None:
        return parts
    readings = event.decision.readings if event.decision is not None else whole.readings
    return {**parts, WHOLE_ORDER: structs.replace(whole, cleared_by=None, readings=readings)}


def _with_outcomes(parts: CaseParts, resolution: events.Resolution) -> CaseParts:
    """The parts with their outcomes; a part that had one before a reopening keeps it."""
    own = {one.part: one.reason for one in resolution.parts or ()}
    partly = not all(part.is_cleared or part.decided for part in parts.values())

    def outcome(key: str, part: CasePart) -> ResolutionReason:
        known = own.get(key, part.outcome)
        if known is None and partly and part.is_cleared:
            reasons = ResolutionReason
            known = reasons.SOURCE_CORRECTED if part.corrected else reasons.SOURCE_CLEARED
        return known or resolution.reason

    return {key: structs.replace(part, outcome=outcome(key, part)) for key, part in parts.items()}


def _parts_after_reopening(parts: CaseParts, event: events.Reopened, at: datetime) -> CaseParts:
    """A person reopens every part, a rule the one that has the problem again."""
    if event.decision is None:
        return {
            key: structs.replace(
                part, outcome=None, cleared_by=None, corrected=False, decided=False
            )
            for key, part in parts.items()
        }
    parts = {key: structs.replace(part, decided=True) for key, part in parts.items()}
    found = found_part(event.decision, event.deadline or at, event.deadline, event.signals)
    return {**parts, event.part or WHOLE_ORDER: found}
