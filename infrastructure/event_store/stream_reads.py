"""Batched stream reads: requests that arrive during one read share the next one."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from uuid import UUID

from infrastructure.event_loops import THREADS, LoopGreenlet

Row = tuple[int, bytes]
"""Position and state of an event."""
ReadStreams = Callable[[Sequence[UUID]], Iterable[tuple[UUID, int, bytes]]]
"""Reads the events of streams, as (stream, position, state), each stream in order of version."""
MOST_STREAMS: Final = 500


class BatchedStreamReads:
    """The reads of one event loop. All but `rows` runs in the loop's thread."""

    def __init__(self, read: ReadStreams) -> None:
        self._read = read
        self._requests: list[tuple[Sequence[UUID], asyncio.Future[list[Row]]]] = []
        self._is_reading = False

    def rows(self, streams: Sequence[UUID], caller: LoopGreenlet) -> list[Row]:
        """The events of these streams. Raises what the read raises."""
        future: asyncio.Future[list[Row]] = caller.waiting.future()
        self._requests.append((streams, future))
        if not self._is_reading:
            self._is_reading = True
            # Later in this turn of the loop, other requests may join.
            caller.waiting.loop.call_soon(self._next)
        return caller.wait_for(future)

    def _next(self) -> None:
        batch, count = [], 0
        while self._requests and count < MOST_STREAMS:
            batch.append(self._requests.pop(0))
            count += len(batch[-1][0])
        if not batch:
            self._is_reading = False
            return
        wanted = list({stream for streams, _ in batch for stream in streams})
        reading = THREADS.run(lambda: list(self._read(wanted)))

        def finish(done: asyncio.Future[list[tuple[UUID, int, bytes]]]) -> None:
            _deliver(batch, done)
            self._next()

        reading.add_done_callback(finish)


def _deliver(
    batch: Sequence[tuple[Sequence[UUID], asyncio.Future[list[Row]]]],
    done: asyncio.Future[list[tuple[UUID, int, bytes]]],
) -> None:
    error = done.exception()
    found: dict[UUID, list[Row]] = {}
    if error is None:
        for stream, position, state in done.result():
            found.setdefault(stream, []).append((position, state))
    for streams, future in batch:
        if future.done():
            continue  # cancelled meanwhile
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result([row for key in dict.fromkeys(streams) for row in found.get(key, ())])
