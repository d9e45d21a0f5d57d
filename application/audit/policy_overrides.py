"""Finds policy decisions that a person overrode: the queue, the terms, a resolution, a task or a hold."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from application.cases.trail import fill_from_line
from domain.cases.case_parts import MANUAL_RULE
from domain.cases.events import Reopened, Resolved, Routed
from domain.cases.step_events import Held, HoldReleased, TaskCreated, TaskDropped
from domain.cases.work_events import HandedOff, Retermed
from domain.recorded_event import RecordedEvent

E = TypeVar("E")
_CANDIDATE_EVENTS = (HandedOff, Retermed, Reopened, Routed, TaskDropped, HoldReleased)


class PolicyOverride(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    shop: str | None
    who: str
    what: str
    """`queue`, `terms`, `resolution`, `task` or `hold`."""
    policy: str | None
    """The policy version of the overridden decision."""
    was: str
    now: str
    note: str


def may_be_override(line: RecordedEvent) -> bool:
    return line.actor.person is not None and isinstance(line.event, _CANDIDATE_EVENTS)


def find_policy_overrides(
    line: RecordedEvent, trail: Sequence[RecordedEvent]
) -> Iterator[PolicyOverride]:
    """The policy decisions that a person's line overrides; none if policy had not decided."""
    before = [x for x in trail if x.version < line.version]
    match line.event:
        case HandedOff(from_queue=was, to_queue=now, note=note) if was != now:
            routed = _last_event_of(before, Routed)
            policy = routed.decision.policy if routed is not None else None
            yield _policy_override(line, "queue", policy, was, now, note)
        case Routed(queue=queue, decision=decision) if decision.rule == MANUAL_RULE:
            yield _policy_override(
                line, "queue", decision.policy, "the queue that policy would choose", queue, ""
            )
        case Retermed(policy=policy, service=service, note=note):
            routed = _last_event_of(before, Routed)
            if routed is not None:
                decided = routed.decision.policy
                was = f"{routed.service or 'none'} of policy {decided}"
                now = f"{service} of policy {policy}"
                yield _policy_override(line, "terms", decided, was, now, note)
        case Reopened(decision=None, note=note):
            resolved = _last_event_of(before, Resolved)
            if resolved is not None and resolved.clearing is not None:
                decision = resolved.clearing
                yield _policy_override(
                    line, "resolution", decision.policy, decision.rule, "reopened", note
                )
        case TaskDropped(task=task, note=note):
            created = next((t for t in _events_of(before, TaskCreated) if t.task == task), None)
            if created is not None and created.policy is not None:
                yield _policy_override(line, "task", created.policy, created.title, "dropped", note)
        case HoldReleased(hold=hold, note=note):
            held = next((h for h in _events_of(before, Held) if h.hold == hold), None)
            if held is not None and held.policy is not None:
                yield _policy_override(
                    line, "hold", held.policy, f"{held.what} held", "released", note
                )


def _events_of(lines: Sequence[RecordedEvent], kind: type[E]) -> Iterator[E]:
    return (line.event for line in lines if isinstance(line.event, kind))


def _last_event_of(lines: Sequence[RecordedEvent], kind: type[E]) -> E | None:
    return next(_events_of(lines[::-1], kind), None)


def _policy_override(
    line: RecordedEvent, what: str, policy: str | None, was: str, now: str, note: str
) -> PolicyOverride:
    return fill_from_line(
        PolicyOverride, line, what=what, policy=policy, was=was, now=now, note=note
    )
