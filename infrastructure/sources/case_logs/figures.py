"""What a replayed log comes to, read back from the service's own log and from nothing else."""

from __future__ import annotations

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
from domain.recorded import Recorded
from infrastructure.sources.case_logs.replay_policy import UNKNOWN_QUEUE

PAGE: Final = 5_000


class Figures(Struct, frozen=True):
    cases: int
    hand_offs: int
    """Between two known queues; from one person of a queue to another is none."""
    reopened: int
    """Cases that were, however often."""
    waited_seconds: dict[str, int]
    """By party. A wait that has not ended is not counted."""
    final_states: dict[str, int]


def lines_of(log: EventLog) -> Iterator[Recorded]:
    """The whole log, by position."""
    after = 0
    while page := log.read(after, PAGE):
        yield from page
        after = page[-1].position


def figures_of(lines: Iterable[Recorded]) -> Figures:
    """Folds each case as the service does, and looks when its wait changes: however it ends, then,
    it is seen to end."""
    cases: dict[UUID, ExceptionCase] = {}
    began: dict[UUID, Recorded] = {}
    hand_offs, waited = 0, Counter[str]()
    for line in lines:
        if not isinstance(line.event, CaseEvent):
            continue
        before = cases.get(line.stream)
        after = cases[line.stream] = case_after(before, line)
        if isinstance(line.event, HandedOff):
            hand_offs += _is_hand_off(line.event)
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


def _is_hand_off(event: HandedOff) -> bool:
    queues = (event.from_queue, event.to_queue)
    return event.from_queue != event.to_queue and UNKNOWN_QUEUE not in queues
