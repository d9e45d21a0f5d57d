"""What was proposed to be given to customers, as recorded history has it: for simulations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from application.log.event_log import EventLog
from application.policy.simulation import SimulationScope
from domain.adjustments.events import (
    AdjustmentEvent,
    AdjustmentLapsed,
    AdjustmentProposed,
    AdjustmentRejected,
    AdjustmentWithdrawn,
    ExecutionFailed,
)
from domain.orders.events import SignalRecorded
from domain.orders.facts import facts_of
from domain.orders.order import order_stream
from domain.policy.money_figures import PastProposal
from domain.recorded_event import RecordedEvent

BATCH_SIZE = 200
_ENDS = AdjustmentRejected | AdjustmentWithdrawn | AdjustmentLapsed | ExecutionFailed


def load_proposal_history(
    log: EventLog, cases: Sequence[UUID], asked: SimulationScope
) -> Iterator[PastProposal]:
    """The proposals in these cases, up to the period's end and the log's position, each on what was
    known of its order when it was made."""
    for some in (cases[n : n + BATCH_SIZE] for n in range(0, len(cases), BATCH_SIZE)):
        trails = log.trails(some)
        names = {line.order for lines in trails.values() for line in lines if line.order}
        orders = log.trails([order_stream(name) for name in names])
        for lines in trails.values():
            known = [line for line in lines if _is_in_period(line, asked)]
            for line in known:
                if isinstance(line.event, AdjustmentProposed):
                    told = orders.get(order_stream(line.order or ""), ())
                    yield _proposal(line, line.event, known, told)


def _proposal(
    line: RecordedEvent,
    event: AdjustmentProposed,
    trail: Sequence[RecordedEvent],
    order: Sequence[RecordedEvent],
) -> PastProposal:
    facts = facts_of(
        one.event.signal
        for one in order
        if isinstance(one.event, SignalRecorded) and one.position < line.position
    )
    return PastProposal(
        order=line.order or "",
        customer=facts.customer.id,
        tier=facts.customer.tier,
        kind=event.kind,
        reason=event.reason,
        amount=event.amount,
        at=line.recorded_at,
        ended_at=_ended_at(trail, event.adjustment),
        facts=facts,
    )


def _ended_at(trail: Sequence[RecordedEvent], adjustment: UUID) -> datetime | None:
    return next(
        (
            line.recorded_at
            for line in trail
            if isinstance(line.event, _ENDS) and line.event.adjustment == adjustment
        ),
        None,
    )


def _is_in_period(line: RecordedEvent, asked: SimulationScope) -> bool:
    is_money = isinstance(line.event, AdjustmentEvent)
    return is_money and line.position <= asked.position and line.recorded_at < asked.until
