"""What a batch of signals leads to for one order: its events, those of its cases, and the receipts."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from msgspec import Struct, UnsetType

from application.log.event_log import Write
from application.log.writes import known_timer_of, with_next_due, writes_of
from application.orders.batches import OrderBatch, group_by_time, split_accepted
from application.orders.look_ups import LookUpResult
from application.orders.receipts import AffectedCase, Receipt, SignalOutcome, notices_of
from domain.cases.detection import CaseDetection
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import RoleMembers
from domain.orders.order import Order, order_stream
from domain.people import TIMEKEEPER_ACTOR, Actor
from domain.policy.rulebook import Rulebook


class OrderOutcome(Struct, frozen=True):
    """What a batch leads to for one order: the writes, and the states after them."""

    stream: UUID
    order: Order
    cases: Mapping[UUID, ExceptionCase]
    changed: Sequence[UUID]
    writes: Sequence[Write]


def decide_order(
    unit: OrderBatch,
    before: Order,
    cases: Mapping[UUID, ExceptionCase],
    looked_up: LookUpResult,
    rulebook: Rulebook,
    receipts: list[Receipt],
    actor: Actor,
    staff: RoleMembers,
) -> OrderOutcome:
    """Record the batch's signals of one order and decide on them; fill in their receipts."""
    order = before
    due_before = known_timer_of(before, rulebook)
    own = {ref.case: cases[ref.case] for ref in before.cases.values()}
    writes: list[Write] = []
    changed: list[UUID] = []
    # Arrivals at one moment are decided on together; later ones see what the earlier ones led to.
    for received_at, places in group_by_time(unit):
        if unit.arrivals[places[0]].is_replayed:
            while (due := order.next_due(rulebook)) is not None and due < received_at:
                response = CaseDetection(order, own, rulebook, due, staff)
                response.tick()
                cause = f"due:{due.isoformat()}"
                writes += writes_of(response, order, own, cause, due, TIMEKEEPER_ACTOR)
                changed += response.case_events
                order, own = response.order, response.cases
        response = CaseDetection(order, own, rulebook, received_at, staff)
        here = [unit.arrivals[n] for n in places]
        sent = [arrival.signal for arrival in here if not arrival.is_own]
        derived = [arrival.signal for arrival in here if arrival.is_own]
        derived += looked_up.about(sent)
        fresh, refused = split_accepted(sent, derived, order, received_at)
        found_in = {a.signal.key: a.found_in for a in here if not isinstance(a.found_in, UnsetType)}
        recorded = {signal.key for signal in response.take(fresh, found_in)}
        affected = _affected_cases(response, {signal.key for signal in sent})
        for n in places:
            signal = unit.arrivals[n].signal
            if problem := refused.get(id(signal)):
                receipts[unit.places[n]] = Receipt(SignalOutcome.REFUSED, problem=problem)
            elif signal.key in recorded:
                recorded.discard(signal.key)
                receipts[unit.places[n]] = Receipt(
                    SignalOutcome.RECORDED,
                    tuple(c for c, of in affected if not of or signal.key in of)
                    if affected
                    else (),
                    notices=notices_of(response.order, signal.key),
                )
        cause = f"signal:{unit.arrivals[places[0]].signal.key}"
        writes += writes_of(response, order, own, cause, received_at, actor)
        changed += response.case_events
        order, own = response.order, response.cases
    writes = with_next_due(writes, due_before, order, rulebook)
    return OrderOutcome(order_stream(unit.order), order, own, changed, writes)


def _affected_cases(
    response: CaseDetection, sent: set[str]
) -> list[tuple[AffectedCase, Collection[str]]]:
    """The cases with new events, each with those of the sent signals that the events name.

    None is named where time, or a signal that we made ourselves, changed the case.
    """
    return [
        (
            AffectedCase(id, response.cases[id].kind, str(events[-1].__struct_config__.tag)),
            sent.intersection(key for event in events for key in _named_signals(event)),
        )
        for id, events in response.case_events.items()
    ]


def _named_signals(event: object) -> Sequence[str]:
    one = getattr(event, "signal", None)
    return (one,) if isinstance(one, str) else getattr(event, "signals", ())
