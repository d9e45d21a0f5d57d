"""A simulation over the whole log, with all the cores there are: orders in batches, to processes that
stand back behind those that serve."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from itertools import islice
from uuid import UUID

import msgspec
from msgspec import Struct

from application.log.event_log import EventLog
from application.log.recorder import LogRecorder
from application.log.sealing import Seals
from application.policy.recheck import FIRST_EVENT_TYPE
from application.policy.simulation import SimulationScope, simulate
from domain.policy.document import PolicyDocument, canonical_json
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_counts import SimulationCounter
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.personal.key_ring import KeyRing
from infrastructure.personal.key_store import open_key_store
from infrastructure.postgres.datastore import Datastore

BATCH_SIZE = 200
MAX_ORDERS_IN_PROCESS = 400
"""So many orders are lived through sooner than a process is started."""
QUEUED_BATCHES_PER_PROCESS = 4
"""Batches for each process that wait for their turn."""
_NICENESS = 10
_GC_THRESHOLDS = (50_000, 20, 50)
"""Nearly everything is freed by counting."""
_PR_SET_PDEATHSIG = 1
Batch = tuple[int, Sequence[UUID]]
"""Orders, and the position up to which orders have begun with them."""


class SimulationStopped(Exception):
    """A process that simulated was killed."""


class RunProgress(Struct, frozen=True):
    """The log's position up to which orders have been lived through, and what was found so far."""

    position: int
    tally: SimulationCounter


def run_simulation(
    dsn: str,
    log: EventLog,
    asked: SimulationScope,
    processes: int | None = None,
    keys: str | None = None,
) -> Iterator[RunProgress]:
    """Live through every order that began by `asked.position`; the last tells of all of them. `keys`:
    where those of personal data lie.

    Raises SimulationStopped.
    """
    batches = _batches(log.recorder, asked.position)
    first = list(islice(batches, MAX_ORDERS_IN_PROCESS // BATCH_SIZE))
    found = SimulationCounter()
    for position, streams in first:
        found += simulate(log, streams, asked)
        yield RunProgress(position, found)
    if len(first) < MAX_ORDERS_IN_PROCESS // BATCH_SIZE:
        yield RunProgress(asked.position, found)
        return
    many = processes or min(os.cpu_count() or 1, 4)
    with ProcessPoolExecutor(
        many,
        multiprocessing.get_context("spawn"),
        _initialize_worker,
        (dsn, keys, _EncodedRequest.of(asked), os.getpid()),
    ) as pool:
        try:
            for position, tally in _run_in_order(
                pool.submit, batches, many * QUEUED_BATCHES_PER_PROCESS
            ):
                found += tally
                yield RunProgress(position, found)
        except BrokenProcessPool as broken:
            raise SimulationStopped(str(broken)) from broken
        finally:
            pool.shutdown(cancel_futures=True)
    yield RunProgress(asked.position, found)


def _batches(recorder: LogRecorder, until: int) -> Iterator[Batch]:
    after = 0
    while begun := recorder.select_beginnings(FIRST_EVENT_TYPE, after, BATCH_SIZE):
        after = begun[-1][0]
        streams = [stream for position, stream in begun if position <= until]
        if streams:
            yield min(after, until), streams
        if after > until:
            return


def _run_in_order(
    submit: Callable[..., Future[SimulationCounter]], batches: Iterator[Batch], ahead: int
) -> Iterator[tuple[int, SimulationCounter]]:
    waiting: deque[tuple[int, Future[SimulationCounter]]] = deque()
    for position, streams in batches:
        waiting.append((position, submit(_simulate, streams)))
        if len(waiting) >= ahead:
            position, future = waiting.popleft()
            yield position, future.result()
    for position, future in waiting:
        yield position, future.result()


class _EncodedRequest(Struct, frozen=True):
    """What is asked, as it goes to another process."""

    active: bytes
    proposed: bytes
    since: datetime
    until: datetime
    position: int

    @staticmethod
    def of(asked: SimulationScope) -> _EncodedRequest:
        return _EncodedRequest(
            canonical_json(asked.active.document),
            canonical_json(asked.proposed.document),
            asked.since,
            asked.until,
            asked.position,
        )

    def decode(self) -> SimulationScope:
        active, proposed = (
            Rulebook(msgspec.json.decode(packed, type=PolicyDocument))
            for packed in (self.active, self.proposed)
        )
        return SimulationScope(
            active=active,
            proposed=proposed,
            since=self.since,
            until=self.until,
            position=self.position,
        )


_WORKER_STATE: list[tuple[EventLog, SimulationScope]] = []


def _initialize_worker(dsn: str, keys: str | None, packed: _EncodedRequest, parent: int) -> None:
    """In a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    os.nice(_NICENESS)
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
    datastore = Datastore(dsn)
    seals = Seals(KeyRing(datastore, open_key_store(keys))) if keys is not None else None
    _WORKER_STATE.append((EventLog(PostgresLogRecorder(datastore), seals), packed.decode()))


def _simulate(streams: Sequence[UUID]) -> SimulationCounter:
    ((log, asked),) = _WORKER_STATE
    return simulate(log, streams, asked)
