"""After another policy has begun to decide: every order that is open is looked at under it.

In small batches, each a tick of a stream of its own: whoever holds that stream's timer works on it,
others do not, and if it dies the next one goes on from where the log says it was. Between batches
what is due otherwise has its turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct, structs

from application.log import streams
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import ORDER, RECHECK
from application.log.writes import writes_of
from application.policy.policy_desk import PolicyDesk
from domain.cases.detection import Response
from domain.cases.events import Detected, Reopened, SignalJoined
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import Staff
from domain.errors import TooContended
from domain.orders.order import Order, order_stream
from domain.people import POLICY, TIMEKEEPER
from domain.policy.events import (
    PolicyRecheckAdvanced,
    PolicyRecheckBegan,
    RecheckEvent,
    recheck_stream,
)
from domain.policy.governance import Turn
from domain.policy.rechecks import Recheck
from domain.policy.rulebook import Rulebook

AT_ONCE = 100
MOST_PAGES = 5
"""Orders that have come to their end are passed over, so many batches of them in one tick."""
PAUSE = timedelta(milliseconds=50)
ATTEMPTS = 20
BEGINS_WITH = "order.signal_recorded"


class Looked(Struct, frozen=True):
    """What a look at some orders leads to."""

    writes: Sequence[Write]
    advanced: PolicyRecheckAdvanced


class RecheckDesk:
    def __init__(self, log: EventLog, policy: PolicyDesk, staff: Staff) -> None:
        self._log = log
        self._policy = policy
        self._staff = staff

    def progress(self, digest: str) -> Recheck | None:
        """Of the newest look that this policy has brought with it, if there is one."""
        turns = [turn for turn in self._policy.governance.turns() if turn.digest == digest]
        for turn in reversed(turns):
            recheck = self._recheck(recheck_stream(digest, turn.at))
            if recheck is not None:
                return recheck
        return None

    def tick(self, stream: UUID, now: datetime) -> None:
        """Look at the next batch, and ask for the one after it."""
        for attempt in range(ATTEMPTS):
            try:
                return self._tick(stream, now, max(AT_ONCE >> attempt, 1))
            except VersionTaken:
                continue  # somebody works on one of these orders: fewer of them, as they are now
        raise TooContended(f"{ATTEMPTS} attempts at a batch of {AT_ONCE} orders")

    def _tick(self, stream: UUID, now: datetime, most: int) -> None:
        governance = self._policy.refresh()
        recheck = self._recheck(stream)
        turns = governance.turns()
        turn = next((t for t in turns if recheck_stream(t.digest, t.at) == stream), None)
        if recheck is None:
            if turn is None or turn.before is None:  # what was to decide then never did
                return self._keep(stream, Recheck(), [], None, now)
            began = PolicyRecheckBegan(
                digest=turn.digest, before=turn.before, until=self._log.head()
            )
            return self._keep(stream, Recheck(), [began], now, now)
        if recheck.finished_at is not None:
            return self._keep(stream, recheck, [], None, now)
        if turn is None or self._is_over(turn, turns, now):
            return self._keep(stream, recheck, [recheck.finished(overtaken=True)], None, now)
        rulebook = self._policy.rulebook(governance.policies[turn.digest])
        before = self._policy.rulebook(governance.policies[recheck.before])
        looked = self._look(recheck, rulebook, before, now, most)
        if looked is None:
            return self._keep(stream, recheck, [recheck.finished()], None, now)
        self._keep(stream, recheck, [looked.advanced], now + PAUSE, now, looked.writes)

    @staticmethod
    def _is_over(turn: Turn, turns: Sequence[Turn], now: datetime) -> bool:
        return any(turn.at < other.at <= now for other in turns)

    def _look(
        self, recheck: Recheck, rulebook: Rulebook, before: Rulebook, now: datetime, most: int
    ) -> Looked | None:
        """None if there are no orders left."""
        writes: list[Write] = []
        position, seen, opened, cleared, changed = recheck.position, 0, 0, 0, 0
        cause = f"policy:{rulebook.digest[:16]}"
        for _ in range(MOST_PAGES):
            page = self._page(position, recheck.until, most)
            if not page or seen:
                break
            position = page[-1][0]
            for order, own in self._open_of([stream for _, stream in page], before):
                seen += 1
                response = Response(order, own, rulebook, now, self._staff)
                response.look_again()
                told = writes_of(response, order, own, cause, now, POLICY)
                due = response.order.next_due(rulebook)
                changed += bool(told) or due != order.next_due(before)
                first, *others = told or [_nothing(order, now, cause)]
                writes += [structs.replace(first, next_due=due), *others]
                for event in (e for events in response.case_events.values() for e in events):
                    opened += isinstance(event, Detected | Reopened)
                    cleared += isinstance(event, SignalJoined) and event.clearing is not None
        if position == recheck.position:
            return None
        advanced = PolicyRecheckAdvanced(
            position=position, orders=seen, opened=opened, cleared=cleared, changed=changed
        )
        return Looked(writes, advanced)

    def _page(self, after: int, until: int, most: int) -> Sequence[tuple[int, UUID]]:
        begun = self._log.recorder.select_beginnings(BEGINS_WITH, after, most)
        return [(position, stream) for position, stream in begun if position <= until]

    def _open_of(
        self, wanted: Sequence[UUID], before: Rulebook
    ) -> Iterator[tuple[Order, dict[UUID, ExceptionCase]]]:
        """As the log has them, and kept by nobody: what others have at hand is what is worked on."""
        orders = streams.orders(self._log).current(wanted)
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        cases = streams.cases(self._log).current(refs) if refs else {}
        for order in orders.values():
            own = {ref.case: cases[ref.case] for ref in order.cases.values()}
            if is_open(order, own, before):
                yield order, own

    def _recheck(self, stream: UUID) -> Recheck | None:
        recheck = None
        for line in self._log.trail(stream):
            recheck = streams.recheck_after(recheck, line)
        return recheck

    def _keep(
        self,
        stream: UUID,
        recheck: Recheck,
        events: Sequence[RecheckEvent],
        next_due: datetime | None,
        now: datetime,
        writes: Sequence[Write] = (),
    ) -> None:
        own = Write(
            stream=stream,
            kind=RECHECK,
            expected=recheck.version,
            events=[(TIMEKEEPER, event) for event in events],
            recorded_at=now,
            cause="policy",
            next_due=next_due,
        )
        self._log.append([own, *writes])


def is_open(order: Order, cases: dict[UUID, ExceptionCase], before: Rulebook) -> bool:
    """Whether anything can still become of it: it has not come to its end, something was expected
    of it, or one of its cases is worked on."""
    ended = order.facts.milestones.delivered_at or order.facts.milestones.cancelled_at
    return (
        ended is None
        or order.next_due(before) is not None
        or any(not case.is_resolved for case in cases.values())
    )


def _nothing(order: Order, now: datetime, cause: str) -> Write:
    """Nothing is to be said of it: only what is waited for may be another moment."""
    return Write(
        stream=order_stream(order.id),
        kind=ORDER,
        expected=order.version,
        events=[],
        recorded_at=now,
        cause=cause,
        order=order.id,
    )
