"""Batches that wait are recorded together.

While one batch is decided on and stored, others arrive. The next one takes all of them: the signals of
one order are then decided on once, and stored in one transaction. So a busy service does less for each
signal, and an idle one records each batch at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from eventsourcing.persistence import PersistenceError
from msgspec import structs

from application.orders.batches import Arrival
from application.orders.receipts import IntakeResult
from domain.people import Actor

MOST_SIGNALS: Final = 1_000
"""In batches that are recorded together; one batch may have more."""
Record = Callable[[Sequence[Arrival], Actor], IntakeResult]


class _Waiting:
    """A batch, and its result once it has one."""

    def __init__(self, arrivals: Sequence[Arrival], actor: Actor) -> None:
        self.arrivals = arrivals
        self.actor = actor
        self.result: IntakeResult | None = None
        self.error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self.result is not None or self.error is not None


class WaitingBatches:
    def __init__(self, record: Record) -> None:
        """`record` stores a batch of one sender whole, or nothing of it."""
        self._record = record
        self._turn = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._lock = threading.Lock()

    def record(self, arrivals: Sequence[Arrival], actor: Actor) -> IntakeResult:
        """Record a batch, together with others that wait. Raises what `record` raises."""
        own = _Waiting(arrivals, actor)
        with self._lock:
            self._waiting.append(own)
        with self._turn:
            while not own.is_done:
                self._record_next()
        if own.error is not None:
            raise own.error
        assert own.result is not None
        return own.result

    def _record_next(self) -> None:
        """Record the batch that waits longest, and later ones of the same sender."""
        together = self._take_next()
        if len(together) > 1:
            try:
                self._record_together(together)
            except PersistenceError as error:  # each by itself would get the same answer
                for batch in together:
                    batch.error = error
            except Exception:  # noqa: BLE001 - one batch is at fault: the others do not suffer from it
                self._record_each(together)
        else:
            self._record_each(together)

    def _take_next(self) -> list[_Waiting]:
        with self._lock:
            found = [self._waiting.popleft()]
            size = len(found[0].arrivals)
            while self._waiting:
                following = self._waiting[0]
                size += len(following.arrivals)
                if following.actor != found[0].actor or size > MOST_SIGNALS:
                    break
                found.append(self._waiting.popleft())
        return found

    def _record_together(self, batches: Sequence[_Waiting]) -> None:
        # What is decided on together has one time: that of the last arrival.
        at = max(arrival.received_at for batch in batches for arrival in batch.arrivals)
        every = [
            structs.replace(arrival, received_at=at)
            for batch in batches
            for arrival in batch.arrivals
        ]
        whole = self._record(every, batches[0].actor)
        first = 0
        for batch in batches:
            last = first + len(batch.arrivals)
            batch.result = IntakeResult(whole.position, whole.receipts[first:last])
            first = last

    def _record_each(self, batches: Sequence[_Waiting]) -> None:
        for batch in batches:
            try:
                batch.result = self._record(batch.arrivals, batch.actor)
            except BaseException as error:  # noqa: BLE001 - raised to the sender of the batch
                batch.error = error
