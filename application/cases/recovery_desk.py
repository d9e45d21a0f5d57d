"""Queues that fall behind: measured again and again, and the plans to recover them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import RECOVERY
from domain.access_errors import NotInScope
from domain.backlog import recovery as plans
from domain.backlog.errors import RecoveryChanged, RecoveryNotFound
from domain.backlog.events import Measured, RecoveryEvent
from domain.backlog.recovery import (
    AddAction,
    CompleteAction,
    OwnPlan,
    Recovery,
    look_at_backlog,
    recovery_stream,
)
from domain.people import POLICY, Actor
from domain.permissions import Permission
from domain.policy.rulebook import Rulebook

Measure = Callable[[], tuple[int, Mapping[str, Measured]]]
"""The log's position, and every queue that holds any work as it was there."""


class Planned(Struct, frozen=True):
    """The recovery after the command, and the log's position."""

    recovery: Recovery
    position: int


class RecoveryDesk:
    def __init__(
        self,
        log: EventLog,
        recoveries: Repository[Recovery],
        rulebook: Callable[[], Rulebook],
        measure: Measure,
    ) -> None:
        self._log = log
        self._recoveries = recoveries
        self._rulebook = rulebook
        self._measure = measure

    def look(self, now: datetime) -> int:
        """Measure every queue; return how many plans began or ended."""
        rulebook = self._rulebook()
        queues = rulebook.document.queues
        limits = {name: queue.backlog for name, queue in queues.items() if queue.backlog}
        streams = {name: recovery_stream(name) for name in queues}
        # As the log has them: somebody may have taken a plan over since we last looked.
        known = self._recoveries.current(list(streams.values()))
        if not limits and not known:
            return 0
        position, measured = self._measure()
        changed = 0
        for name, stream in streams.items():
            recovery = known.get(stream, Recovery(queue=name))
            found = look_at_backlog(
                recovery,
                name,
                limits,
                queues[name].owner_team,
                rulebook.version,
                measured.get(name, Measured(position=position, cases=0)),
                now,
            )
            if found:
                try:
                    self._record(recovery, found, POLICY, now, f"measured:{position}")
                except VersionTaken:  # somebody was faster; the next look decides anew
                    continue
                changed += 1
        return changed

    def recovery(self, queue: str) -> Recovery:
        """The queue's newest plan as the log has it. Raises RecoveryNotFound."""
        stream = recovery_stream(queue)
        found = self._recoveries.current([stream]).get(stream)
        if found is None:
            raise RecoveryNotFound(f"queue {queue} has never had a plan to recover")
        return found

    def own(self, queue: str, expected: int, ask: OwnPlan, by: Caller) -> Planned:
        return self._act(queue, expected, by, lambda recovery: plans.own(recovery, ask))

    def add_action(self, queue: str, expected: int, ask: AddAction, by: Caller) -> Planned:
        return self._act(queue, expected, by, lambda recovery: plans.add_action(recovery, ask))

    def complete_action(
        self, queue: str, expected: int, ask: CompleteAction, by: Caller
    ) -> Planned:
        return self._act(queue, expected, by, lambda recovery: plans.complete_action(recovery, ask))

    def _act(
        self,
        queue: str,
        expected: int,
        by: Caller,
        decide: Callable[[Recovery], RecoveryEvent],
    ) -> Planned:
        by = _as_reached(queue, by)
        recovery = self.recovery(queue)
        if recovery.version != expected:
            raise self._changed(queue, expected)
        try:
            return self._record(recovery, [decide(recovery)], by.actor, by.now, by.cause, by)
        except VersionTaken:
            raise self._changed(queue, expected) from None

    def _record(
        self,
        recovery: Recovery,
        events: Sequence[RecoveryEvent],
        actor: Actor,
        now: datetime,
        cause: str,
        by: Caller | None = None,
    ) -> Planned:
        after = recovery
        for event in events:
            after = after.after(event, now)
        stream = recovery_stream(recovery.queue)
        write = Write(
            stream=stream,
            kind=RECOVERY,
            expected=recovery.version,
            events=[(actor, event) for event in events],
            recorded_at=now,
            cause=cause,
        )
        row = by.row(after) if by is not None and by.row is not None else None
        appended = self._log.append([write], row)
        self._recoveries.keep(stream, after)
        return Planned(after, appended.position)

    def _changed(self, queue: str, expected: int) -> RecoveryChanged:
        version = self.recovery(queue).version
        return RecoveryChanged(
            f"you named version {expected}, the plan is at version {version}", version=version
        )


def _as_reached(queue: str, by: Caller) -> Caller:
    """A plan is about all of its queue's cases. Raises NotInScope."""
    scope = by.authority.whole_queue(Permission.MANAGE_BACKLOG, queue)
    if scope is None:
        told = f"{by.person} has no grant that reaches all of queue {queue}"
        raise NotInScope(told, permission=Permission.MANAGE_BACKLOG)
    return by.under(scope)
