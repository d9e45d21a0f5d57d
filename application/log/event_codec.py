"""Log lines to and from what the library stores: one readable JSON envelope under a written tag."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.persistence import Mapper, StoredEvent
from msgspec import structs

from domain.recorded import Recorded

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Recorded).decode


def to_stored(line: Recorded) -> StoredEvent:
    if line.position:
        # Where a line stands in the log is no part of its bytes, nor of its leaf.
        line = structs.replace(line, position=0)
    return StoredEvent(line.stream, line.version, line.type, _encode(line))


def from_state(position: int, state: bytes) -> Recorded:
    """The line as it is read back, with its place in the log, which is never part of the bytes."""
    line = _decode(state)
    structs.force_setattr(line, "position", position)
    return line


class EventCodec(Mapper[UUID]):
    """The same for the library's own readers and writers."""

    def __init__(self) -> None:
        # The base class wants a transcoder for whole Python objects; the envelope needs none.
        pass

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        return to_stored(domain_event)

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        return _decode(stored_event.state)
