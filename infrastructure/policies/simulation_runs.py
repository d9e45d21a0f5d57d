"""Runs a simulation over the whole log on all cores: batches of orders in processes with a lower
priority than the service."""

import copyreg
import ctypes
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from uuid import UUID

import msgspec
from msgspec import Struct

from application.log.event_log import EventLog
from application.log.recorder import LogRecorder
from application.log.sealing import Seals
from application.policy.order_pasts import SimulationScope
from application.policy.recheck import FIRST_EVENT_TYPE
from application.policy.simulation import simulate
from domain.policy.document import PolicyDocument, canonical_json
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_counts import SimulationCounter
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.garbage_collection import tune_garbage_collection
from infrastructure.personal.key_ring import KeyRing
from infrastructure.personal.key_store import open_key_store
from infrastructure.postgres.datastore import Datastore

BATCH_SIZE = 200
MAX_ORDERS_IN_PROCESS = 400
"""Up to this many orders are simulated faster than a process starts."""
QUEUED_BATCHES_PER_PROCESS = 4
"""Batches that wait, for each process."""
_NICENESS = 10
_PR_SET_PDEATHSIG = 1
Batch = tuple[int, Sequence[UUID]]
"""A position, and the orders up to it that no earlier batch has."""


class SimulationStopped(Exception):
    """A process of the simulation was killed."""


class RunProgress(Struct, frozen=True):
    """The position up to which orders were simulated, and the counts so far."""

    position: int
    tally: SimulationCounter


def run_simulation(
    dsn: str,
    log: EventLog,
    scope: SimulationScope,
    processes: int | None = None,
    keys: str | None = None,
) -> Iterator[RunProgress]:
    """Simulate every order that began by `scope.position`; the last progress has the whole result.
    `keys`: the place of the keys of personal data. Raises SimulationStopped."""
    batches = _batches(log.recorder, scope.position)
    first = list(islice(batches, MAX_ORDERS_IN_PROCESS // BATCH_SIZE))
    found = SimulationCounter()
    for position, streams in first:
        found += simulate(log, streams, scope)
        yield RunProgress(position, found)
    if len(first) < MAX_ORDERS_IN_PROCESS // BATCH_SIZE:
        yield RunProgress(scope.position, found)
        return
    processes = processes or min(os.cpu_count() or 1, 4)
    with ProcessPoolExecutor(
        processes,
        multiprocessing.get_context("spawn"),
        _initialize_worker,
        (dsn, keys, scope, os.getpid()),
    ) as pool:
        try:
            for position, tally in _run_in_order(
                pool.submit, batches, processes * QUEUED_BATCHES_PER_PROCESS
            ):
                found += tally
                yield RunProgress(position, found)
        except BrokenProcessPool as broken:
            raise SimulationStopped(str(broken)) from broken
        finally:
            pool.shutdown(cancel_futures=True)
    yield RunProgress(scope.position, found)


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


_WORKER_STATE: list[tuple[EventLog, SimulationScope]] = []


def _decode_rulebook(packed: bytes) -> Rulebook:
    return Rulebook(msgspec.json.decode(packed, type=PolicyDocument))


# A compiled policy goes to another process as its document, which is compiled there.
copyreg.pickle(Rulebook, lambda book: (_decode_rulebook, (canonical_json(book.document),)))


def _initialize_worker(dsn: str, keys: str | None, scope: SimulationScope, parent: int) -> None:
    """Set up a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    os.nice(_NICENESS)
    tune_garbage_collection()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
    datastore = Datastore(dsn)
    seals = Seals(KeyRing(datastore, open_key_store(keys))) if keys is not None else None
    _WORKER_STATE.append((EventLog(PostgresLogRecorder(datastore), seals), scope))


def _simulate(streams: Sequence[UUID]) -> SimulationCounter:
    ((log, scope),) = _WORKER_STATE
    return simulate(log, streams, scope)
