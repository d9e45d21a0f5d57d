"""One delivery in full: what came, every reading of it, and the signals that it states."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.log import streams
from application.log.event_log import EventLog
from application.log.repository import Repository
from application.log.sealing import add_personal_reads
from application.sources.delivery_events import unpack
from application.sources.ports import Mappings, RawDelivery
from application.sources.restatements import statements
from domain.orders.held_signals import HELD_PREFIX, held_name, held_stream
from domain.orders.order import Order, order_stream
from domain.orders.signals import Signal
from domain.recorded_event import RecordedEvent
from domain.sources.deliveries import (
    DeliveryReadAgain,
    DeliveryTaken,
    KeptDelivery,
    NotUnderstood,
    NotUnderstoodWhy,
)
from domain.sources.errors import DeliveryNotFound
from domain.sources.source import SOURCES_STREAM, MappingChoice, Source

MOST_SIGNALS: Final = 100
"""Signals of one delivery that are shown; the others are counted."""


class SignalState(StrEnum):
    """Where a signal of a delivery is."""

    RECORDED = "recorded"
    HELD = "held"
    """Its references lead to no order yet, or to several."""
    NOT_RECORDED = "not_recorded"
    """It was refused; `reasons` say why."""


class DeliverySignal(Struct, frozen=True):
    """A signal that a delivery states."""

    signal: Signal
    state: SignalState
    orders: Sequence[str] = ()
    """The names in the log of the orders that it is recorded in."""
    is_same: bool = True
    """Whether the recorded signal of this id says the same."""


class DeliveryReading(Struct, frozen=True, kw_only=True):
    """One reading of a delivery: the first is that of its arrival."""

    at: datetime
    position: int
    by: str
    """The principal that had it read; the source for the first."""
    mapping: str
    """The digest of the document that read it."""
    topic: str | None
    signals: int
    reasons: Sequence[NotUnderstood]
    further_reasons: int
    restated: Sequence[tuple[str, str]] = ()
    """Signals that were read otherwise than before: their ids, and those of the statements that replace them."""


class DeliveryDetails(Struct, frozen=True, kw_only=True):
    kept: KeptDelivery
    readings: Sequence[DeliveryReading]
    raw: RawDelivery | None = None
    """What came; None once it was erased, or without permission to read it."""
    signals: Sequence[DeliverySignal] = ()
    further_signals: int = 0


class DeliveryFinder:
    def __init__(self, log: EventLog, orders: Repository[Order], mappings: Mappings) -> None:
        self._log = log
        self._orders = orders
        self._mappings = mappings

    def find(self, source: Source, delivery: UUID, *, with_body: bool) -> DeliveryDetails:
        """A delivery of a source. With its body, the read counts as one of each order that it speaks of.

        Raises DeliveryNotFound, KeyStoreUnavailable.
        """
        lines = self._log.trail(delivery)
        kept = require_delivery(source, delivery, lines)
        readings = [*_readings(lines, is_erased=kept.is_erased)]
        raw = unpack(kept) if with_body else None
        if raw is None:
            return DeliveryDetails(kept=kept, readings=readings)
        add_personal_reads(kept.orders)
        signals = self._signals(source, kept, raw)
        return DeliveryDetails(
            kept=kept,
            readings=readings,
            raw=raw,
            signals=[*self._found(kept, signals[:MOST_SIGNALS])],
            further_signals=max(len(signals) - MOST_SIGNALS, 0),
        )

    def _signals(self, source: Source, kept: KeptDelivery, raw: RawDelivery) -> Sequence[Signal]:
        """What its last reading stated: a document reads the same each time."""
        refused = any(one.why is NotUnderstoodWhy.REFUSED_SIGNAL for one in kept.reasons)
        mapping = self._document(source, kept.mapping)
        if not (kept.signals or refused) or mapping is None:
            return ()
        read = self._mappings.read(mapping, raw, source.name, source.shop)
        return statements(kept, mapping.digest, read.signals, ())

    def _document(self, source: Source, digest: str) -> MappingChoice | None:
        if source.mapping.digest == digest:
            return source.mapping
        for line in reversed(self._log.trail(SOURCES_STREAM)):
            mapping = getattr(line.event, "mapping", None)
            if isinstance(mapping, MappingChoice) and mapping.digest == digest:
                return mapping
        return None

    def _found(self, kept: KeptDelivery, signals: Sequence[Signal]) -> Iterator[DeliverySignal]:
        names = [name for name in kept.orders if not name.startswith(HELD_PREFIX)]
        holds = {signal.key: held_stream(held_name(signal)) for signal in signals}
        trails = self._log.trails([*holds.values()]) if names != [*kept.orders] else {}
        held = {stream: streams.held_signal_of(lines) for stream, lines in trails.items()}
        names += [name for one in held.values() for name in one.joined]
        orders = self._orders.current([order_stream(name) for name in dict.fromkeys(names)])
        for signal in signals:
            known = {
                o.id: o.signals[signal.key] for o in orders.values() if signal.key in o.signals
            }
            if known:
                is_same = all(one == signal for one in known.values())
                yield DeliverySignal(signal, SignalState.RECORDED, [*known], is_same)
            else:
                waits = (one := held.get(holds[signal.key])) is not None and not one.joined
                state = SignalState.HELD if waits else SignalState.NOT_RECORDED
                yield DeliverySignal(signal, state)


def require_delivery(
    source: Source, delivery: UUID, lines: Sequence[RecordedEvent]
) -> KeptDelivery:
    """The delivery of these lines. Raises DeliveryNotFound unless it is one of the source."""
    kept: KeptDelivery | None = None
    if lines and isinstance(lines[0].event, DeliveryTaken):
        for line in lines:
            kept = streams.delivery_after(kept, line)
    if kept is None or kept.taken.source != source.name:
        raise DeliveryNotFound(f"{source.name} has no delivery {delivery}")
    return kept


def _readings(lines: Sequence[RecordedEvent], *, is_erased: bool) -> Iterator[DeliveryReading]:
    for line in lines:
        event = line.event
        if isinstance(event, DeliveryTaken | DeliveryReadAgain):
            yield DeliveryReading(
                at=line.recorded_at,
                position=line.position,
                by=line.actor.principal,
                mapping=event.mapping,
                topic=event.topic,
                signals=event.signals,
                reasons=() if is_erased else event.reasons,
                further_reasons=event.further_reasons,
                restated=event.restated if isinstance(event, DeliveryReadAgain) else (),
            )
