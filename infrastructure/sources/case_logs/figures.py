"""Figures of a replayed case log, computed from the service's own log only."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.log.event_log import EventLog
from application.log.streams import case_after
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.cases.work_events import HandedOff
from domain.recorded_event import RecordedEvent
from infrastructure.sources.case_logs.replay_policy import UNKNOWN_QUEUE

PAGE_SIZE: Final = 5_000


class Figures(Struct, frozen=True):
    cases: int
    hand_offs: int
    """Hand-offs between two known queues; a hand-off between persons of one queue does not count."""
    reopened: int
    """Cases that were reopened at least once."""
    waited_seconds: dict[str, int]
    """By party. Waits that have not ended do not count."""
    final_states: dict[str, int]


def read_lines(log: EventLog) -> Iterator[RecordedEvent]:
    """The whole log, in order of position."""
    after = 0
    while page := log.read(after, PAGE_SIZE):
        yield from page
        after = page[-1].position


def compute_figures(lines: Iterable[RecordedEvent]) -> Figures:
    """Replay each case as the service does, and measure from one change of its wait to the next. So a
    wait counts for each way in which it can end."""
    cases: dict[UUID, ExceptionCase] = {}
    began: dict[UUID, RecordedEvent] = {}
    hand_offs, waited = 0, Counter[str]()
    for line in lines:
        if not isinstance(line.event, CaseEvent):
            continue
        before = cases.get(line.stream)
        after = cases[line.stream] = case_after(before, line)
        if isinstance(event := line.event, HandedOff):
            queues = {event.from_queue, event.to_queue}
            hand_offs += len(queues) > 1 and UNKNOWN_QUEUE not in queues
        waiting = before.waiting if before is not None else None
        if after.waiting is not waiting:
            if waiting is not None:
                lasted = line.recorded_at - began.pop(line.stream).recorded_at
                waited[waiting.party] += int(lasted.total_seconds())
            if after.waiting is not None:
                began[line.stream] = line
    return Figures(
        cases=len(cases),
        hand_offs=hand_offs,
        reopened=sum(case.reopened > 0 for case in cases.values()),
        waited_seconds=dict(sorted(waited.items())),
        final_states=dict(sorted(Counter(case.state.value for case in cases.values()).items())),
    )
