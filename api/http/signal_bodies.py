"""Bodies of signals: one, an array, or NDJSON. Each signal is decoded on its own."""

from codecs import BOM_UTF8
from collections.abc import Iterable
from typing import Final

import msgspec

from api.http.errors import MalformedBody, TooLarge
from api.http.json_keys import find_repeated_keys, may_repeat_a_key
from domain.errors import CasetrailError, Invalid
from domain.orders.reading import read_signal
from domain.orders.signals import Signal
from infrastructure.encoded_text import UnreadableText, describe_undecodable, to_utf8

NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
MAX_SIGNALS: Final = 1_000

_signal_decoder = msgspec.json.Decoder(Signal)
_signals_decoder = msgspec.json.Decoder(list[Signal])
_raw_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

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
        lines = (line.removeprefix(BOM_UTF8) for line in body.split(b"\n"))
        return _decode_items([line for line in lines if line.strip()]), False
    if kind not in ("application/json", ""):
        raise MalformedBody(
            f"the Content-Type is {kind}; send application/json or application/x-ndjson"
        )
    if not body.lstrip().startswith(b"["):
        return [_decode(body, strict=True)], True
    try:
        signals: list[Item] = [*_signals_decoder.decode(body)]
        if may_repeat_a_key(body):
            return _decode_items(_raw_items_decoder.decode(body)), False
    except _UNREADABLE:
        try:
            raws = _raw_items_decoder.decode(body)
        except _UNREADABLE as error:
            raise _malformed(error) from None
        return _decode_items(raws), False
    _require_batch_limit(len(signals))
    return signals, False


def _decode_items(raws: Iterable[bytes | msgspec.Raw]) -> list[Item]:
    parts = list(raws)
    _require_batch_limit(len(parts))
    return [_decode(part) for part in parts]


def _require_batch_limit(count: int) -> None:
    if count > MAX_SIGNALS:
        raise TooLarge(f"{count} signals; send at most {MAX_SIGNALS} in one request")


def _decode(raw: bytes | msgspec.Raw, *, strict: bool = False) -> Item:
    try:
        signal: Signal = _signal_decoder.decode(raw)
        if may_repeat_a_key(raw) and (repeated := find_repeated_keys(raw)):
            return Invalid(repeated, "signal")
        return signal
    except msgspec.ValidationError:
        try:
            document = msgspec.json.decode(raw)
            repeated = find_repeated_keys(raw)
            signal = read_signal(document)
        except Invalid as invalid:
            return Invalid([*invalid.faults, *repeated], "signal") if repeated else invalid
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
            # Report the syntax error, not the faults before it: it must be corrected first.
            return _malformed(malformed, strict)
        return Invalid(repeated, "signal") if repeated else signal
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _malformed(error, strict)


def _malformed(error: Exception, strict: bool = False) -> MalformedBody:
    detail = str(error)
    if isinstance(error, UnicodeDecodeError):
        detail = f"{describe_undecodable(error)}: write it in UTF-8"
    malformed = MalformedBody(detail)
    if strict:
        raise malformed from None
    return malformed
