"""Reads the deliveries of sources by mapping documents."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from application.sources.ports import RawDelivery, ReadDelivery
from domain.errors import Fault, Invalid
from domain.fault_texts import not_one_of, shown
from domain.orders.code_folding import fold_code
from domain.orders.signal_body import DEFAULT_SHOP, OrderId, ShopName, order_key
from domain.sources.deliveries import NotUnderstood, NotUnderstoodWhy
from domain.sources.source import MappingChoice
from infrastructure.encoded_text import (
    GZIP_MAGIC,
    TextTooLong,
    UnreadableText,
    describe_undecodable,
    to_utf8,
    unpack,
)
from infrastructure.mappings.documents import parse_mapping, shipped_mappings
from infrastructure.mappings.files import parse_body
from infrastructure.mappings.mapping import Delivery, MappedDelivery, MappedSignal, Mapping

MOST_KEPT: Final = 64
"""Compiled documents of a thread."""
LARGEST_BODY: Final = 8 << 20
"""Bytes of an unpacked body."""
_FORM: Final = "application/x-www-form-urlencoded"
_LONGEST_DETAIL: Final = 500
_LONGEST_NAME: Final = 200


class SourceMappings:
    """The application's `Mappings`. A compiled document serves one thread at a time, so each thread has its own."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def choose(self, name: str | None, document: str | None) -> MappingChoice:
        if (name is None) is (document is None):
            fault = Fault(
                "/mapping", "give either `mapping`, the name of one that ships, or `document`"
            )
            raise Invalid([fault], "the source")
        if name is not None:
            shipped = shipped_mappings()
            if name not in shipped:
                raise Invalid([Fault("/mapping", not_one_of(name, list(shipped)))], "the source")
            document = shipped[name].read_text(encoding="utf-8")
        assert document is not None
        try:
            mapping = parse_mapping(document)
        except Invalid as error:
            faults = [Fault("/document", f"{f.pointer or '/'}: {f.detail}") for f in error.faults]
            raise Invalid(faults, "the mapping") from None
        return MappingChoice(mapping.name, mapping.digest, document)

    def read(
        self, mapping: MappingChoice, raw: RawDelivery, source: str, shop: str | None
    ) -> ReadDelivery:
        try:
            body = _body_of(raw)
        except UnicodeDecodeError as error:
            return _unreadable(f"{describe_undecodable(error)}; send it in UTF-8")
        except (ValueError, UnreadableText, TextTooLong) as error:
            return _unreadable(str(error))
        delivery = Delivery(body=body, headers=raw.headers, query=raw.query)
        common: dict[str, object] = {"source": source}
        if shop is not None:
            common["shop"] = shop
        found = self._compiled(mapping.document).read(delivery, common)
        sound = [one for one in found.signals if one.signal is not None and not one.faults]
        return ReadDelivery(
            found.topic,
            [one.signal for one in sound if one.signal is not None],
            tuple(_reasons(found)),
            [one.may_change for one in sound],
            frozenset(one.table for one in found.unknown_codes if one.is_vocabulary),
            [*dict.fromkeys(_orders_of(found.signals))],
            frozenset(fold_code(_one_line(one)) for one in found.read_codes),
        )

    def _compiled(self, document: str) -> Mapping:
        if not hasattr(self._of_thread, "parse"):
            self._of_thread.parse = lru_cache(MOST_KEPT)(parse_mapping)
        mapping: Mapping = self._of_thread.parse(document)
        return mapping


def _body_of(raw: RawDelivery) -> object:
    """The body as plain data, by its media type: XML, a form, and JSON otherwise. Raises ValueError and others."""
    content = raw.body
    if content.startswith(GZIP_MAGIC):
        content = unpack(content, LARGEST_BODY)
    if len(content) > LARGEST_BODY:
        raise TextTooLong(f"more than {LARGEST_BODY} bytes")
    media_type = raw.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = to_utf8(content).decode()
    if media_type == _FORM:
        return _form_of(text)
    is_xml = media_type.endswith(("/xml", "+xml")) or text.lstrip().startswith("<")
    return parse_body("xml" if is_xml else "json", text)


def _orders_of(signals: Sequence[MappedSignal]) -> Iterator[str]:
    """The orders of signals with faults, as far as they can be read."""
    for one in signals:
        if not one.faults:
            continue
        order, shop = one.document.get("order"), one.document.get("shop", DEFAULT_SHOP)
        with suppress(msgspec.ValidationError):
            yield order_key(
                msgspec.convert(order, OrderId, strict=False), msgspec.convert(shop, ShopName)
            )


def _unreadable(detail: str) -> ReadDelivery:
    reason = NotUnderstood(NotUnderstoodWhy.UNREADABLE_BODY, _cut(detail))
    return ReadDelivery(None, (), (reason,))


def _form_of(text: str) -> dict[str, str | list[str]]:
    """The fields of a form; one that comes several times is a list. Raises ValueError."""
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"a field of the form is {describe_undecodable(error)}") from None
    except ValueError as error:
        raise ValueError(f"not readable as a form: {shown(str(error))}") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _reasons(found: MappedDelivery) -> Iterator[NotUnderstood]:
    if not found.is_known:
        topic = "no topic" if found.topic is None else f"the topic {found.topic}"
        detail = f"no rule of the mapping is for {topic}; see its `deliveries`"
        yield NotUnderstood(NotUnderstoodWhy.UNKNOWN_TOPIC, _cut(detail))
    for one in dict.fromkeys(found.unknown_codes):
        detail = f"{one.table} does not list the code {one.code!r}"
        yield NotUnderstood(
            NotUnderstoodWhy.UNKNOWN_CODE, _cut(detail), code=_one_line(one.code), table=one.table
        )
    for mapped in found.signals:
        for fault in mapped.faults:
            yield NotUnderstood(
                NotUnderstoodWhy.UNREADABLE_FIELD,
                _cut(f"{_name(mapped)}: {fault.detail}"),
                pointer=fault.pointer,
            )


def _name(mapped: MappedSignal) -> str:
    kind, id = mapped.document.get("type"), mapped.document.get("id")
    return f"{kind} {id}" if id else str(kind or "the delivery")


def _one_line(text: str) -> str:
    """What is kept for ever and goes into reports: printable, without a NUL, and short."""
    text = text[:_LONGEST_NAME]
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"
