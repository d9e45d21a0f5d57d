"""Seals (encrypts) personal data on its way into the log, and opens it on the way out.

Each order has keys of its own, since the first signal of an order seldom says who the customer is. Keys are
stored outside the database. Once a key is destroyed, all that it sealed reads `[erased]`, and every Merkle
leaf and proof stays valid.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent
from msgspec import Struct, structs

from application.log.event_codec import from_state, to_stored
from application.log.recorder import CommandRow, KeyRow, StoredCommand, SubjectRow
from domain.cases.events import CaseDataErased
from domain.orders.events import OrderDataErased, SignalRecorded
from domain.orders.held_signals import HeldSignalJoined
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.signal_body import given
from domain.personal_data import erase_personal, extract_personal, restore_personal
from domain.recorded_event import RecordedEvent, SealedTexts
from domain.sources.deliveries import DeliveryReadAgain, DeliveryTaken

_ENVELOPE_TAIL_LENGTH = 3
"""The length of what follows the sealed text in an envelope: `"}}`."""
_ORDERS_READ: ContextVar[set[str] | None] = ContextVar("orders_read", default=None)
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class SealBroken(RuntimeError):
    """A sealed text does not open with its key: one of them was changed."""


class DataKey(Protocol):
    @property
    def ref(self) -> str:
        """The name of the key in the key store."""

    def seal(self, content: bytes, about: bytes) -> str:
        """The encrypted content, in base64; `about` is authenticated with it, and not encrypted."""

    def open(self, text: str, about: bytes) -> bytes:
        """Raises SealBroken."""


class DataKeys(Protocol):
    def of_orders(self, orders: Collection[str]) -> Mapping[str, DataKey]:
        """A key for each order, to seal with. Raises KeyStoreUnavailable."""

    def subject_of(self, customer: str) -> UUID:
        """The id of the customer's record. Raises KeyStoreUnavailable."""

    def find_subject_of(self, customer: str) -> UUID | None:
        """The same; None while there is no secret that such ids depend on. Raises KeyStoreUnavailable."""

    def find(self, refs: Iterable[str]) -> Mapping[str, DataKey]:
        """Those of the keys that still exist, by name. Raises KeyStoreUnavailable."""

    def renew(self, order: str) -> None:
        """Seal the next text of the order with a new key: the keys so far are destroyed."""


class SealedAnswer(Struct, frozen=True, tag_field="kept", tag="sealed"):
    """The stored form of a command's answer that has personal data."""

    sealed: SealedTexts
    without: msgspec.Raw
    """The answer without personal data, for when the key is destroyed."""


class SealedAppend(Struct, frozen=True):
    """The stored form of lines and of an answer, with the keys that seal them."""

    events: Sequence[StoredEvent]
    command: CommandRow | None = None
    keys: Sequence[KeyRow] = ()
    subjects: Sequence[SubjectRow] = ()


class Seals:
    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    def sealed(self, lines: Sequence[RecordedEvent], command: CommandRow | None) -> SealedAppend:
        parts = [
            extract_personal(line.event) if line.order is not None else (line.event, ())
            for line in lines
        ]
        personal = [line for line, (_, texts) in zip(lines, parts, strict=True) if texts]
        orders = {line.order for line in personal if line.order is not None}
        if command is not None and command.without is not None and command.order is not None:
            orders.add(command.order)
        joined = [row for line in lines for row in _keys_of_joined(line)]
        if not orders:
            stored = [to_stored(line) for line in lines]
            return SealedAppend(stored, _seal_answer(command, {}), joined)
        keys = self._keys.of_orders(orders)
        stored = [
            _seal_line(structs.replace(line, event=event), texts, keys[line.order])
            if texts and line.order is not None
            else to_stored(line)
            for line, (event, texts) in zip(lines, parts, strict=True)
        ]
        rows = [KeyRow(order, key.ref) for order, key in keys.items()]
        rows += [row for line in personal for row in _keys_of_delivery(line, keys)]
        return SealedAppend(
            stored,
            _seal_answer(command, keys),
            [*rows, *joined],
            [
                SubjectRow(self.subject_of(customer), order)
                for line in personal
                for customer, order in _customer_and_order(line)
            ],
        )

    def subject_of(self, customer: str) -> UUID:
        """Raises KeyStoreUnavailable."""
        return self._keys.subject_of(customer)

    def find_subject_of(self, customer: str) -> UUID | None:
        """The same, without making the secret on first use. Raises KeyStoreUnavailable."""
        return self._keys.find_subject_of(customer)

    def opened(self, rows: Iterable[tuple[int, bytes]]) -> list[RecordedEvent]:
        """The lines with their texts; `[erased]` where the key is destroyed."""
        lines: list[RecordedEvent] = []
        closed: list[tuple[int, bytes]] = []
        for position, state in rows:
            line = from_state(position, state)
            if line.sealed is not None:
                closed.append((len(lines), state))
            elif (
                isinstance(line.event, OrderDataErased | CaseDataErased) and line.order is not None
            ):
                # Each process reads this line before it appends to the order or case again.
                self._keys.renew(line.order)
            lines.append(line)
        if closed:
            keys = self._keys.find({_sealed_part(lines[n]).key for n, _ in closed})
            for n, state in closed:
                lines[n] = _open_line(lines[n], state, keys.get(_sealed_part(lines[n]).key))
        return lines

    def opened_answer(self, stored: StoredCommand) -> StoredCommand:
        if not stored.result.startswith(b'{"kept":"sealed"'):
            return stored
        kept = msgspec.json.decode(stored.result, type=SealedAnswer)
        key = self._keys.find([kept.sealed.key]).get(kept.sealed.key)
        if key is None:
            return structs.replace(stored, result=bytes(kept.without))
        return structs.replace(stored, result=key.open(kept.sealed.text, bytes(kept.without)))


