"""Past proposals of adjustments, from recorded history, for simulations."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from application.cases.history import facts_before, signals_before
from application.log.event_log import EventLog
from application.policy.order_pasts import SimulationScope
from domain.adjustments.events import (
    AdjustmentEvent,
    AdjustmentLapsed,
    AdjustmentProposed,
    AdjustmentRejected,
    AdjustmentWithdrawn,
    ExecutionFailed,
)
from domain.adjustments.identities import find_identities, text_to_digest
from domain.orders.order import order_stream
from domain.policy.money_figures import PastProposal
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

BATCH_SIZE = 200
_ENDS = AdjustmentRejected | AdjustmentWithdrawn | AdjustmentLapsed | ExecutionFailed


def load_proposal_history(
    log: EventLog, cases: Sequence[UUID], scope: SimulationScope
) -> Iterator[PastProposal]:
    """The proposals in these cases within the scope, each with the facts of its order at that time."""
    for batch in (cases[n : n + BATCH_SIZE] for n in range(0, len(cases), BATCH_SIZE)):
        trails = log.trails(batch)
        names = {line.order for lines in trails.values() for line in lines if line.order}
        orders = log.trails([order_stream(name) for name in names])
        for lines in trails.values():
            known = [line for line in lines if _is_in_scope(line, scope)]
            for line in known:
                if isinstance(line.event, AdjustmentProposed):
                    order = orders.get(order_stream(line.order or ""), ())
                    yield _proposal(log, line, line.event, known, order)


def _proposal(
    log: EventLog,
    line: RecordedEvent,
    event: AdjustmentProposed,
    trail: Sequence[RecordedEvent],
    order: Sequence[RecordedEvent],
) -> PastProposal:
    facts = facts_before(order, line.position)
    return fill(
        PastProposal,
        event,
        facts.customer,
        order=line.order or "",
        customer=facts.customer.id,
        at=line.recorded_at,
        ended_at=_ended_at(trail, event.adjustment),
        facts=facts,
        proposer=line.actor.person,
        identities=tuple(
            (kind, log.subject_of(text_to_digest(kind, value)))
            for kind, value in find_identities(signals_before(order, line.position))
        ),
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


def _is_in_scope(line: RecordedEvent, scope: SimulationScope) -> bool:
    is_money = isinstance(line.event, AdjustmentEvent)
    return is_money and line.position <= scope.position and line.recorded_at < scope.until
