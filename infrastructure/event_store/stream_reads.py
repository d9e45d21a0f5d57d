"""Reads of many guests at once: what was asked for while the last read was under way is read together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from uuid import UUID

from infrastructure.event_loops import THREADS, LoopGreenlet

Row = tuple[int, bytes]
"""Position and state of an event."""
ReadStreams = Callable[[Sequence[UUID]], Iterable[tuple[UUID, int, bytes]]]
"""The streams' events, each stream's in order of version, each with its stream."""
MOST_STREAMS: Final = 500


class BatchedStreamReads:
    """Of one event loop; all but `rows` happens in its thread."""

    def __init__(self, read: ReadStreams) -> None:
        self._read = read
        self._asked: list[tuple[Sequence[UUID], asyncio.Future[list[Row]]]] = []
        self._is_reading = False

    def rows(self, streams: Sequence[UUID], asking: LoopGreenlet) -> list[Row]:
        """Raises what the read raises."""
        future: asyncio.Future[list[Row]] = asking.waiting.future()
        self._asked.append((streams, future))
        if not self._is_reading:
            self._is_reading = True
            # In this turn of the loop others may ask as well.
            asking.waiting.loop.call_soon(self._next)
        return asking.wait_for(future)

    def _next(self) -> None:
        together, most = [], 0
        while self._asked and most < MOST_STREAMS:
            together.append(self._asked.pop(0))
            most += len(together[-1][0])
        if not together:
            self._is_reading = False
            return
        wanted = list({stream for streams, _ in together for stream in streams})
        reading = THREADS.run(lambda: list(self._read(wanted)))

        def tell(done: asyncio.Future[list[tuple[UUID, int, bytes]]]) -> None:
            _deliver(together, done)
            self._next()

        reading.add_done_callback(tell)


def _deliver(
    together: Sequence[tuple[Sequence[UUID], asyncio.Future[list[Row]]]],
    done: asyncio.Future[list[tuple[UUID, int, bytes]]],
) -> None:
    error = done.exception()
    found: dict[UUID, list[Row]] = {}
    if error is None:
        for stream, position, state in done.result():
            found.setdefault(stream, []).append((position, state))
    for streams, future in together:
        if future.done():
            continue  # cancelled meanwhile
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result([row for one in dict.fromkeys(streams) for row in found.get(one, ())])
