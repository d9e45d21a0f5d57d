"""Decisions of policy that a person set aside: where it sent a case, its terms, what it asked for, what
it held, and what it had taken for solved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from application.cases.trail import who
from domain.cases.events import Reopened, Resolved, Routed
from domain.cases.opening import BY_HAND
from domain.cases.step_events import Held, HoldReleased, TaskCreated, TaskDropped
from domain.cases.work_events import HandedOff, Retermed
from domain.recorded import Recorded

E = TypeVar("E")
_CANDIDATES = (HandedOff, Retermed, Reopened, Routed, TaskDropped, HoldReleased)


class SetAside(Struct, frozen=True, kw_only=True):
    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    who: str
    what: str
    """`queue`, `terms`, `resolution`, `task` or `hold`."""
    policy: str | None
    """The version that had decided."""
    was: str
    now: str
    note: str


def candidate(line: Recorded) -> bool:
    return line.actor.person is not None and isinstance(line.event, _CANDIDATES)


def set_aside(line: Recorded, trail: Sequence[Recorded]) -> Iterator[SetAside]:
    """What a person's line in the trail of its case set aside; nothing, if policy had not decided it."""
    before = [one for one in trail if one.version < line.version]
    match line.event:
        case HandedOff(from_queue=was, to_queue=now, note=note) if was != now:
            routed = _last(before, Routed)
            policy = routed.decision.policy if routed is not None else None
            yield _told(line, "queue", policy, was, now, note)
        case Routed(queue=queue, decision=decision) if decision.rule == BY_HAND:
            yield _told(line, "queue", decision.policy, "what policy would route to", queue, "")
        case Retermed(policy=policy, service=service, note=note):
            routed = _last(before, Routed)
            if routed is not None:
                decided = routed.decision.policy
                told = f"{routed.service or 'none'} of policy {decided}"
                yield _told(line, "terms", decided, told, f"{service} of policy {policy}", note)
        case Reopened(decision=None, note=note):
            resolved = _last(before, Resolved)
            if resolved is not None and resolved.clearing is not None:
                decision = resolved.clearing
                yield _told(line, "resolution", decision.policy, decision.rule, "reopened", note)
        case TaskDropped(task=task, note=note):
            created = next((t for t in _all(before, TaskCreated) if t.task == task), None)
            if created is not None and created.policy is not None:
                yield _told(line, "task", created.policy, created.title, "dropped", note)
        case HoldReleased(hold=hold, note=note):
            held = next((h for h in _all(before, Held) if h.hold == hold), None)
            if held is not None and held.policy is not None:
                yield _told(line, "hold", held.policy, f"{held.what} held", "released", note)
        case _:
            return


def _all(lines: Sequence[Recorded], kind: type[E]) -> Iterator[E]:
    return (line.event for line in lines if isinstance(line.event, kind))


def _last(lines: Sequence[Recorded], kind: type[E]) -> E | None:
    return next(_all(lines[::-1], kind), None)


def _told(line: Recorded, what: str, policy: str | None, was: str, now: str, note: str) -> SetAside:
    return SetAside(
        position=line.position,
        recorded_at=line.recorded_at,
        case=line.stream,
        order=line.order,
        who=who(line.actor),
        what=what,
        policy=policy,
        was=was,
        now=now,
        note=note,
    )
