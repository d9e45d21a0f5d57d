"""Bodies of signals: one, an array, NDJSON, or CloudEvents. Each signal is decoded on its own."""

from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from api.http.cloud_events import EVENT, EVENTS, signal_of
from api.http.errors import MalformedBody, TooLarge
from api.http.json_keys import find_repeated_keys, may_repeat_a_key
from api.http.json_syntax import THE_BODY, UNREADABLE, Place, describe_malformed
from domain.errors import CasetrailError, Fault, Invalid
from domain.orders.reading import read_signal
from domain.orders.signal_body import SignalRetracted
from domain.orders.signals import Signal
from domain.validation import SET_BY_SERVICE
from infrastructure.encoded_text import UnreadableText, to_utf8

NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
MAX_SIGNALS: Final = 1_000

_signal_decoder = msgspec.json.Decoder(Signal)
_signals_decoder = msgspec.json.Decoder(list[Signal])
_raw_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])

LONGEST_NAME: Final = 200
"""A longer one is not repeated in the answer."""

Item = Signal | CasetrailError


class _Named(Struct):
    source: Any = None
    id: Any = None
    order: Any = None


class _NamedEvent(_Named):
    subject: Any = None
    data: Any = None

    def __post_init__(self) -> None:
        """Take the names from the signal, where it has them, as reading it does."""
        self.order = self.subject
        if isinstance(self.data, dict):
            for name in ("source", "id", "order"):
                setattr(self, name, self.data.get(name, getattr(self, name)))


_name_decoder = msgspec.json.Decoder(_Named)
_event_name_decoder = msgspec.json.Decoder(_NamedEvent)


def parse_items(body: bytes, content_type: str) -> tuple[list[Item], bool]:
    """Each item of the body, as a signal or as its error; and whether the body was a single signal.

    The body is UTF-8, or UTF-16 with a byte order mark. Lines of NDJSON end at `\n` alone.

    Raises MalformedBody for a body that is not JSON, TooLarge for too many items.
    """
    try:
        body = to_utf8(body)
    except UnreadableText as error:
        raise MalformedBody(f"the body: {error}") from None
    kind = content_type.partition(";")[0].strip().lower()
    if kind in NDJSON:
        # Files with a byte order mark that were put together have one at the start of a line, too.
        lines = [line.removeprefix(BOM_UTF8) for line in body.split(b"\n")]
        places = [Place("the line", n) for n, line in enumerate(lines, start=1) if line.strip()]
        items = [line for line in lines if line.strip()]
        return _decode_items(items, places if len(lines) > 1 else None), False
    if kind == EVENT:
        if body.lstrip().startswith(b"["):
            raise MalformedBody(f"an array, and {EVENT} is one event: send it with {EVENTS}")
        return [_decode_event(body, strict=True)], True
    if kind == EVENTS:
        if body.lstrip().startswith(b"{"):
            raise MalformedBody(
                f"one object, and {EVENTS} is an array of events: send the event in an array, or with {EVENT}"
            )
        return [_decode_event(raw, Place("the event")) for raw in _batch_of(body)], False
    if kind not in ("application/json", ""):
        raise MalformedBody(
            f"the Content-Type is {kind}; send application/json, application/x-ndjson, {EVENT} or {EVENTS}"
        )
    if not body.lstrip().startswith(b"["):
        return [_decode(body, strict=True)], True
    try:
        signals: list[Signal] = _signals_decoder.decode(body)
        if may_repeat_a_key(body) or any(s.assumed_times is not UNSET for s in signals):
            return _decode_items(_raw_items_decoder.decode(body)), False
    except UNREADABLE:
        return _decode_items(_batch_of(body)), False
    _require_batch_limit(len(signals))
    return [*signals], False


def _batch_of(body: bytes) -> list[msgspec.Raw]:
    """The items of an array. Raises MalformedBody, TooLarge."""
    try:
        items: list[msgspec.Raw] = _raw_items_decoder.decode(body)
    except UNREADABLE as error:
        raise MalformedBody(describe_malformed(body, error)) from None
    _require_batch_limit(len(items))
    return items


