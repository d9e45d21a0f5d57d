"""Bodies of signals: one, an array, or NDJSON. Each signal is decoded on its own."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

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

Item = Signal | CasetrailError


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
        found = [line for line in lines if line.strip()]
        return _decode_items(found, places if len(found) > 1 else None), False
    if kind not in ("application/json", ""):
        raise MalformedBody(
            f"the Content-Type is {kind}; send application/json or application/x-ndjson"
        )
    if not body.lstrip().startswith(b"["):
        return [_decode(body, strict=True)], True
    try:
        signals: list[Signal] = _signals_decoder.decode(body)
        if may_repeat_a_key(body) or any(s.assumed_times is not UNSET for s in signals):
            return _decode_items(_raw_items_decoder.decode(body)), False
    except UNREADABLE:
        try:
            raws = _raw_items_decoder.decode(body)
        except UNREADABLE as error:
            raise MalformedBody(describe_malformed(body, error)) from None
        return _decode_items(raws), False
    _require_batch_limit(len(signals))
    return [*signals], False


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
