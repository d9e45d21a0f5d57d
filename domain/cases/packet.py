"""The order packet: what was known of the order, each fact with the statements it rests on."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Struct

from domain.orders.order import Order
from domain.orders.signals import in_time_order
from domain.personal_data import OF_THE_FACT
from domain.policy.decision import Read, as_value
from domain.policy.facts import ORDER_FACTS


class PacketFact(Struct, frozen=True, gc=False):
    """One fact: its value, the signals that it rests on (`source/id`), and the latest of their
    event times."""

    fact: str
    value: Annotated[Read, OF_THE_FACT]
    sources: tuple[str, ...]
    event_time: datetime


def packet_of(order: Order) -> tuple[PacketFact, ...]:
    """Every known fact of the order; what nobody has spoken of is left out."""
    told = [
        (s.type, s.key, s.event_time) for s in sorted(order.signals.values(), key=in_time_order)
    ]
    facts = order.facts
    packet = []
    # Many facts rest on signals of the same types: what those are is looked for once.
    resting: dict[frozenset[str], tuple[tuple[str, ...], datetime] | None] = {}
    for path, fact in ORDER_FACTS.items():
        value = as_value(fact.read(facts))
        if value is None:
            continue
        feeds = fact.feeds
        if feeds not in resting:
            found = [(key, time) for kind, key, time in told if kind in feeds]
            resting[feeds] = (tuple(key for key, _ in found), found[-1][1]) if found else None
        if (on := resting[feeds]) is not None:
            packet.append(PacketFact(path, value, *on))
    return tuple(packet)


def packet_bytes(packet: tuple[PacketFact, ...]) -> bytes:
    """The packet's one way to be written: what its digest is taken over."""
    return msgspec.json.encode(packet, order="sorted")


def packet_digest(packet: tuple[PacketFact, ...]) -> str:
    return hashlib.sha256(packet_bytes(packet)).hexdigest()