@contextmanager
def track_personal_reads() -> Iterator[set[str]]:
    """Collects the orders whose personal data is opened inside the context."""
    found: set[str] = set()
    token = _ORDERS_READ.set(found)
    try:
        yield found
    finally:
        _ORDERS_READ.reset(token)


def add_personal_reads(orders: Iterable[str]) -> None:
    """Personal data of these orders is shown, although it is not in their own lines."""
    if (read := _ORDERS_READ.get()) is not None:
        read.update(orders)


@contextmanager
def without_read_tracking() -> Iterator[None]:
    """Personal data that is opened inside the context is not tracked: nobody is shown it."""
    with track_personal_reads():
        yield


def _keys_of_delivery(line: RecordedEvent, keys: Mapping[str, DataKey]) -> Iterator[KeyRow]:
    """The key of a delivery becomes a key of the orders and held signals that it speaks of."""
    if isinstance(line.event, DeliveryTaken | DeliveryReadAgain) and line.order is not None:
        for order in line.event.orders:
            yield KeyRow(order, keys[line.order].ref)


def _keys_of_joined(line: RecordedEvent) -> Iterator[KeyRow]:
    """The keys of a held signal become keys of the orders that it joins, so that an erasure finds them; also those
    of a delivery that is read again."""
    if isinstance(line.event, HeldSignalJoined | DeliveryReadAgain):
        for order in line.event.orders:
            for key in line.event.keys:
                yield KeyRow(order, key)


def _customer_and_order(line: RecordedEvent) -> Iterator[tuple[str, str]]:
    """The ids of the customer and of the order, if the line says who placed it."""
    event = line.event
    signal = event.signal if isinstance(event, SignalRecorded) else None
    if isinstance(signal, OrderPlaced | OrderEdited):
        customer = given(signal.customer)
        if customer is not None and customer.id is not None:
            yield customer.id, signal.order_key


def _seal_line(line: RecordedEvent, texts: Sequence[str], key: DataKey) -> StoredEvent:
    line = structs.replace(line, position=0, sealed=SealedTexts(key.ref, ""))
    about = to_stored(line)
    text = key.seal(msgspec.json.encode(texts), about.state)
    state = (
        about.state[:-_ENVELOPE_TAIL_LENGTH] + text.encode() + about.state[-_ENVELOPE_TAIL_LENGTH:]
    )
    return StoredEvent(about.originator_id, about.originator_version, about.topic, state)


def _open_line(line: RecordedEvent, state: bytes, key: DataKey | None) -> RecordedEvent:
    if line.order is not None and (read := _ORDERS_READ.get()) is not None:
        read.add(line.order)
    if key is None:
        return structs.replace(line, event=erase_personal(line.event), sealed=None)
    text = _sealed_part(line).text
    about = state[: -_ENVELOPE_TAIL_LENGTH - len(text)] + state[-_ENVELOPE_TAIL_LENGTH:]
    texts = _decode(key.open(text, about))
    return structs.replace(line, event=restore_personal(line.event, iter(texts)), sealed=None)


def _sealed_part(line: RecordedEvent) -> SealedTexts:
    assert line.sealed is not None
    return line.sealed


def _seal_answer(command: CommandRow | None, keys: Mapping[str, DataKey]) -> CommandRow | None:
    if command is None or command.without is None:
        return command
    if command.order is None:
        return structs.replace(command, result=command.without)
    key = keys[command.order]
    sealed = SealedTexts(key.ref, key.seal(command.result, command.without))
    kept = SealedAnswer(sealed, msgspec.Raw(command.without))
    return structs.replace(command, result=msgspec.json.encode(kept))
