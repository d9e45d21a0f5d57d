"""Rechecks every open order under a policy that has just come into force.

It works in small batches, each a tick of the recheck's own stream. The worker that leased the stream's timer works
on it; if that worker dies, another one continues from the position in the log. Between batches, other due streams
are ticked.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct, structs

from application.log import streams
from application.log.caller import system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.streams import ORDER, RECHECK
from application.log.writes import writes_of
from application.policy.policy_desk import PolicyDesk
from domain.cases.detection import CaseDetection
from domain.cases.events import Detected, Reopened, SignalJoined
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import RoleMembers
from domain.errors import TooContended
from domain.orders.order import Order
from domain.orders.stage import open_passage
from domain.people import POLICY_ACTOR, TIMEKEEPER_ACTOR
from domain.policy.events import (
    PolicyRecheckAdvanced,
    PolicyRecheckBegan,
    RecheckEvent,
    recheck_stream,
)
from domain.policy.rechecks import Recheck
from domain.policy.rulebook import Rulebook

BATCH_SIZE = 100
MAX_PAGES = 5
"""How many batches of ended orders one tick may skip."""
PAUSE = timedelta(milliseconds=50)
ATTEMPTS = 20
FIRST_EVENT_TYPE = "order.signal_recorded"


class RecheckBatch(Struct, frozen=True):
    """The writes of one batch of orders, and its progress event."""

    writes: Sequence[Write]
    advanced: PolicyRecheckAdvanced


class RecheckDesk:
    def __init__(self, log: EventLog, policy: PolicyDesk, staff: RoleMembers) -> None:
        self._log = log
        self._policy = policy
        self._staff = staff

    def progress(self, digest: str) -> Recheck | None:
        """The newest recheck under this policy, if there is one."""
        changes = self._policy.governance.policy_changes()
        for change in reversed([change for change in changes if change.digest == digest]):
            recheck = load_recheck(self._log, recheck_stream(digest, change.at))
            if recheck is not None:
                return recheck
        return None

    def tick(self, stream: UUID, now: datetime) -> None:
        """Recheck the next batch, and set the timer for the one after it."""
        for attempt in range(ATTEMPTS):
            try:
                return self._tick(stream, now, max(BATCH_SIZE >> attempt, 1))
            except VersionTaken:
                continue  # another process wrote to one of these orders: try fewer, as they are now
        raise TooContended(f"{ATTEMPTS} attempts at a batch of {BATCH_SIZE} orders")

    def _tick(self, stream: UUID, now: datetime, most: int) -> None:
        governance = self._policy.refresh()
        recheck = load_recheck(self._log, stream)
        changes = governance.policy_changes()
        change = next((c for c in changes if recheck_stream(c.digest, c.at) == stream), None)
        if recheck is None:
            if change is None or change.before is None:  # the policy never came into force
                return self._keep(stream, Recheck(), [], None, now)
            began = PolicyRecheckBegan(
                digest=change.digest, before=change.before, until=self._log.head()
            )
            return self._keep(stream, Recheck(), [began], now, now)
        if recheck.finished_at is not None:
            return self._keep(stream, recheck, [], None, now)
        if change is None or any(change.at < other.at <= now for other in changes):
            return self._keep(stream, recheck, [recheck.finished(overtaken=True)], None, now)
        rulebook = self._policy.rulebook(governance.policies[change.digest])
        before = self._policy.rulebook(governance.policies[recheck.before])
        batch = self._recheck_batch(recheck, rulebook, before, now, most)
        if batch is None:
            return self._keep(stream, recheck, [recheck.finished()], None, now)
        self._keep(stream, recheck, [batch.advanced], now + PAUSE, now, batch.writes)

    def _recheck_batch(
        self, recheck: Recheck, rulebook: Rulebook, before: Rulebook, now: datetime, most: int
    ) -> RecheckBatch | None:
        """Recheck the next open orders; None if no orders are left."""
        writes: list[Write] = []
        position, seen, opened, cleared, changed = recheck.position, 0, 0, 0, 0
        by = system_caller(POLICY_ACTOR, now, f"policy:{rulebook.digest[:16]}")
        for _ in range(MAX_PAGES):
            page = self._page(position, recheck.until, most)
            if not page or seen:
                break
            position = page[-1][0]
            wanted = [stream for _, stream in page]
            for stream, order, own in self._load_open_orders(wanted, before):
                seen += 1
                response = CaseDetection(order, own, rulebook, now, self._staff)
                response.recheck()
                decided = writes_of(response, order, own, by.cause, now, POLICY_ACTOR)
                due = response.order.next_due(rulebook)
                changed += bool(decided) or due != order.next_due(before)
                # Without events, only the timer of the order may change.
                first, *others = decided or [by.write(stream, ORDER, order.version, [], order.id)]
                writes += [structs.replace(first, next_due=due), *others]
                for event in (e for events in response.case_events.values() for e in events):
                    opened += isinstance(event, Detected | Reopened)
                    cleared += isinstance(event, SignalJoined) and event.clearing is not None
        if position == recheck.position:
            return None
        advanced = PolicyRecheckAdvanced(
            position=position, orders=seen, opened=opened, cleared=cleared, changed=changed
        )
        return RecheckBatch(writes, advanced)

    def _page(self, after: int, until: int, most: int) -> Sequence[tuple[int, UUID]]:
        begun = self._log.recorder.select_beginnings(FIRST_EVENT_TYPE, after, most)
        return [(position, stream) for position, stream in begun if position <= until]

    def _load_open_orders(
        self, wanted: Sequence[UUID], before: Rulebook
    ) -> Iterator[tuple[UUID, Order, dict[UUID, ExceptionCase]]]:
        """The open orders as the log has them; not cached, so that caches keep the orders in use."""
        orders = streams.orders(self._log).current(wanted)
        refs = [ref.case for order in orders.values() for ref in order.cases.values()]
        cases = streams.cases(self._log).current(refs) if refs else {}
        for stream, order in orders.items():
            own = {ref.case: cases[ref.case] for ref in order.cases.values()}
            if is_open(order, own, before):
                yield stream, order, own

    def _keep(
        self,
        stream: UUID,
        recheck: Recheck,
        events: Sequence[RecheckEvent],
        next_due: datetime | None,
        now: datetime,
        writes: Sequence[Write] = (),
    ) -> None:
        by = system_caller(TIMEKEEPER_ACTOR, now, "policy")
        own = by.write(stream, RECHECK, recheck.version, events, next_due=next_due)
        self._log.append([own, *writes])


def load_recheck(log: EventLog, stream: UUID) -> Recheck | None:
    """The state of a recheck; None if it has not begun."""
    recheck = None
    for line in log.trail(stream):
        recheck = streams.recheck_after(recheck, line)
    return recheck


def is_open(order: Order, cases: dict[UUID, ExceptionCase], before: Rulebook) -> bool:
    """Whether the order is open: not at the end of its stages, or still due, or with a case that is not
    resolved."""
    return (
        open_passage(order.passages(before)) is not None
        or order.next_due(before) is not None
        or any(not case.is_resolved for case in cases.values())
    )
