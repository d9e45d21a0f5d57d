"""What was proposed to be given to customers, as recorded history has it: for simulations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from application.log.event_log import EventLog
from application.policy.simulation import Asked
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
from domain.policy.money_figures import Proposal
from domain.recorded import Recorded

AT_ONCE = 200
_ENDS = AdjustmentRejected | AdjustmentWithdrawn | AdjustmentLapsed | ExecutionFailed


def past_proposals(log: EventLog, cases: Sequence[UUID], asked: Asked) -> Iterator[Proposal]:
    """The proposals in these cases, up to the period's end and the log's position, each on what was
    known of its order when it was made."""
    for some in (cases[n : n + AT_ONCE] for n in range(0, len(cases), AT_ONCE)):
        trails = log.trails(some)
        names = {line.order for lines in trails.values() for line in lines if line.order}
        orders = log.trails([order_stream(name) for name in names])
        for lines in trails.values():
            known = [line for line in lines if _is_within(line, asked)]
            for line in known:
                if isinstance(line.event, AdjustmentProposed):
                    told = orders.get(order_stream(line.order or ""), ())
                    yield _proposal(line, line.event, known, told)


def _proposal(
    line: Recorded,
    event: AdjustmentProposed,
    trail: Sequence[Recorded],
    order: Sequence[Recorded],
) -> Proposal:
    facts = facts_of(
        one.event.signal
        for one in order
        if isinstance(one.event, SignalRecorded) and one.position < line.position
    )
    return Proposal(
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


def _ended_at(trail: Sequence[Recorded], adjustment: UUID) -> datetime | None:
    return next(
        (
            line.recorded_at
            for line in trail
            if isinstance(line.event, _ENDS) and line.event.adjustment == adjustment
        ),
        None,
    )


def _is_within(line: Recorded, asked: Asked) -> bool:
    is_money = isinstance(line.event, AdjustmentEvent)
    return is_money and line.position <= asked.position and line.recorded_at < asked.until
