"""The log in memory: for tests of decisions, and for simulations that store nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from application.log import recorder
from domain.adjustments.kinds import Duty


class InMemoryLogRecorder(POPOApplicationRecorder, recorder.LogRecorder):
    def __init__(self) -> None:
        super().__init__()
        self._commands: dict[tuple[str, str], recorder.StoredCommand] = {}
        self._timers: dict[UUID, recorder.Timer] = {}
        self.subjects: list[recorder.SubjectRow] = []
        self.keys: list[recorder.KeyRow] = []
        self.references: set[recorder.ReferenceRow] = set()
        self._duties: dict[tuple[UUID, str], Duty] = {}
        self._positions: defaultdict[UUID, list[int]] = defaultdict(list)

    def append(self, append: recorder.Append) -> int:
        with self._database_lock:
            command = append.command
            if command and (stored := self._commands.get((command.principal, command.key))):
                raise recorder.CommandRepeated(stored)
            before = self.head()
            for guard in append.guards:
                if len(self._positions[guard.stream]) > guard.version:
                    raise recorder.VersionTaken(f"stream {guard.stream} is not at {guard.version}")
            self._require_no_gaps(append.events)
            duties = self._duties_after(append.duties)
            try:
                self.insert_events(append.events)
            except IntegrityError as error:
                raise recorder.VersionTaken(str(error)) from error
            self._duties = duties
            self.subjects += append.subjects
            self.keys += append.keys
            self.references.update(append.references)
            for timer in append.timers:
                if timer.due_at is None:
                    self._timers.pop(timer.stream, None)
                else:
                    self._timers[timer.stream] = timer
            if command:
                self._commands[command.principal, command.key] = recorder.StoredCommand(
                    command.digest, command.result, self.head()
                )
            return before + 1 if append.events else before

    def _duties_after(self, rows: Sequence[recorder.DutyRow]) -> dict[tuple[UUID, str], Duty]:
        duties = {**self._duties} if rows else self._duties
        for row in rows:
            if duties.setdefault((row.case, row.person), row.duty) is not row.duty:
                raise recorder.DutyTaken(row)
        return duties

    def _require_no_gaps(self, events: Sequence[StoredEvent]) -> None:
        brought = {(event.originator_id, event.originator_version) for event in events}
        for event in events:
            earlier = event.originator_version - 1
            known = self._stored_events_index[str(event.originator_id)]
            if (
                earlier > 0
                and earlier not in known
                and (event.originator_id, earlier) not in brought
            ):
                raise IntegrityError(
                    f"stream {event.originator_id} has no version {earlier} to follow"
                )

    def _update_table(
        self, stored_events: Sequence[StoredEvent], **kwargs: object
    ) -> Sequence[int] | None:
        positions = super()._update_table(stored_events, **kwargs)
        for event, position in zip(stored_events, positions or (), strict=True):
            assert isinstance(event.originator_id, UUID)
            self._positions[event.originator_id].append(position)
        return positions

    def command(self, principal: str, key: str) -> recorder.StoredCommand | None:
        return self._commands.get((principal, key))

    def select_references(
        self, wanted: Sequence[tuple[str, str]]
    ) -> Sequence[recorder.ReferenceRow]:
        asked = set(wanted)
        with self._database_lock:
            return [row for row in self.references if (row.kind, row.value) in asked]

    def select_keys(self, name: str) -> Sequence[str]:
        with self._database_lock:
            return [row.key for row in self.keys if row.order == name]

    def has_referring_signals(self) -> bool:
        with self._database_lock:
            return any(row.kind in ("signal", "found") for row in self.references)

    def select_streams(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        with self._database_lock:
            return [
                (position, self._stored_events[position - 1].state)
                for stream in sorted(set(streams))
                for position in self._positions[stream]
            ]

    def select_tails(self, known: Sequence[tuple[UUID, int]]) -> Iterable[tuple[int, bytes]]:
        with self._database_lock:
            return [
                (position, self._stored_events[position - 1].state)
                for stream, version in known
                for position in self._positions[stream][version:]
            ]

    def select_ends(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        with self._database_lock:
            ends = [self._positions[stream][-1:] for stream in sorted(set(streams))]
            return [(n, self._stored_events[n - 1].state) for end in ends for n in end]

    def select_positions(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        with self._database_lock:
            events = self._stored_events[after : after + limit]
            return [(after + n, event.state) for n, event in enumerate(events, start=1)]

    def select_beginnings(self, topic: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        with self._database_lock:
            begun = (
                (position, event.originator_id)
                for position, event in enumerate(self._stored_events[after:], start=after + 1)
                if event.originator_version == 1 and event.topic == topic
            )
            return [(p, s) for p, s in islice(begun, limit) if isinstance(s, UUID)]

    def head(self) -> int:
        return self.max_notification_id() or 0

    def select_timers(self, streams: Sequence[UUID]) -> dict[UUID, datetime]:
        with self._database_lock:
            timers = [self._timers[stream] for stream in streams if stream in self._timers]
            return {one.stream: one.due_at for one in timers if one.due_at is not None}

    def take_due(self, now: datetime, limit: int, lease: timedelta) -> Sequence[recorder.DueStream]:
        """Streams that are due. No lease: one process alone uses this log."""
        with self._database_lock:
            due = [t for t in self._timers.values() if t.due_at is not None and t.due_at <= now]
            due.sort(key=lambda timer: timer.due_at or now)
            newest = recorder.newest_share(limit)
            if len(due) > limit:
                due = [*due[: limit - newest], *due[len(due) - newest :]]
            return [recorder.DueStream(t.stream, t.kind, t.due_at or now) for t in due]
