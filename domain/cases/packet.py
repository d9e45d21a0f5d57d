"""The order packet: the known facts of an order, each with the signals that it is based on."""

import hashlib
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Struct

from domain.orders.order import Order
from domain.orders.signals import event_time_key
from domain.personal_data import PERSONAL_IF_FACT_IS
from domain.policy.decision import FactValue, to_fact_value
from domain.policy.facts import ORDER_FACTS

READING: Final = 2
"""The version of the rules by which facts are read from signals. Raise it when a fact is added, or reads
other signals: then a packet of an earlier reading is compared by the facts that it has."""


class PacketFact(Struct, frozen=True, gc=False):
    """One fact: its value, its signals (`source/id`), and the latest of their event times."""

    fact: str
    value: Annotated[FactValue, PERSONAL_IF_FACT_IS]
    sources: tuple[str, ...]
    event_time: datetime


def packet_of(order: Order) -> tuple[PacketFact, ...]:
    """Every known fact of the order; unknown facts are left out."""
    signals = [
        (s.type, s.key, s.event_time) for s in sorted(order.signals.values(), key=event_time_key)
    ]
    facts = order.facts
    packet = []
    # Many facts are based on signals of the same types: collect each set once.
    found_by: dict[frozenset[str], tuple[tuple[str, ...], datetime] | None] = {}
    for path, fact in ORDER_FACTS.items():
        value = to_fact_value(fact.read(facts))
        if value is None:
            continue
        types = fact.sources
        if types not in found_by:
            found = [(key, time) for kind, key, time in signals if kind in types]
            found_by[types] = (tuple(key for key, _ in found), found[-1][1]) if found else None
        if (source := found_by[types]) is not None:
            packet.append(PacketFact(path, value, *source))
    return tuple(packet)


def packet_bytes(packet: tuple[PacketFact, ...]) -> bytes:
    """The packet's canonical JSON, which its digest is computed over."""
    return msgspec.json.encode(packet, order="sorted")


def packet_digest(packet: tuple[PacketFact, ...]) -> str:
    return hashlib.sha256(packet_bytes(packet)).hexdigest()
