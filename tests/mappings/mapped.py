"""Reads mapping documents and deliveries in tests."""

import json
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

import pytest

from domain.errors import Invalid
from infrastructure.mappings.documents import find_mapping_file, load_mapping, parse_mapping
from infrastructure.mappings.mapping import Delivery, MappedDelivery, Mapping

COMMON = {"source": "test"}


def shipped(name: str) -> Mapping:
    return load_mapping(find_mapping_file(name))


def read(
    mapping: Mapping | str,
    body: Any,
    headers: Dict[str, str] | None = None,
    query: Dict[str, str] | None = None,
) -> MappedDelivery:
    document = parse_mapping(mapping) if isinstance(mapping, str) else mapping
    delivery = Delivery(body=body, headers=headers or {}, query=query or {})
    return document.read(delivery, COMMON, with_unread=True)


def documents(result: MappedDelivery) -> list[dict[str, Any]]:
    """The signals as they were made, without the source; each is a sound one."""
    assert [one.faults for one in result.signals if one.faults] == []
    assert all(one.signal is not None for one in result.signals)
    return [{k: v for k, v in one.document.items() if k != "source"} for one in result.signals]


def types(result: MappedDelivery) -> dict[str, int]:
    """How many signals of each type it makes; each is a sound one."""
    found: dict[str, int] = {}
    for one in documents(result):
        found[one["type"]] = found.get(one["type"], 0) + 1
    return found


def faults(result: MappedDelivery) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.detail) for one in result.signals for fault in one.faults]


def refused(text: str) -> Sequence[tuple[str, str]]:
    """The faults of a document: pointer, and detail with its line."""
    with pytest.raises(Invalid) as caught:
        parse_mapping(text)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


def one_field(value: str, field: str = "reason", extra: str = "") -> str:
    """A document whose signal has this value, written as YAML, in one field."""
    return (
        "mapping: one\n"
        "tables: {states: {ok: fine, 'begins*': beginning}}\n"
        "exponents: {ISK: 2}\n"
        f"{extra}"
        "deliveries:\n"
        "  - signals:\n"
        "      - type: payment.voided\n"
        "        fields:\n"
        "          id: \"'1'\"\n"
        "          order: \"'A'\"\n"
        "          event_time: \"'2026-11-30T10:00:00Z'\"\n"
        f"          {field}: {value}\n"
    )


def value_of(value: str, body: Any, field: str = "reason") -> Any:
    """What a value becomes; None if it is absent."""
    (one,) = documents(read(one_field(value, field), body))
    return one.get(field)


def quoted(value: object) -> str:
    """A value as JSON, which is YAML."""
    return json.dumps(value)
