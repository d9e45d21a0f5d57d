"""Decisions of an earlier reading: whether the changed rules of reading explain a different result.

Such a decision is repeated on the values that it recorded. It must come out as recorded, and only facts
whose reading changed may have another value today.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct, structs

from domain.adjustments.events import AdjustmentProposed, AdjustmentSystemApproved
from domain.cases import events
from domain.cases.citations import decisions_of
from domain.cases.packet import READING, PacketFact, packet_digest, packet_of
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.readings import added_since, changed_since
from domain.cases.reperformance import NOTHING, DecisionDifference
from domain.orders.order import Order
from domain.personal_data import ERASED
from domain.policy.decision import FactValue, to_fact_value
from domain.policy.facts import ORDER_FACTS, Fact
from domain.recorded_event import Event

FIRST_READING = 1
ROUTING_READS = ("customer.tier", "charge.total", "charge.currency", "address.region")
"""The facts that a routing reads beside its tests."""
Readings = Mapping[str, FactValue | None]
_Differences = Sequence[DecisionDifference]


class Explained(Struct, frozen=True):
    """The differences of a repeated decision: those that nothing explains, those that the changed reading
    explains, and the facts that are read differently."""

    differs: _Differences = ()
    by_reading: _Differences = ()
    facts: Sequence[str] = ()


class RecordedBasis(Struct, frozen=True):
    """What the log has about the basis of a decision of an earlier reading."""

    reading: int
    reads: frozenset[str]
    """The facts that the rules of its kind read."""
    packet: Sequence[PacketFact] = ()
    """The facts of the case's packet at that time."""
    is_own_packet: bool = False
    """The packet was recorded together with the decision."""


def reading_of_order_event(event: Event) -> int:
    """The reading under which an order's event was decided."""
    reading = getattr(event, "reading", UNSET)
    return reading if isinstance(reading, int) else FIRST_READING


def reading_of_case_event(event: events.CaseEvent, packet: events.Enriched | None) -> int:
    """The reading under which a case's event was decided, by the packet of that time."""
    reading = reading_of_order_event(packet) if packet is not None else FIRST_READING
    # The first reading did not know parts.
    return max(reading, 2) if isinstance(event, PartJoined | PartCleared) else reading


def compare_packet(event: events.Enriched, order: Order) -> Iterator[DecisionDifference]:
    """Compute the packet again, without any policy. Facts that were erased since are skipped.

    Of a packet of an earlier reading, the values are compared: a fact may rest on more signals now.
    """
    reading = reading_of_order_event(event)
    is_earlier = reading != READING
    skipped = {fact.fact for fact in event.packet if fact.value == ERASED}
    before = {fact.fact: fact for fact in event.packet}
    again = {fact.fact: fact for fact in packet_of(order)}
    if is_earlier:
        of_parts = again.keys() - ORDER_FACTS.keys()
        skipped |= (added_since(reading) | changed_since(reading) | of_parts) - before.keys()
    for name in dict.fromkeys((*before, *again)):
        recorded, came_out = before.get(name), again.get(name)
        if name in skipped or recorded == came_out:
            continue
        if is_earlier and recorded and came_out and recorded.value == came_out.value:
            continue
        yield DecisionDifference(
            _in_packet(name), str(recorded or NOTHING), str(came_out or NOTHING)
        )
    erased = any(fact.value == ERASED for fact in event.packet)
    if not erased and packet_digest(event.packet) != event.digest:
        yield DecisionDifference("packet, digest", event.digest, packet_digest(event.packet))


def explain_packet(event: events.Enriched, order: Order) -> Explained:
    """Compare a packet, and tell apart the facts whose reading changed since."""
    changed = changed_since(reading_of_order_event(event))
    found = [*compare_packet(event, order)]
    places = {_in_packet(name): name for name in changed}
    return Explained(
        differs=[one for one in found if one.what not in places],
        by_reading=[one for one in found if one.what in places],
        facts=[places[one.what] for one in found if one.what in places],
    )


def explain_decision(
    event: Event,
    order: Order,
    basis: RecordedBasis,
    found: _Differences,
    again: Callable[[Order], _Differences],
) -> Explained:
    """Explain the differences that were `found` in a decision of an earlier reading.

    `again` repeats the decision on an order.
    """
    changed = changed_since(basis.reading)
    recorded = _recorded_readings(event, basis.packet)
    now = {name: to_fact_value(ORDER_FACTS[name].read(order.facts)) for name in recorded}
    other = [name for name in recorded if recorded[name] != now[name]]
    unexplained = [
        DecisionDifference(f"fact {name}", _shown(recorded[name]), _shown(now[name]))
        for name in other
        if name not in changed
    ]
    if basis.is_own_packet:
        unexplained += _contradictions(event, basis.packet)
    unexplained += again(_order_that_reads(order, {name: recorded[name] for name in other}))
    # Without another value, another rule may come first, since it reads a changed fact.
    facts = other or sorted(changed & basis.reads)
    if unexplained or not facts:
        return Explained(differs=unexplained or found)
    return Explained(by_reading=found, facts=facts)


def _in_packet(name: str) -> str:
    return f"packet, {name}"


def _shown(value: FactValue | None) -> str:
    return NOTHING if value is None else str(value)


def _recorded_readings(event: Event, packet: Sequence[PacketFact]) -> Readings:
    """The values of facts of the order that the event was decided on."""
    in_packet = {one.fact: one.value for one in packet if one.value != ERASED}
    found: dict[str, FactValue | None] = {}
    match event:
        case events.Routed(tier=tier, region=region):
            found = {name: in_packet.get(name) for name in ROUTING_READS}
            found |= {"customer.tier": tier, "address.region": region}
        case AdjustmentProposed() | AdjustmentSystemApproved():
            found |= in_packet
        case _:
            pass
    for decision in decisions_of(event):
        found |= {one.fact: one.read for one in decision.verdicts if one.read != ERASED}
    return {name: value for name, value in found.items() if name in ORDER_FACTS}


def _contradictions(event: Event, packet: Sequence[PacketFact]) -> Iterator[DecisionDifference]:
    """Values that the event read, and that its own packet records differently."""
    in_packet = {one.fact: one.value for one in packet if one.value != ERASED}
    for name, read in _recorded_readings(event, packet).items():
        if name in in_packet and read != in_packet[name]:
            yield DecisionDifference(
                f"fact {name}", _shown(read), f"{in_packet[name]} in its packet"
            )


def _order_that_reads(order: Order, readings: Readings) -> Order:
    """The order with these values of its facts."""
    facts = order.facts
    for path, value in readings.items():
        group, _, field = path.partition(".")
        known = structs.replace(
            getattr(facts, group), **{field: _to_type(ORDER_FACTS[path], value)}
        )
        facts = structs.replace(facts, **{group: known})
    return structs.replace(order, known_facts=facts)


def _to_type(fact: Fact, value: FactValue | None) -> Any:
    """The value of a fact from its text in a verdict; an amount may be written with its currency."""
    if value is None or not isinstance(value, str):
        return value
    if fact.type is Decimal:
        return Decimal(value.partition(" ")[0])
    if fact.type in (datetime, date):
        return fact.type.fromisoformat(value)
    return value