class ItemName(Struct, frozen=True):
    """How a sender finds an item of the batch again."""

    line: int | None
    """Of NDJSON, from 1."""
    signal: str | None
    """Its source and id, if they can be read."""
    order: str | None


def name_items(body: bytes, content_type: str, wanted: Collection[int]) -> dict[int, ItemName]:
    """The names of these items, by their index, of a body that `parse_items` has taken."""
    body = to_utf8(body)
    kind = content_type.partition(";")[0].strip().lower()
    decoder = _event_name_decoder if kind == EVENTS else _name_decoder
    if kind in NDJSON:
        lines = [*enumerate(body.split(b"\n"), start=1)]
        raws: list[tuple[int | None, bytes | msgspec.Raw]] = [
            (n, line.removeprefix(BOM_UTF8)) for n, line in lines if line.strip()
        ]
    else:
        raws = [(None, raw) for raw in _raw_items_decoder.decode(body)]
    return {index: _name(*raws[index], decoder) for index in wanted}


def _name(
    line: int | None, raw: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Any]
) -> ItemName:
    try:
        named = decoder.decode(raw)
    except UNREADABLE:
        return ItemName(line, None, None)
    source, id, order = (
        value if isinstance(value, str) and len(value) <= LONGEST_NAME else None
        for value in (named.source, named.id, named.order)
    )
    return ItemName(line, f"{source}/{id}" if source and id else None, order or None)


def _decode_items(
    raws: Iterable[bytes | msgspec.Raw], places: Sequence[Place] | None = None
) -> list[Item]:
    parts = list(raws)
    _require_batch_limit(len(parts))
    places = places or [Place("the signal")] * len(parts)
    return [_decode(part, place) for part, place in zip(parts, places, strict=True)]


def _require_batch_limit(count: int) -> None:
    if count > MAX_SIGNALS:
        raise TooLarge(f"{count} signals; send at most {MAX_SIGNALS} in one request")


def _decode(raw: bytes | msgspec.Raw, place: Place = THE_BODY, *, strict: bool = False) -> Item:
    try:
        signal: Signal = _signal_decoder.decode(raw)
        if may_repeat_a_key(raw) and (repeated := find_repeated_keys(raw)):
            return Invalid(repeated, "signal")
        return _own_fields_refused(signal, raw)
    except msgspec.ValidationError:
        try:
            document = msgspec.json.decode(raw)
            repeated = find_repeated_keys(raw)
            signal = read_signal(document)
        except Invalid as invalid:
            return Invalid([*invalid.faults, *repeated], "signal") if repeated else invalid
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
            # Report the syntax error, not the faults before it: it must be corrected first.
            return _malformed(raw, malformed, place, strict)
        return Invalid(repeated, "signal") if repeated else _own_fields_refused(signal, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _malformed(raw, error, place, strict)


def _decode_event(
    raw: bytes | msgspec.Raw, place: Place = THE_BODY, *, strict: bool = False
) -> Item:
    """The signal of a CloudEvent in the JSON format."""
    try:
        event = msgspec.json.decode(raw)
        repeated = find_repeated_keys(raw) if may_repeat_a_key(raw) else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _malformed(raw, error, place, strict)
    try:
        signal = signal_of(event)
    except Invalid as invalid:
        return Invalid([*repeated, *invalid.faults], "the event")
    return Invalid(repeated, "the event") if repeated else signal


def _own_fields_refused(signal: Signal, raw: bytes | msgspec.Raw) -> Item:
    """The signal, or its refusal if it was sent with a field that the service sets itself."""
    if signal.assumed_times is not UNSET and "assumed_times" in msgspec.json.decode(raw):
        fault = Fault("/assumed_times", SET_BY_SERVICE)
        return Invalid([fault], "signal")
    if isinstance(signal, SignalRetracted) and signal.of_source is not UNSET:
        return Invalid([Fault("/of_source", SET_BY_SERVICE)], "signal")
    return signal


def _malformed(
    raw: bytes | msgspec.Raw, error: Exception, place: Place, strict: bool
) -> MalformedBody:
    malformed = MalformedBody(describe_malformed(bytes(raw), error, place))
    if strict:
        raise malformed from None
    return malformed
