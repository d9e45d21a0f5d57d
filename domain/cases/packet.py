"""The order packet: the known facts of an order, each with the signals that it is based on."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Struct

from domain.orders.named_parts import names_another
from domain.orders.order import Order
from domain.orders.parts import PartKind, part_key
from domain.orders.signals import Signal, event_time_key
from domain.personal_data import PERSONAL_IF_FACT_IS
from domain.policy.decision import FactValue, to_fact_value
from domain.policy.facts import ORDER_FACTS, OWN_FACTS

READING: Final = 2
"""The version of the rules by which facts are read from signals. Raise it when a fact is added, or reads
other signals: then a packet of an earlier reading is compared by the facts that it has."""
PACKET_PREFIX: Final = "packet:"
"""Evidence that begins so is a packet of the case itself, named by its digest."""
_FIELDS: Final = {
    kind: tuple(
        (fact.path.removeprefix("part."), fact.sources)
        for fact in OWN_FACTS[kind].values()
        if fact.path != "part.id"
    )
    for kind in PartKind
}
"""The facts of each kind of part, with the types of the signals that feed them."""


class PacketFact(Struct, frozen=True, gc=False):
    """One fact: its value, its signals (`source/id`), and the latest of their event times. A part's fact
    begins with the key of the part: `parcel:P1.delivered_at`."""

    fact: str
    value: Annotated[FactValue, PERSONAL_IF_FACT_IS]
    sources: tuple[str, ...]
    event_time: datetime


def packet_of(order: Order) -> tuple[PacketFact, ...]:
    """Every known fact of the order and of its parts; unknown facts are left out.

    Of a part, flags that are false and counts and amounts of 0 are left out too, but not a `left` of 0.
    """
    basis = _Basis(
        [
            (s.type, s.key, s.event_time, s)
            for s in sorted(order.signals.values(), key=event_time_key)
        ]
    )
    facts = order.facts
    packet = []
    for path, fact in ORDER_FACTS.items():
        value = to_fact_value(fact.read(facts))
        if value is not None and (sources := basis.sources(fact.sources)) is not None:
            packet.append(PacketFact(path, value, *sources))
    said = frozenset(one.value for one in packet)
    for kind in PartKind:
        found = facts.parts.of(kind)
        others = frozenset(part.id for part in found) if len(found) > 1 else frozenset()
        for part in found:
            own = basis.without_others(kind, part, others) if others else basis
            prefix = f"{part_key(kind, part.id)}."
            for field, feeds in _FIELDS[kind]:
                read = getattr(part, field)
                if not read and (field != "left" or read is None):
                    continue
                value = to_fact_value(read)
                # What an only part of its kind has in common with the order is in the packet already.
                if value is None or (not others and type(value) is str and value in said):
                    continue
                if (sources := own.sources(feeds)) is not None:
                    packet.append(PacketFact(prefix + field, value, *sources))
    return tuple(packet)


class _Basis:
    """Signals in time order, of which facts name those of their types."""

    def __init__(self, signals: Sequence[tuple[str, str, datetime, Signal]]) -> None:
        self._signals = signals
        # Many facts are based on signals of the same types: collect each set once.
        self._sources: dict[frozenset[str], tuple[tuple[str, ...], datetime] | None] = {}

    def sources(self, types: frozenset[str]) -> tuple[tuple[str, ...], datetime] | None:
        """The keys of the signals of these types, and the latest time of them; None if there are none."""
        if types not in self._sources:
            found = [(key, at) for kind, key, at, _ in self._signals if kind in types]
            self._sources[types] = (tuple(key for key, _ in found), found[-1][1]) if found else None
        return self._sources[types]

    def without_others(self, kind: PartKind, part: Any, known: frozenset[str]) -> "_Basis":
        """Without the signals that name other known parts of this kind, and not this one."""
        return _Basis(
            [one for one in self._signals if not names_another(kind, part, one[3], known)]
        )


def packet_bytes(packet: tuple[PacketFact, ...]) -> bytes:
    """The packet's canonical JSON, which its digest is computed over."""
    return msgspec.json.encode(packet, order="sorted")


def packet_digest(packet: tuple[PacketFact, ...]) -> str:
    return hashlib.sha256(packet_bytes(packet)).hexdigest()
