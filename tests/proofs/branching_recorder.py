"""Logs in memory that can go back to an earlier state, to try every act on every state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.log.recorder import DutyRow, Timer
from domain.adjustments.kinds import Duty
from infrastructure.event_store.in_memory import InMemoryLogRecorder


class RecorderState(NamedTuple):
    """A saved state of a log."""

    length: int
    duties: dict[tuple[UUID, str], Duty]
    timers: dict[UUID, Timer]


class BranchingRecorder(InMemoryLogRecorder):
    """The log in memory with all of its refusals."""

    def place(self) -> RecorderState:
        # Duties are never changed in place: each append that adds some makes a new mapping.
        return RecorderState(len(self._stored_events), self._duties, dict(self._timers))

    def back_to(self, place: RecorderState) -> None:
        while len(self._stored_events) > place.length:
            event = self._stored_events.pop()
            assert isinstance(event.originator_id, UUID)
            del self._stored_events_index[str(event.originator_id)][event.originator_version]
            self._positions[event.originator_id].pop()
        self._duties, self._timers = place.duties, dict(place.timers)

    def since(self, place: RecorderState) -> Sequence[StoredEvent]:
        return self._stored_events[place.length :]

    def go_on(self, events: Sequence[StoredEvent], place: RecorderState) -> None:
        """Go to the state after these events, which were accepted when they were stored."""
        self._update_table(events)
        self._duties, self._timers = place.duties, dict(place.timers)


class WithoutDuties(BranchingRecorder):
    """The same without the database rule: a person may take any duties."""

    def _duties_after(self, rows: Sequence[DutyRow]) -> dict[tuple[UUID, str], Duty]:
        return self._duties
