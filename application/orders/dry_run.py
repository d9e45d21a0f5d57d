"""Dry runs: what signals would lead to, decided by intake itself over a draft of the log."""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from application.log.draft_log import DraftLog
from application.log.event_log import EventLog
from application.log.streams import CASE, case_after
from application.orders.batches import Arrival
from application.orders.intake import Intake
from application.orders.receipts import IntakeResult
from domain.cases.case_parts import WHOLE_ORDER
from domain.cases.events import Reopened, Resolved, SignalJoined
from domain.cases.exception_case import ExceptionCase
from domain.cases.part_events import PartCleared, PartJoined
from domain.people import Actor
from domain.policy.decision import Decision
from domain.recorded_event import Event, RecordedEvent


class CaseEffect(StrEnum):
    """What becomes of a case; `changed` is anything else, such as what time brings."""

    OPENED = "opened"
    REOPENED = "reopened"
    JOINED = "joined"
    CLEARED = "cleared"
    RESOLVED = "resolved"
    CHANGED = "changed"


class PolicyTest(Struct, frozen=True):
    """A test of a fact, and whether it held; without the value, which the sender may not be allowed to read."""

    fact: str
    test: str
    passed: bool


class ClearedProblem(Struct, frozen=True):
    """Why a problem would be gone: the signal that shows it, and the policy's rule with its tests."""

    part: str
    """The part of the order that had the problem; `""` for the whole order."""
    signal: str
    policy: str
    rule: str
    tests: Sequence[PolicyTest]


class CaseChange(Struct, frozen=True):
    """A case as it would be afterwards, and what would have become of it."""

    case: ExceptionCase
    effects: Sequence[CaseEffect]
    cleared: Sequence[ClearedProblem]


_EFFECTS: Final = {
    Reopened: CaseEffect.REOPENED,
    PartJoined: CaseEffect.JOINED,
    SignalJoined: CaseEffect.JOINED,
    Resolved: CaseEffect.RESOLVED,
}


class DryRun:
    """Takes batches as intake does, one after another, and stores nothing."""

    def __init__(self, log: EventLog, intake_on: Callable[[EventLog], Intake]) -> None:
        """`intake_on` makes an intake whose parts all work with one log, and have no caches yet."""
        self._draft = DraftLog(log)
        self._intake = intake_on(self._draft)
        self.position = self._draft.base
        """The position of the log that it is decided on."""

    def take(self, arrivals: Sequence[Arrival], actor: Actor) -> IntakeResult:
        return self._intake.take(arrivals, actor)

    def changes(self) -> list[CaseChange]:
        """The cases that all batches so far would change, in the order of their first change."""
        drafted = self._draft.drafted(CASE)
        trails = self._draft.trails([*drafted])
        return [_change_of(trails[case], new) for case, new in drafted.items()]


def _change_of(trail: Iterable[RecordedEvent], new: Sequence[RecordedEvent]) -> CaseChange:
    case: ExceptionCase | None = None
    for line in trail:
        case = case_after(case, line)
    assert case is not None
    events = [line.event for line in new]
    found = {_EFFECTS[type(event)] for event in events if type(event) in _EFFECTS}
    if new[0].version == 1:
        found.add(CaseEffect.OPENED)
    if found & {CaseEffect.OPENED, CaseEffect.REOPENED}:
        found.discard(CaseEffect.JOINED)
    cleared = [*_cleared_problems(case, events)]
    if cleared:
        found.add(CaseEffect.CLEARED)
    effects = [effect for effect in CaseEffect if effect in found]
    return CaseChange(case, effects or [CaseEffect.CHANGED], cleared)


def _cleared_problems(case: ExceptionCase, events: Iterable[Event]) -> Iterable[ClearedProblem]:
    """The last decision about each part that is clear at the end."""
    found: dict[str, ClearedProblem] = {}
    for event in events:
        if isinstance(event, PartCleared):
            found[event.part] = _cleared(event.part, event.signal, event.clearing)
        # The signal that clears the last part joins with the same decision.
        elif isinstance(event, SignalJoined) and event.clearing is not None:
            found[WHOLE_ORDER] = _cleared(WHOLE_ORDER, event.signal, event.clearing)
    return [
        one for part, one in found.items() if part in case.parts and case.parts[part].is_cleared
    ]


def _cleared(part: str, signal: str, by: Decision) -> ClearedProblem:
    tests = [PolicyTest(verdict.fact, verdict.test, verdict.passed) for verdict in by.verdicts]
    return ClearedProblem(part, signal, by.policy, by.rule, tests)
