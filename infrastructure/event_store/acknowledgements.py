"""Acknowledges stored groups once the standbys have flushed them, on a thread of its own: the next group is
stored meanwhile."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final

from eventsourcing.persistence import OperationalError

from infrastructure.event_store.pending_append import PendingAppend
from infrastructure.postgres.standbys import StandbyGate, waits_for

WAIT_SECONDS: Final = 2.0
AT_ONCE_SECONDS: Final = 0.001
StoredGroup = tuple[Sequence[PendingAppend], int]
"""A group, and the position before its first event."""


class Acknowledgements:
    """Calls `answer` for each stored group in order, after the standbys have flushed it."""

    def __init__(
        self, gate: StandbyGate, answer: Callable[[Sequence[PendingAppend], int], None]
    ) -> None:
        self._gate = gate
        self._answer = answer
        self._stored: queue.SimpleQueue[StoredGroup | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unanswered = 0
        """Groups that were handed to the thread. Until they are answered, none is answered before them."""
        self._thread = threading.Thread(target=self._run, name="acknowledgements", daemon=True)
        self._thread.start()

    def put(self, group: Sequence[PendingAppend], base: int, commit: str, names: str) -> None:
        """Answer the group at once if the standbys have it: where PostgreSQL waited for them itself, by its
        settings `synchronous_commit` and `synchronous_standby_names`, or at the first look. The callers' next
        appends then make one group again. Otherwise it is answered later."""
        if not self._unanswered and (
            waits_for(self._gate.standbys, commit, names)
            or self._gate.wait(AT_ONCE_SECONDS, quietly=True)
        ):
            self._answer(group, base)
            return
        with self._lock:
            self._unanswered += 1
        self._stored.put((group, base))

    def close(self) -> None:
        """Answer what is stored, and end."""
        self._stored.put(None)
        self._thread.join()
        self._gate.close()

    def _run(self) -> None:
        while (first := self._stored.get()) is not None:
            groups, is_last = [first], False
            while not self._stored.empty():  # one look at the standbys serves all that waits
                following = self._stored.get()
                if following is None:
                    is_last = True
                    break
                groups.append(following)
            if self._gate.wait(WAIT_SECONDS):
                for group, base in groups:
                    self._answer(group, base)
            else:
                self._leave_unknown(groups)
            with self._lock:
                self._unanswered -= len(groups)
            if is_last:
                return

    def _leave_unknown(self, groups: Sequence[StoredGroup]) -> None:
        """Stored here, but a promoted standby may lack it: the caller learns by a retry what holds."""
        for group, _ in groups:
            for pending in group:
                pending.fail(
                    OperationalError(
                        f"the standbys {self._gate.standbys} have not confirmed it within "
                        f"{WAIT_SECONDS:g} s; send it again with the same key"
                    )
                )
