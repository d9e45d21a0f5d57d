"""Personal data on its way into the log and out of it: sealed with a key of its order's own.

A key belongs to one order, and so to one person: what is first heard of an order seldom says whose it is.
Keys are kept outside the database. Once they are destroyed, everything that was sealed with them reads
`[erased]`, and every leaf and proof stays what it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent
from msgspec import Struct, structs

from application.log.event_codec import from_state, to_stored
from application.log.recorder import CommandRow, CommandTaken, KeyRow, SubjectRow
from domain.orders.events import SignalRecorded
from domain.orders.signals import OrderPlaced
from domain.personal_data import erased, joined, parted
from domain.recorded import Recorded, Sealed

_END = 3
"""Of an envelope, after the sealed text: `"}}`."""
_READ: ContextVar[set[str] | None] = ContextVar("orders_read", default=None)
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class SealBroken(RuntimeError):
    """What is sealed in a line does not open with its key: one of them was changed."""


class DataKey(Protocol):
    @property
    def ref(self) -> str:
        """Which key it is, in the key store."""

    def seal(self, content: bytes, about: bytes) -> str:
        """The content encrypted, in base64; `about` is bound to it, and not encrypted."""

    def open(self, text: str, about: bytes) -> bytes:
        """Raises SealBroken."""


class DataKeys(Protocol):
    def of_orders(self, orders: Collection[str]) -> Mapping[str, DataKey]:
        """A key to seal with, for each order. Raises KeyStoreUnavailable."""

    def subject_of(self, customer: str) -> UUID:
        """The name of the customer's record. Raises KeyStoreUnavailable."""

    def find(self, refs: Iterable[str]) -> Mapping[str, DataKey]:
        """Those that there still are. Raises KeyStoreUnavailable."""


class SealedAnswer(Struct, frozen=True, tag_field="kept", tag="sealed"):
    """How an answer to a command is stored that has something personal in it."""

    sealed: Sealed
    without: msgspec.Raw
    """The answer to give once the key is gone."""


class SealedAppend(Struct, frozen=True):
    """What to store for lines and an answer, and what it is sealed with."""

    events: Sequence[StoredEvent]
    command: CommandRow | None = None
    keys: Sequence[KeyRow] = ()
    subjects: Sequence[SubjectRow] = ()


class Seals:
    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    def sealed(self, lines: Sequence[Recorded], command: CommandRow | None) -> SealedAppend:
        parts = [
            parted(line.event) if line.order is not None else (line.event, ()) for line in lines
        ]
        told = [line for line, (_, texts) in zip(lines, parts, strict=True) if texts]
        orders = {line.order for line in told if line.order is not None}
        if command is not None and command.without is not None and command.order is not None:
            orders.add(command.order)
        if not orders:
            return SealedAppend([to_stored(line) for line in lines], _kept(command, {}))
        keys = self._keys.of_orders(orders)
        stored = [
            _stored(structs.replace(line, event=event), texts, keys[line.order])
            if texts and line.order is not None
            else to_stored(line)
            for line, (event, texts) in zip(lines, parts, strict=True)
        ]
        return SealedAppend(
            stored,
            _kept(command, keys),
            [KeyRow(order, key.ref) for order, key in keys.items()],
            [self._whose(*one) for line in told for one in _placed(line)],
        )

    def subject_of(self, customer: str) -> UUID:
        """Raises KeyStoreUnavailable."""
        return self._keys.subject_of(customer)

    def _whose(self, customer: str, order: str) -> SubjectRow:
        return SubjectRow(self.subject_of(customer), order)

    def opened(self, rows: Iterable[tuple[int, bytes]]) -> list[Recorded]:
        """The lines as they were before; `[erased]` where their key is gone."""
        lines: list[Recorded] = []
        closed: list[tuple[int, bytes]] = []
        for position, state in rows:
            line = from_state(position, state)
            if line.sealed is not None:
                closed.append((len(lines), state))
            lines.append(line)
        if closed:
            keys = self._keys.find({_seal(lines[n]).key for n, _ in closed})
            for n, state in closed:
                lines[n] = _opened(lines[n], state, keys.get(_seal(lines[n]).key))
        return lines

    def opened_answer(self, taken: CommandTaken) -> CommandTaken:
        if not taken.result.startswith(b'{"kept":"sealed"'):
            return taken
        kept = msgspec.json.decode(taken.result, type=SealedAnswer)
        key = self._keys.find([kept.sealed.key]).get(kept.sealed.key)
        if key is None:
            return structs.replace(taken, result=bytes(kept.without))
        return structs.replace(taken, result=key.open(kept.sealed.text, bytes(kept.without)))


@contextmanager
def noting_what_is_read() -> Iterator[set[str]]:
    """The orders whose personal data is opened in here, as they come."""
    found: set[str] = set()
    token = _READ.set(found)
    try:
        yield found
    finally:
        _READ.reset(token)


@contextmanager
def shown_to_nobody() -> Iterator[None]:
    """What is opened in here is used, and shown to nobody: it is not noted."""
    with noting_what_is_read():
        yield


def _placed(line: Recorded) -> Iterator[tuple[str, str]]:
    """The customer's id and the order's, where the line tells who placed it."""
    event = line.event
    if isinstance(event, SignalRecorded) and isinstance(event.signal, OrderPlaced):
        yield event.signal.customer.id, event.signal.order


def _stored(line: Recorded, texts: Sequence[str], key: DataKey) -> StoredEvent:
    line = structs.replace(line, position=0, sealed=Sealed(key.ref, ""))
    about = to_stored(line)
    text = key.seal(msgspec.json.encode(texts), about.state)
    state = about.state[:-_END] + text.encode() + about.state[-_END:]
    return StoredEvent(about.originator_id, about.originator_version, about.topic, state)


def _opened(line: Recorded, state: bytes, key: DataKey | None) -> Recorded:
    if line.order is not None and (read := _READ.get()) is not None:
        read.add(line.order)
    if key is None:
        return structs.replace(line, event=erased(line.event), sealed=None)
    text = _seal(line).text
    about = state[: -_END - len(text)] + state[-_END:]
    texts = _decode(key.open(text, about))
    return structs.replace(line, event=joined(line.event, iter(texts)), sealed=None)


def _seal(line: Recorded) -> Sealed:
    assert line.sealed is not None
    return line.sealed


def _kept(command: CommandRow | None, keys: Mapping[str, DataKey]) -> CommandRow | None:
    if command is None or command.without is None:
        return command
    if command.order is None:
        return structs.replace(command, result=command.without)
    key = keys[command.order]
    sealed = Sealed(key.ref, key.seal(command.result, command.without))
    kept = SealedAnswer(sealed, msgspec.Raw(command.without))
    return structs.replace(command, result=msgspec.json.encode(kept))
