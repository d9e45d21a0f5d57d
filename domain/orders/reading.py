"""Reads a signal that the strict decoder refused: repairs its times, or lists all of its faults.

HTTP and the command line decode at full speed first, and come here only when that fails.
"""

import copy
import re
import typing
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from domain.errors import Fault, Invalid
from domain.orders.signal_body import SignalBody
from domain.orders.signal_times import check_moment, time_zone
from domain.orders.signals import Signal
from domain.validation import escape_pointer_token, faults_of, struct_fields

_REPAIRABLE: Final = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d+))?"
    r"(?P<hours>[+-]\d\d):?(?P<minutes>\d\d)?|"
    r"(?P<before>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d),(?P<decimals>\d+)(?P<rest>[Zz]?)"
)
"""Times of ISO 8601 that RFC 3339 does not allow: `+0100`, `+01`, and a comma before the fraction."""
_KINDS: Final[dict[str, type[SignalBody]]] = {
    str(kind.__struct_config__.tag): kind for kind in typing.get_args(Signal)
}
NO_ORDER: Final = "give `order`, or `refs` that lead to the order"


def read_signal(document: Any) -> Signal:
    """The signal of a document, as read from JSON. Raises Invalid with all of its faults."""
    document = repair_times(document)
    try:
        signal: Signal = msgspec.convert(document, Signal)
    except msgspec.ValidationError as error:
        raise Invalid(_faults_of(document) or [Fault("", str(error))], "signal") from None
    return signal


def faults_of_signal(document: Any) -> list[Fault]:
    """Every fault of a document that should be a signal."""
    return _faults_of(repair_times(document))


def repair_times(document: Any) -> Any:
    """A copy of the document whose times all have the form of RFC 3339, where their meaning is clear."""
    kind = _kind_of(document)
    if kind is None:
        return document
    repaired = copy.deepcopy(document)
    for place, key, _ in _times(repaired, kind):
        if isinstance(place[key], str) and (found := _REPAIRABLE.fullmatch(place[key])):
            place[key] = _repaired(found)
    return repaired


def _repaired(found: re.Match[str]) -> str:
    if found["before"]:
        return f"{found['before']}.{found['decimals']}{found['rest']}"
    fraction = f".{found['fraction']}" if found["fraction"] else ""
    return f"{found['seconds']}{fraction}{found['hours']}:{found['minutes'] or '00'}"


def _faults_of(document: Any) -> list[Fault]:
    found = faults_of(document, Signal)
    kind = _kind_of(document)
    if kind is None:
        return found
    # The struct's own rules stop at the first error and name no place; here each has its pointer.
    named = [*_identity_faults(document), *_faults_of_local_times(document, kind)]
    known = {fault.pointer for fault in found if fault.pointer}
    named = [fault for fault in named if fault.pointer not in known]
    kept = [fault for fault in found if fault.pointer or not named]
    return [_with_field(fault, kind) for fault in kept] + named


def _with_field(fault: Fault, kind: type[SignalBody]) -> Fault:
    """The fault of a rule of the struct, at the first field that it names."""
    field = re.search("`([a-z_]+)`", fault.detail)
    if fault.pointer or field is None or field[1] not in kind.__struct_fields__:
        return fault
    return Fault(f"/{field[1]}", fault.detail)


def _kind_of(document: Any) -> type[SignalBody] | None:
    tag = document.get("type") if isinstance(document, dict) else None
    return _KINDS.get(tag) if isinstance(tag, str) else None


def _identity_faults(document: dict[str, Any]) -> Iterator[Fault]:
    refs = document.get("refs")
    if document.get("order", "") == "" and not (
        isinstance(refs, dict) and any(one is not None for one in refs.values())
    ):
        yield Fault("/order", NO_ORDER)


def _faults_of_local_times(document: dict[str, Any], kind: type[SignalBody]) -> Iterator[Fault]:
    zone = _zone_of(document)
    for place, key, pointer in _times(document, kind):
        local = _local_time(place[key])
        if local is None:
            continue
        if zone is None and "time_zone" not in document:
            yield Fault(
                pointer,
                f"{place[key]} has no offset: add one, such as Z or +01:00, or name the zone in `time_zone`",
            )
        elif zone is not None:
            try:
                check_moment(local.replace(tzinfo=zone))
            except ValueError as error:
                yield Fault(pointer, str(error))


def _zone_of(document: dict[str, Any]) -> ZoneInfo | None:
    try:
        return time_zone(document["time_zone"])
    except (KeyError, TypeError, ValueError):
        return None


def _local_time(raw: object) -> datetime | None:
    try:
        moment = msgspec.convert(raw, datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo is None else None


_hints = cache(typing.get_type_hints)


def _times(raw: Any, hint: Any, pointer: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Each place of a time in plain data: its container, its key and its pointer."""
    if isinstance(raw, dict):
        for struct in _structs_in(hint):
            hints = _hints(struct)
            for field in struct_fields(struct):
                name = field.encode_name
                if name in raw:
                    inner = f"{pointer}/{escape_pointer_token(name)}"
                    if _is_time(hints[field.name]):
                        yield raw, name, inner
                    yield from _times(raw[name], hints[field.name], inner)
    elif isinstance(raw, list):
        for number, one in enumerate(raw):
            for part in typing.get_args(hint):
                yield from _times(one, part, f"{pointer}/{number}")


def _is_time(hint: Any) -> bool:
    return hint is datetime or datetime in typing.get_args(hint)


def _structs_in(hint: Any) -> Iterator[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
    else:
        for part in typing.get_args(hint):
            if isinstance(part, type) and issubclass(part, Struct):
                yield part
