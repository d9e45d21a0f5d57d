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
from application.policy.recheck import BEGINS_WITH
from application.policy.simulation import Asked, simulate
from domain.policy.document import PolicyDocument, canonical
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_counts import Tally
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.personal.key_ring import KeyRing
from infrastructure.personal.key_store import key_store
from infrastructure.postgres.datastore import Datastore

AT_ONCE = 200
FEW = 400
"""So many orders are lived through sooner than a process is started."""
AHEAD = 4
"""Batches for each process that wait for their turn."""
_BEHIND = 10
_COLLECT_AFTER = (50_000, 20, 50)
"""Nearly everything is freed by counting."""
_PR_SET_PDEATHSIG = 1
Batch = tuple[int, Sequence[UUID]]
"""Orders, and the position up to which orders have begun with them."""


class SimulationStopped(Exception):
    """A process that simulated was killed."""


class Progress(Struct, frozen=True):
    """The log's position up to which orders have been lived through, and what was found so far."""

    position: int
    tally: Tally


def run_simulation(
    dsn: str, log: EventLog, asked: Asked, processes: int | None = None, keys: str | None = None
) -> Iterator[Progress]:
    """Live through every order that began by `asked.position`; the last tells of all of them. `keys`:
    where those of personal data lie.

    Raises SimulationStopped.
    """
    batches = _batches(log.recorder, asked.position)
    first = list(islice(batches, FEW // AT_ONCE))
    found = Tally()
    for position, streams in first:
        found += simulate(log, streams, asked)
        yield Progress(position, found)
    if len(first) < FEW // AT_ONCE:
        yield Progress(asked.position, found)
        return
    many = processes or min(os.cpu_count() or 1, 4)
    with ProcessPoolExecutor(
        many,
        multiprocessing.get_context("spawn"),
        _begin,
        (dsn, keys, _Packed.of(asked), os.getpid()),
    ) as pool:
        try:
            for position, tally in _in_order(pool.submit, batches, many * AHEAD):
                found += tally
                yield Progress(position, found)
        except BrokenProcessPool as broken:
            raise SimulationStopped(str(broken)) from broken
        finally:
            pool.shutdown(cancel_futures=True)
    yield Progress(asked.position, found)


def _batches(recorder: LogRecorder, until: int) -> Iterator[Batch]:
    after = 0
    while begun := recorder.select_beginnings(BEGINS_WITH, after, AT_ONCE):
        after = begun[-1][0]
        streams = [stream for position, stream in begun if position <= until]
        if streams:
            yield min(after, until), streams
        if after > until:
            return


def _in_order(
    submit: Callable[..., Future[Tally]], batches: Iterator[Batch], ahead: int
) -> Iterator[tuple[int, Tally]]:
    waiting: deque[tuple[int, Future[Tally]]] = deque()
    for position, streams in batches:
        waiting.append((position, submit(_simulate, streams)))
        if len(waiting) >= ahead:
            position, future = waiting.popleft()
            yield position, future.result()
    for position, future in waiting:
        yield position, future.result()


class _Packed(Struct, frozen=True):
    """What is asked, as it goes to another process."""

    active: bytes
    proposed: bytes
    since: datetime
    until: datetime
    position: int

    @staticmethod
    def of(asked: Asked) -> _Packed:
        return _Packed(
            canonical(asked.active.document),
            canonical(asked.proposed.document),
            asked.since,
            asked.until,
            asked.position,
        )

    def unpacked(self) -> Asked:
        active, proposed = (
            Rulebook(msgspec.json.decode(packed, type=PolicyDocument))
            for packed in (self.active, self.proposed)
        )
        return Asked(
            active=active,
            proposed=proposed,
            since=self.since,
            until=self.until,
            position=self.position,
        )


_HERE: list[tuple[EventLog, Asked]] = []


def _begin(dsn: str, keys: str | None, packed: _Packed, parent: int) -> None:
    """In a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    os.nice(_BEHIND)
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
    datastore = Datastore(dsn)
    seals = Seals(KeyRing(datastore, key_store(keys))) if keys is not None else None
    _HERE.append((EventLog(PostgresLogRecorder(datastore), seals), packed.unpacked()))


def _simulate(streams: Sequence[UUID]) -> Tally:
    ((log, asked),) = _HERE
    return simulate(log, streams, asked)
