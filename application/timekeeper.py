"""The timekeeper: takes the streams that are due, and records what time brings to each.

Several timekeepers may run at once. A stream is leased to one of them, and the append's optimistic concurrency
prevents a second tick of the same moment even when a lease expires.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.persistence import InterfaceError, OperationalError

from application.log.caller import system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import DueStream, VersionTaken
from application.log.repository import Repository
from application.log.streams import BREAK_GLASS, CASE, ORDER, break_glasses
from application.log.writes import known_timer_of, with_next_due, writes_of
from domain.break_glass import BreakGlass, find_due_events
from domain.cases.detection import CaseDetection
from domain.cases.exception_case import ExceptionCase
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.orders.order import Order
from domain.people import TIMEKEEPER_ACTOR
from domain.policy.rulebook import Rulebook
from domain.recorded_event import Event

CompleteOrders = Callable[[Sequence[tuple[Order, datetime]]], bool]
"""Records what these orders lack by these moments; says whether anything was recorded."""
STORE_ERRORS = (OperationalError, InterfaceError)
"""The database does not answer, so no stream can be ticked."""
LEASE = timedelta(seconds=15)
BATCH_SIZE = 200
_logger = logging.getLogger("casetrail.timekeeper")


class Timekeeper:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        rulebook: Callable[[], Rulebook],
        staff: RoleMembers,
        also: Mapping[str, Callable[[UUID, datetime], None]] | None = None,
        complete: CompleteOrders | None = None,
    ) -> None:
        """`also` ticks streams of other kinds, by kind, one by one. `complete` records what due orders lack,
        since a process died before it could."""
        self._also = also or {}
        self._complete = complete
        self._log = log
        self._orders = orders
        self._cases = cases
        self._glasses = break_glasses(log)
        self._rulebook = rulebook
        self._staff = staff

    def tick_due(self, now: datetime, *, punctual: bool = False, most: int = BATCH_SIZE) -> int:
        """Tick up to `most` streams that are due at `now`; return how many were ticked.

        Each is decided at `now`; with `punctual`, at the moment when it was due, as in simulated time. A
        stream that cannot be ticked is logged, and comes back when its lease expires; others go on.
        """
        leased = self._log.recorder.take_due(now, most, LEASE)
        moments = {d.stream: d.due_at if punctual else now for d in leased}
        due = [d for d in leased if d.kind not in self._also]
        try:
            self._tick(due, moments)
            ticked = len(due)
        except STORE_ERRORS:
            raise
        except Exception:  # noqa: BLE001 - ticking them one by one finds and logs the cause
            ticked = sum(self._tick_alone(timer, moments) for timer in due)
        others = [d for d in leased if d.kind in self._also]
        return ticked + sum(self._tick_other(timer, moments[timer.stream]) for timer in others)

    def _tick_other(self, due: DueStream, now: datetime) -> bool:
        try:
            self._also[due.kind](due.stream, now)
        except STORE_ERRORS:
            raise
        except Exception:
            _logger.exception("stream %s (%s), due %s", due.stream, due.kind, due.due_at)
            return False
        return True

    def _tick_alone(self, due: DueStream, moments: dict[UUID, datetime]) -> bool:
        """Tick one stream by what the log has now; False if that fails."""
        try:
            self._evict(due)
            self._tick([due], moments)
        except STORE_ERRORS:
            raise
        except VersionTaken:
            # The writer of the new version has set the timer too; if not, the lease expires.
            self._kept(due.kind).forget([due.stream])
            return False
        except Exception:
            _logger.exception("stream %s (%s), due %s", due.stream, due.kind, due.due_at)
            return False
        return True

    def _evict(self, due: DueStream) -> None:
        """Forget the cached states of the stream, and of an order's cases."""
        self._kept(due.kind).forget([due.stream])
        if due.kind != ORDER:
            return
        order = self._orders.cached([due.stream]).get(due.stream)
        if order is not None:
            self._cases.forget(ref.case for ref in order.cases.values())

    def _kept(self, kind: str) -> Repository[Any]:
        known: dict[str, Repository[Any]] = {CASE: self._cases, BREAK_GLASS: self._glasses}
        return known.get(kind, self._orders)

    def _tick(self, due: Sequence[DueStream], moments: dict[UUID, datetime]) -> None:
        unknown = {d.kind for d in due} - {ORDER, CASE, BREAK_GLASS}
        if unknown:
            raise LookupError(f"no ticker for streams of kind {', '.join(sorted(unknown))}")
        writes: list[Write] = []
        responses = self._tick_orders([d for d in due if d.kind == ORDER], moments, writes)
        # The tick of an order may have changed a case that is due too: one write for each stream.
        touched = {write.stream for write in writes if write.events}
        alone = [d for d in due if d.kind == CASE and d.stream not in touched]
        cases = self._tick_cases(alone, moments, writes)
        glasses = self._tick_glasses([d for d in due if d.kind == BREAK_GLASS], moments, writes)
        self._log.append(writes)
        for stream, response in responses:
            self._orders.keep(stream, response.order)
            for case_id in response.case_events:
                self._cases.keep(case_id, response.cases[case_id])
        for case in cases:
            self._cases.keep(case.id, case)
        for glass in glasses:
            self._glasses.keep(glass.id, glass)

    def _tick_orders(
        self, due: Sequence[DueStream], moments: dict[UUID, datetime], writes: list[Write]
    ) -> list[tuple[UUID, CaseDetection]]:
        orders = self._orders.cached([d.stream for d in due])
        if self._complete is not None and self._complete(
            [(orders[timer.stream], moments[timer.stream]) for timer in due]
        ):
            orders = self._orders.cached([d.stream for d in due])
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        cases = self._cases.cached(refs) if refs else {}
        rulebook = self._rulebook()
        responses: list[tuple[UUID, CaseDetection]] = []
        for timer in due:
            order = orders[timer.stream]
            due_before = known_timer_of(order, rulebook)
            own = {ref.case: cases[ref.case] for ref in order.cases.values()}
            response = CaseDetection(order, own, rulebook, moments[timer.stream], self._staff)
            response.tick()
            cause = f"due:{timer.due_at.isoformat()}"
            own_writes = writes_of(
                response, order, own, cause, moments[timer.stream], TIMEKEEPER_ACTOR
            )
            # Without events, the timer is still set, or the stream would be due again at once.
            writes += with_next_due(own_writes, due_before, response.order, rulebook) or [
                _tick_write(
                    timer, order.version, order.id, response.order.next_due(rulebook), moments
                )
            ]
            responses.append((timer.stream, response))
        return responses

    def _tick_cases(
        self, due: Sequence[DueStream], moments: dict[UUID, datetime], writes: list[Write]
    ) -> list[ExceptionCase]:
        cases = self._cases.cached([d.stream for d in due])
        ticked = []
        for timer in due:
            case, now = cases[timer.stream], moments[timer.stream]
            events, after = apply_due_events(case, now, self._staff)
            writes.append(
                _tick_write(timer, case.version, case.order, after.next_due, moments, events)
            )
            ticked.append(after)
        return ticked

    def _tick_glasses(
        self, due: Sequence[DueStream], moments: dict[UUID, datetime], writes: list[Write]
    ) -> list[BreakGlass]:
        glasses = self._glasses.cached([d.stream for d in due])
        ticked = []
        for timer in due:
            glass, now = glasses[timer.stream], moments[timer.stream]
            events = find_due_events(glass, now)
            after = glass
            for event in events:
                after = after.after(event, now, TIMEKEEPER_ACTOR)
            writes.append(_tick_write(timer, glass.version, None, after.next_due, moments, events))
            ticked.append(after)
        return ticked


def _tick_write(
    due: DueStream,
    version: int,
    order: str | None,
    next_due: datetime | None,
    moments: dict[UUID, datetime],
    events: Sequence[Event] = (),
) -> Write:
    by = system_caller(TIMEKEEPER_ACTOR, moments[due.stream], f"due:{due.due_at.isoformat()}")
    return by.write(due.stream, due.kind, version, events, order, next_due)
