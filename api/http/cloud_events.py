"""Signals as CloudEvents 1.0: the envelope fills what the signal in `data` leaves out.

The HTTP binding and the JSON format are those of the specification (cloudevents/spec, v1.0.2). A message in
binary mode is put into structured mode first, so that there is one way to read an event. The pointers of
errors are those of the event in the JSON format.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from api.http.errors import MalformedBody
from api.http.json_syntax import UNREADABLE, describe_malformed
from domain.errors import Fault, Invalid
from domain.orders.reading import read_signal
from domain.orders.signal_body import SourceName
from domain.orders.signals import Signal
from domain.validation import SET_BY_SERVICE, escape_pointer_token
from infrastructure.encoded_text import UnreadableText, to_utf8

EVENT: Final = "application/cloudevents+json"
EVENTS: Final = "application/cloudevents-batch+json"
VERSION: Final = "1.0"
TYPE_PREFIX: Final = "io.casetrail."
"""A type may have it: the reverse name of the organization that defines the type."""

_PREFIX: Final = b"ce-"
_REQUIRED: Final = ("id", "source", "specversion", "type")
_REQUIRED_HEADERS: Final = frozenset(_PREFIX + name.encode() for name in _REQUIRED)
_FILLS: Final = {
    "id": "id",
    "source": "source",
    "type": "type",
    "time": "event_time",
    "subject": "order",
}
"""Attribute -> the field of the signal that it fills."""
_OF_TRANSPORT: Final = frozenset(("traceparent", "tracestate", "partitionkey"))
"""Extension attributes that say how the event was sent. They say nothing about the order, and are not read."""
_KNOWN: Final = frozenset((*_REQUIRED, *_FILLS, "datacontenttype", "dataschema", "data"))
_OWN_FIELDS: Final = ("assumed_times", "of_source")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_JSON_TYPE: Final = re.compile(r"[^/\s]+/(?:[^/\s]+\+)?json", re.IGNORECASE)
Headers = Iterable[tuple[bytes, bytes]]


def is_binary_mode(headers: Headers, content_type: str) -> bool:
    """Whether a message has an event in its headers: one of the attributes that every event has."""
    is_structured = content_type.lstrip()[:23].lower() == "application/cloudevents"
    return not is_structured and any(name in _REQUIRED_HEADERS for name, _ in headers)


def to_structured_mode(headers: Headers, content_type: str, body: bytes) -> bytes:
    """The event of a message in binary mode, in the JSON format. What differs from one sending to the next is
    left out. Raises Invalid, MalformedBody."""
    attributes: dict[str, str] = {}
    faults = []
    for name, value in headers:
        if name.startswith(_PREFIX):
            attribute = name.removeprefix(_PREFIX).decode("latin-1")
            try:
                if attribute in attributes:
                    raise ValueError(f"the header ce-{attribute} is sent twice")
                attributes[attribute] = _decode_value(attribute, value)
            except ValueError as error:
                faults.append(Fault(f"/{escape_pointer_token(attribute)}", str(error)))
    if "datacontenttype" in attributes:
        detail = "the Content-Type of the message says it: leave the header ce-datacontenttype out"
        faults.append(Fault("/datacontenttype", detail))
    if "data" in attributes or "data_base64" in attributes:
        faults.append(Fault("/data", "the body is the data: leave the header out"))
    if not _is_json(content_type):
        faults.append(_no_json(content_type))
    if faults:
        raise Invalid(faults, "the event")
    try:
        data = to_utf8(body)
        if data.strip():
            msgspec.json.decode(data)
    except UnreadableText as error:
        raise MalformedBody(f"the body: {error}") from None
    except UNREADABLE as error:
        raise MalformedBody(describe_malformed(data, error)) from None
    members = {
        name: msgspec.json.encode(value)
        for name, value in sorted(attributes.items())
        if name not in _OF_TRANSPORT
    }
    if data.strip():
        members["data"] = data
    pairs = (msgspec.json.encode(name) + b":" + value for name, value in members.items())
    return b"{" + b",".join(pairs) + b"}"


def _decode_value(attribute: str, raw: bytes) -> str:
    """The value of a header: unquoted, and percent-decoded once (HTTP binding, 3.1.3.2). Raises ValueError."""
    try:
        text = raw.decode("ascii").strip(" \t")
    except UnicodeDecodeError:
        raise ValueError(
            f"the header ce-{attribute} has bytes outside ASCII: percent-encode them as UTF-8"
        ) from None
    if quoted := _QUOTED.fullmatch(text):
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise ValueError(
            f"the header ce-{attribute} is {text!r}, which is no percent-encoded UTF-8"
        ) from None


def signal_of(event: object) -> Signal:
    """The signal of an event, as read from JSON. Raises Invalid with all of its faults."""
    if not isinstance(event, Mapping):
        raise Invalid([Fault("", "an event is an object")], "the event")
    # A member that is null counts as left out; only `data` may be null.
    given = {name: value for name, value in event.items() if value is not None or name == "data"}
    faults = [*_faults_of_attributes(given), *_faults_of_data(given)]
    data = given.get("data")
    if faults or not isinstance(data, dict):
        raise Invalid(faults, "the event")
    filling = {
        field: _without_prefix(given[name]) if name == "type" else given[name]
        for name, field in _FILLS.items()
        if name in given and field not in data
    }
    if "source" in filling and not _is_source_name(filling["source"]):
        detail = f"{given['source']!r} is no name of a source of signals: give `source` in data, such as psp"
        raise Invalid([Fault("/source", detail)], "the event")
    document = {**filling, **data}
    differing = [*_contradictions(given, data)]
    try:
        signal = _read(document)
    except Invalid as invalid:
        placed = [Fault(_place(fault.pointer, filling), fault.detail) for fault in invalid.faults]
        raise Invalid([*differing, *placed], "the event") from None
    differing += _other_time(given, data, signal)
    if differing:
        raise Invalid(differing, "the event")
    return signal


def _read(document: dict[str, Any]) -> Signal:
    try:
        signal: Signal = msgspec.convert(document, Signal)
    except msgspec.ValidationError:
        return read_signal(document)
    return signal


def _faults_of_attributes(given: Mapping[str, Any]) -> Iterator[Fault]:
    for name in _REQUIRED:
        if name not in given:
            yield Fault(f"/{name}", f"missing: an event has `{name}` (in binary mode: ce-{name})")
    for name, value in given.items():
        if name == "data":
            continue
        if name == "data_base64":
            yield Fault("/data_base64", "is not read: send the signal as JSON in `data`")
        elif name not in _KNOWN and name not in _OF_TRANSPORT:
            yield Fault(
                f"/{escape_pointer_token(name)}",
                "an extension attribute that is not read: put what it says into the signal in `data`, or "
                "leave it out",
            )
        elif not isinstance(value, str) or not value:
            yield Fault(f"/{name}", "is no text of at least one character")
        elif name == "specversion" and value != VERSION:
            yield Fault(
                "/specversion", f"{value!r} is not read: send an event of version {VERSION}"
            )
        elif name == "datacontenttype" and not _is_json(value):
            yield _no_json(value)
        elif name == "time" and _moment(value) is None:
            yield Fault(
                "/time", f"{value!r} is not a time with an offset, such as 2026-11-29T10:00:00Z"
            )


def _faults_of_data(given: Mapping[str, Any]) -> Iterator[Fault]:
    if "data" not in given:
        if "data_base64" not in given:
            yield Fault("/data", "missing: it is the signal")
        return
    data = given["data"]
    if not isinstance(data, dict):
        yield Fault(
            "/data", "is no object: it is the signal, as JSON and not as a text that has JSON"
        )
        return
    for name in _OWN_FIELDS:
        if name in data:
            yield Fault(f"/data/{name}", SET_BY_SERVICE)


def _contradictions(given: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Fault]:
    """Where the envelope and the signal say different things. A source that is a URI is no name of ours, and
    is not compared."""
    for name, field in _FILLS.items():
        if name not in given or field not in data or field == "event_time":
            continue
        told = _without_prefix(given[name]) if name == "type" else given[name]
        if name == "source" and not _is_source_name(told):
            continue
        if told != data[field]:
            yield _differs(name, given[name], field, data[field])


def _other_time(
    given: Mapping[str, Any], data: Mapping[str, Any], signal: Signal
) -> Iterator[Fault]:
    if "time" in given and "event_time" in data and _moment(given["time"]) != signal.event_time:
        yield _differs("time", given["time"], "event_time", data["event_time"])


def _differs(name: str, told: object, field: str, other: object) -> Fault:
    return Fault(
        f"/{name}",
        f"the event's {name} is {told!r}, and `{field}` in its data is {other!r}: leave out `{field}` in "
        "the data, or send the same",
    )


def _place(pointer: str, filling: Mapping[str, Any]) -> str:
    """The pointer of a fault of the signal, in the event."""
    first = pointer.removeprefix("/").partition("/")[0]
    if first in filling:
        return "/" + next(name for name, field in _FILLS.items() if field == first)
    return f"/data{pointer}"


def _without_prefix(kind: str) -> str:
    return kind.removeprefix(TYPE_PREFIX)


def _is_source_name(text: str) -> bool:
    try:
        msgspec.convert(text, SourceName)
    except msgspec.ValidationError:
        return False
    return True


def _moment(text: str) -> datetime | None:
    """The time; None for a text that is none, and for one without an offset."""
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo is not None else None


def _is_json(content_type: str) -> bool:
    return _JSON_TYPE.fullmatch(content_type.partition(";")[0].strip()) is not None


def _no_json(content_type: str) -> Fault:
    return Fault(
        "/datacontenttype", f"{content_type!r} is not JSON: send the signal as application/json"
    )
