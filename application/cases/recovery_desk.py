"""Measures the backlog of every queue, and manages the recovery plans of queues that fall behind."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from application.log.caller import Caller, system_caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import RECOVERY
from domain.access_errors import NotInScope
from domain.backlog import recovery as plans
from domain.backlog.errors import RecoveryChanged, RecoveryNotFound
from domain.backlog.events import BacklogMeasurement, RecoveryEvent
from domain.backlog.recovery import (
    AddAction,
    AssignPlanOwner,
    CompleteAction,
    Recovery,
    decide_recovery,
    recovery_stream,
)
from domain.people import POLICY_ACTOR
from domain.permissions import Permission
from domain.policy.rulebook import Rulebook

MeasureQueues = Callable[[], tuple[int, Mapping[str, BacklogMeasurement]]]
"""The log's position, and the measurement of every queue with work at that position."""


class RecoveryResult(Struct, frozen=True):
    """The recovery after the command, and the log's position."""

    recovery: Recovery
    position: int


class RecoveryDesk:
    def __init__(
        self,
        log: EventLog,
        recoveries: Repository[Recovery],
        rulebook: Callable[[], Rulebook],
        measure: MeasureQueues,
    ) -> None:
        self._log = log
        self._recoveries = recoveries
        self._rulebook = rulebook
        self._measure = measure

    def look(self, now: datetime) -> int:
        """Measure every queue, and begin or end plans; return for how many queues."""
        rulebook = self._rulebook()
        queues = rulebook.document.queues
        limits = {name: queue.backlog for name, queue in queues.items() if queue.backlog}
        streams = {name: recovery_stream(name) for name in queues}
        # As the log has them: somebody may have changed a plan since the last look.
        known = self._recoveries.current(list(streams.values()))
        if not limits and not known:
            return 0
        position, measured = self._measure()
        changed = 0
        for name, stream in streams.items():
            recovery = known.get(stream, Recovery(queue=name))
            found = decide_recovery(
                recovery,
                name,
                limits,
                queues[name].owner_team,
                rulebook.version,
                measured.get(name, BacklogMeasurement(position=position, cases=0)),
                now,
            )
            if found:
                try:
                    self._record(
                        recovery, found, system_caller(POLICY_ACTOR, now, f"measured:{position}")
                    )
                except VersionTaken:  # another process was faster; the next look decides again
                    continue
                changed += 1
        return changed

    def recovery(self, queue: str) -> Recovery:
        """The queue's newest plan as the log has it. Raises RecoveryNotFound."""
        stream = recovery_stream(queue)
        found = self._recoveries.current([stream]).get(stream)
        if found is None:
            raise RecoveryNotFound(f"queue {queue} has never had a recovery plan")
        return found

    def own(self, queue: str, expected: int, ask: AssignPlanOwner, by: Caller) -> RecoveryResult:
        return self._act(queue, expected, by, lambda recovery: plans.assign_owner(recovery, ask))

    def add_action(self, queue: str, expected: int, ask: AddAction, by: Caller) -> RecoveryResult:
        return self._act(queue, expected, by, lambda recovery: plans.add_action(recovery, ask))

    def complete_action(
        self, queue: str, expected: int, ask: CompleteAction, by: Caller
    ) -> RecoveryResult:
        return self._act(queue, expected, by, lambda recovery: plans.complete_action(recovery, ask))

    def _act(
        self, queue: str, expected: int, by: Caller, decide: Callable[[Recovery], RecoveryEvent]
    ) -> RecoveryResult:
        by = _caller_in_scope(queue, by)
        recovery = self.recovery(queue)
        if recovery.version != expected:
            raise self._changed(queue, expected)
        try:
            return self._record(recovery, [decide(recovery)], by)
        except VersionTaken:
            raise self._changed(queue, expected) from None

    def _record(
        self, recovery: Recovery, events: Sequence[RecoveryEvent], by: Caller
    ) -> RecoveryResult:
        after = recovery
        for event in events:
            after = after.after(event, by.now)
        stream = recovery_stream(recovery.queue)
        write = by.write(stream, RECOVERY, recovery.version, events)
        appended = self._log.append([write], by.row_of(after))
        self._recoveries.keep(stream, after)
        return RecoveryResult(after, appended.position)

    def _changed(self, queue: str, expected: int) -> RecoveryChanged:
        version = self.recovery(queue).version
        return RecoveryChanged(
            f"you named version {expected}, but the plan is at version {version}", version=version
        )


def _caller_in_scope(queue: str, by: Caller) -> Caller:
    """The caller with a grant over the whole queue, since a plan is about all of its cases. Raises
    NotInScope."""
    scope = by.authority.scope_over_whole_queue(Permission.MANAGE_BACKLOG, queue)
    if scope is None:
        raise NotInScope(
            f"{by.person} has no grant over the whole queue {queue}",
            permission=Permission.MANAGE_BACKLOG,
        )
    return by.under(scope)
