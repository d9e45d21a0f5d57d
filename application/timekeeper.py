"""The timekeeper: takes the streams that are due and lets each look at the clock.

Several may run side by side: a stream is leased to one of them, and the append's optimistic
concurrency makes a second tick of the same moment impossible even when a lease runs out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.persistence import InterfaceError, OperationalError
from msgspec import structs

from application.log.event_log import EventLog, Write
from application.log.recorder import DueStream, VersionTaken
from application.log.repository import Repository
from application.log.streams import BREAK_GLASS, CASE, ORDER, break_glasses
from application.log.writes import timer_of, with_next_due, writes_of
from domain.break_glass import BreakGlass, passed
from domain.cases.detection import Response
from domain.cases.exception_case import ExceptionCase
from domain.cases.timers import look_at_clock
from domain.cases.timing import Staff
from domain.orders.order import Order
from domain.people import TIMEKEEPER
from domain.policy.rulebook import Rulebook

STORE_FAULTS = (OperationalError, InterfaceError)
"""Not the stream's fault: the store does not answer, and nothing can be ticked."""
LEASE = timedelta(seconds=15)
AT_ONCE = 200
_logger = logging.getLogger("casetrail.timekeeper")


class Timekeeper:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        rulebook: Callable[[], Rulebook],
        staff: Staff,
        also: Mapping[str, Callable[[UUID, datetime], None]] | None = None,
    ) -> None:
        """`also`: what ticks streams of other kinds, one by one."""
        self._also = also or {}
        self._log = log
        self._orders = orders
        self._cases = cases
        self._glasses = break_glasses(log)
        self._rulebook = rulebook
        self._staff = staff

    def tick_due(self, now: datetime, *, punctual: bool = False, most: int = AT_ONCE) -> int:
        """Tick up to `most` streams that are due at `now`; return how many were ticked.

        Each is decided as of `now`; with `punctual`, as of the moment at which it was due, as in
        a virtual time in which nobody is ever late. A stream that cannot be ticked is logged and
        left until its lease runs out: the others do not wait for it.
        """
        taken = self._log.recorder.take_due(now, most, LEASE)
        moments = {d.stream: d.due_at if punctual else now for d in taken}
        due = [d for d in taken if d.kind not in self._also]
        try:
            self._tick(due, moments)
            ticked = len(due)
        except STORE_FAULTS:
            raise
        except Exception:  # noqa: BLE001 - found out and told one by one
            ticked = sum(self._tick_alone(one, moments) for one in due)
        others = [d for d in taken if d.kind in self._also]
        return ticked + sum(self._tick_other(one, moments[one.stream]) for one in others)

    def _tick_other(self, due: DueStream, now: datetime) -> bool:
        try:
            self._also[due.kind](due.stream, now)
        except STORE_FAULTS:
            raise
        except Exception:
            _logger.exception("stream %s (%s), due %s", due.stream, due.kind, due.due_at)
            return False
        return True

    def _tick_alone(self, due: DueStream, moments: dict[UUID, datetime]) -> bool:
        """Tick one stream by what the log says now; False if that cannot be done."""
        try:
            self._look_again(due)
            self._tick([due], moments)
        except STORE_FAULTS:
            raise
        except VersionTaken:
            # Whoever moved it on has looked at the clock too; if not, its lease runs out.
            self._kept(due.kind).forget([due.stream])
            return False
        except Exception:
            _logger.exception("stream %s (%s), due %s", due.stream, due.kind, due.due_at)
            return False
        return True

    def _look_again(self, due: DueStream) -> None:
        """Forget what is at hand of it."""
        self._kept(due.kind).forget([due.stream])
        if due.kind != ORDER:
            return
        order = self._orders.at_hand([due.stream]).get(due.stream)
        if order is not None:
            self._cases.forget(ref.case for ref in order.cases.values())

    def _kept(self, kind: str) -> Repository[Any]:
        known: dict[str, Repository[Any]] = {CASE: self._cases, BREAK_GLASS: self._glasses}
        return known.get(kind, self._orders)

    def _tick(self, due: Sequence[DueStream], moments: dict[UUID, datetime]) -> None:
        unknown = {d.kind for d in due} - {ORDER, CASE, BREAK_GLASS}
        if unknown:
            raise LookupError(f"nothing ticks streams of kind {', '.join(sorted(unknown))}")
        writes: list[Write] = []
        responses = self._tick_orders([d for d in due if d.kind == ORDER], moments, writes)
        # An order's tick may have touched a case that is due by itself: one write for each stream.
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
    ) -> list[tuple[UUID, Response]]:
        orders = self._orders.at_hand([d.stream for d in due])
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        cases = self._cases.at_hand(refs) if refs else {}
        rulebook = self._rulebook()
        responses: list[tuple[UUID, Response]] = []
        for one in due:
            order = orders[one.stream]
            due_before = timer_of(order, rulebook)
            own = {ref.case: cases[ref.case] for ref in order.cases.values()}
            response = Response(order, own, rulebook, moments[one.stream], self._staff)
            response.tick()
            cause = f"due:{one.due_at.isoformat()}"
            told = writes_of(response, order, own, cause, moments[one.stream], TIMEKEEPER)
            # With nothing to tell, the timer is still set anew: it must not come up again.
            told = with_next_due(told, due_before, response.order, rulebook) or [
                _only_timer(
                    one, order.version, order.id, response.order.next_due(rulebook), moments
                )
            ]
            writes += told
            responses.append((one.stream, response))
        return responses

    def _tick_cases(
        self, due: Sequence[DueStream], moments: dict[UUID, datetime], writes: list[Write]
    ) -> list[ExceptionCase]:
        cases = self._cases.at_hand([d.stream for d in due])
        ticked = []
        for one in due:
            case, now = cases[one.stream], moments[one.stream]
            events, after = look_at_clock(case, now, self._staff)
            write = _only_timer(one, case.version, case.order, after.next_due, moments)
            writes.append(structs.replace(write, events=[(TIMEKEEPER, event) for event in events]))
            ticked.append(after)
        return ticked

    def _tick_glasses(
        self, due: Sequence[DueStream], moments: dict[UUID, datetime], writes: list[Write]
    ) -> list[BreakGlass]:
        glasses = self._glasses.at_hand([d.stream for d in due])
        ticked = []
        for one in due:
            glass, now = glasses[one.stream], moments[one.stream]
            events = passed(glass, now)
            after = glass
            for event in events:
                after = after.after(event, now, TIMEKEEPER)
            write = _only_timer(one, glass.version, None, after.next_due, moments)
            writes.append(structs.replace(write, events=[(TIMEKEEPER, event) for event in events]))
            ticked.append(after)
        return ticked


def _only_timer(
    due: DueStream,
    version: int,
    order: str | None,
    next_due: datetime | None,
    moments: dict[UUID, datetime],
) -> Write:
    return Write(
        stream=due.stream,
        kind=due.kind,
        expected=version,
        events=[],
        recorded_at=moments[due.stream],
        cause=f"due:{due.due_at.isoformat()}",
        order=order,
        next_due=next_due,
    )
