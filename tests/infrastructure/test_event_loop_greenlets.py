"""Greenlets wait for the log in the thread of the event loop without blocking the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from infrastructure.event_loops import (
    THREADS,
    LoopGreenlet,
    WorkerThreads,
    current_greenlet,
    run_blocking,
    run_in_greenlet,
)
from infrastructure.event_store.stream_reads import MOST_STREAMS, BatchedStreamReads

LONG = 5.0


def thread_id() -> int:
    return threading.get_ident()


def test_a_greenlet_runs_in_the_thread_of_the_loop_and_returns_its_result() -> None:
    async def main() -> None:
        assert await run_in_greenlet(thread_id) == thread_id()
        assert await run_in_greenlet(lambda: None) is None

    asyncio.run(main())


def test_an_exception_of_a_greenlet_is_raised_where_it_is_awaited() -> None:
    def work() -> None:
        run_blocking(lambda: None)
        raise LookupError("nothing there")

    async def main() -> None:
        with pytest.raises(LookupError, match="nothing there"):
            await run_in_greenlet(work)

    asyncio.run(main())


def test_a_blocking_call_runs_in_another_thread_while_the_loop_continues() -> None:
    asked, ended = threading.Event(), threading.Event()

    def blocks() -> int:
        asked.set()
        assert ended.wait(LONG)
        return thread_id()

    async def main() -> None:
        waiting = asyncio.create_task(run_in_greenlet(lambda: run_blocking(blocks)))
        while not asked.is_set():
            await asyncio.sleep(0)
        ended.set()  # the loop runs while the greenlet waits
        assert await waiting != thread_id()

    asyncio.run(main())


def test_an_exception_in_the_thread_is_raised_in_the_greenlet() -> None:
    def work() -> str:
        with pytest.raises(ZeroDivisionError):
            run_blocking(lambda: 1 // 0)
        return "went on"

    async def main() -> None:
        assert await run_in_greenlet(work) == "went on"

    asyncio.run(main())


def test_a_worker_thread_has_no_greenlet() -> None:
    assert current_greenlet() is None
    assert run_blocking(thread_id) == thread_id()

    async def main() -> None:
        assert isinstance(await run_in_greenlet(current_greenlet), LoopGreenlet)
        assert await THREADS.run(current_greenlet) is None

    asyncio.run(main())


def test_greenlets_wait_at_the_same_time() -> None:
    together = threading.Barrier(8)

    async def main() -> None:
        found = [
            run_in_greenlet(lambda: run_blocking(lambda: together.wait(LONG))) for _ in range(8)
        ]
        assert sorted(await asyncio.gather(*found)) == list(range(8))

    asyncio.run(main())


def test_a_cancelled_greenlet_ends_and_others_continue() -> None:
    held, let_go = threading.Event(), threading.Event()
    ended = []

    def work() -> None:
        try:
            run_blocking(lambda: held.set() or let_go.wait(LONG))
        finally:
            ended.append(True)

    async def main() -> None:
        waiting = asyncio.create_task(run_in_greenlet(work))
        while not held.is_set():
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert ended == [True]
        let_go.set()
        assert await run_in_greenlet(lambda: run_blocking(lambda: 7)) == 7

    asyncio.run(main())


def test_no_more_threads_run_than_allowed() -> None:
    threads = WorkerThreads(most=3)
    at_work: list[int] = []
    lock = threading.Lock()
    most = 0

    def work() -> None:
        nonlocal most
        with lock:
            at_work.append(1)
            most = max(most, len(at_work))
        time.sleep(0.002)
        with lock:
            at_work.pop()

    async def main() -> None:
        await asyncio.gather(*(threads.run(work) for _ in range(60)))

    asyncio.run(main())
    assert 1 <= most <= 3


class Log:
    """Streams whose events contain the stream's id; `asked` lists the batches that were read."""

    def __init__(self) -> None:
        self.asked: list[list[UUID]] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def read(self, streams: Sequence[UUID]) -> Iterator[tuple[UUID, int, bytes]]:
        self.asked.append(list(streams))
        assert self.gate.wait(LONG)
        if self.error is not None:
            raise self.error
        for stream in streams:
            yield stream, stream.int % 1000, stream.bytes
            yield stream, stream.int % 1000 + 1, stream.bytes


def rows(stream: UUID) -> list[tuple[int, bytes]]:
    return [(stream.int % 1000, stream.bytes), (stream.int % 1000 + 1, stream.bytes)]


async def ask(reads: BatchedStreamReads, *streams: UUID) -> list[tuple[int, bytes]]:
    def work() -> list[tuple[int, bytes]]:
        asking = current_greenlet()
        assert asking is not None
        return reads.rows(streams, asking)

    return await run_in_greenlet(work)


def test_reads_in_one_turn_of_the_loop_are_batched() -> None:
    log = Log()
    reads = BatchedStreamReads(log.read)
    streams = [uuid4() for _ in range(6)]

    async def main() -> None:
        found = await asyncio.gather(
            *(ask(reads, one) for one in streams), ask(reads, *streams[:2])
        )
        assert found == [*map(rows, streams), [*rows(streams[0]), *rows(streams[1])]]
        assert await ask(reads, streams[0], streams[0]) == rows(streams[0])
        assert await ask(reads) == []

    asyncio.run(main())
    assert [len(asked) for asked in log.asked] == [6, 1, 0]


def test_a_request_during_a_read_waits_for_the_next_read() -> None:
    log = Log()
    reads = BatchedStreamReads(log.read)
    first, second = uuid4(), uuid4()

    async def main() -> None:
        log.gate.clear()
        one = asyncio.create_task(ask(reads, first))
        while not log.asked:
            await asyncio.sleep(0)
        others = [asyncio.create_task(ask(reads, first)), asyncio.create_task(ask(reads, second))]
        await asyncio.sleep(0.01)
        assert len(log.asked) == 1
        log.gate.set()
        assert await one == rows(first)
        assert await asyncio.gather(*others) == [rows(first), rows(second)]

    asyncio.run(main())
    assert [set(asked) for asked in log.asked] == [{first}, {first, second}]


def test_all_callers_of_a_failed_read_get_its_exception() -> None:
    log = Log()
    reads = BatchedStreamReads(log.read)
    stream = uuid4()

    async def main() -> None:
        log.error = ConnectionError("gone")
        failed = await asyncio.gather(
            ask(reads, stream), ask(reads, uuid4()), return_exceptions=True
        )
        assert [str(one) for one in failed] == ["gone", "gone"]
        log.error = None
        assert await ask(reads, stream) == rows(stream)

    asyncio.run(main())


def test_many_requests_are_read_in_several_batches() -> None:
    log = Log()
    reads = BatchedStreamReads(log.read)
    streams = [uuid4() for _ in range(2 * MOST_STREAMS + 10)]

    async def main() -> None:
        found = await asyncio.gather(*(ask(reads, one) for one in streams))
        assert found == [*map(rows, streams)]

    asyncio.run(main())
    assert [len(asked) for asked in log.asked] == [MOST_STREAMS, MOST_STREAMS, 10]
