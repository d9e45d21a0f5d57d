"""Encodes log lines for storage, and decodes them: one readable JSON envelope with a written tag."""

from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.persistence import Mapper, StoredEvent
from msgspec import structs

from domain.recorded_event import RecordedEvent

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RecordedEvent).decode


def to_stored(line: RecordedEvent) -> StoredEvent:
    if line.position:
        # The position is not part of the stored bytes, nor of the Merkle leaf.
        line = structs.replace(line, position=0)
    return StoredEvent(line.stream, line.version, line.type, _encode(line))


def from_state(position: int, state: bytes) -> RecordedEvent:
    """The decoded line, with its position in the log, which the bytes do not hold."""
    line = _decode(state)
    structs.force_setattr(line, "position", position)
    return line


class EventCodec(Mapper[UUID]):
    """The same codec for the readers and writers of the eventsourcing library."""

    def __init__(self) -> None:
        pass  # the base class wants a transcoder for Python objects; the envelope needs none

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        return to_stored(domain_event)

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        return _decode(stored_event.state)
