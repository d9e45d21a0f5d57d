"""Bodies of signals: one, an array, or lines of JSON; each signal is decoded by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from api.http.errors import MalformedBody, TooLarge
from api.http.json_keys import repeated_names, repeats_a_name
from domain.errors import CasetrailError, Fault, Invalid
from domain.orders.signals import Signal
from domain.validation import faults_of

NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
MOST_SIGNALS: Final = 1_000

_one = msgspec.json.Decoder(Signal)
_many = msgspec.json.Decoder(list[Signal])
_raws = msgspec.json.Decoder(list[msgspec.Raw])

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Item = Signal | CasetrailError


def items_of(body: bytes, content_type: str) -> tuple[list[Item], bool]:
    """Each item of the body as a signal or as the error that refuses it; and whether the body was
    a single signal.

    Raises MalformedBody for a body that is no JSON at all, TooLarge for too many items.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in NDJSON:
        return _few([line for line in body.splitlines() if line.strip()]), False
    if kind not in ("application/json", ""):
        raise MalformedBody(
            f"the Content-Type is {kind}; send application/json or application/x-ndjson"
        )
    if not body.lstrip().startswith(b"["):
        return [_decode(body, strict=True)], True
    try:
        signals: list[Item] = [*_many.decode(body)]
        if repeats_a_name(body):
            return _few(_raws.decode(body)), False
    except _UNREADABLE:
        try:
            raws = _raws.decode(body)
        except _UNREADABLE as error:
            raise MalformedBody(str(error)) from None
        return _few(raws), False
    _not_too_many(len(signals))
    return signals, False


def _few(raws: Iterable[bytes | msgspec.Raw]) -> list[Item]:
    parts = list(raws)
    _not_too_many(len(parts))
    return [_decode(part) for part in parts]


def _not_too_many(count: int) -> None:
    if count > MOST_SIGNALS:
        raise TooLarge(f"{count} signals, at most {MOST_SIGNALS} in one request")


def _decode(raw: bytes | msgspec.Raw, *, strict: bool = False) -> Item:
    try:
        signal: Signal = _one.decode(raw)
        if repeats_a_name(raw) and (repeated := repeated_names(raw)):
            return Invalid(repeated, "signal")
        return signal
    except msgspec.ValidationError as error:
        try:
            found = [*faults_of(msgspec.json.decode(raw), Signal), *repeated_names(raw)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
            # What comes before the break was wrong as well; the break is what must be mended first.
            return _malformed(malformed, strict)
        return Invalid(found or [Fault("", str(error))], "signal")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _malformed(error, strict)


def _malformed(error: Exception, strict: bool) -> MalformedBody:
    malformed = MalformedBody(str(error))
    if strict:
        raise malformed from None
    return malformed
