"""Reads real payloads of ../shared/data, which stay where they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.mappings.files import read_parts
from infrastructure.mappings.mapping import Delivery, MappedDelivery
from tests.mappings.mapped import COMMON, shipped, types

PAYLOADS = Path(__file__).resolve().parents[3] / "shared" / "data" / "payloads"
HERE = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="../shared/data/payloads is not here")
SENT = "2026-11-30T10:00:00Z"
ASKED = {"tracking_number": "05308801410058"}
Told = dict[str, int]


def results(name: str, file: Path, topic: str = "", unwrap: str = "") -> Iterator[MappedDelivery]:
    headers = {"x-shopify-topic": topic, "x-shopify-triggered-at": SENT}
    document = shipped(name)
    for part in read_parts(file):
        assert part.fault == ""
        body = part.body[unwrap] if unwrap else part.body
        yield document.read(
            Delivery(body=body, headers=headers, query=ASKED), COMMON, with_unread=True
        )


def check(result: MappedDelivery, told: Told) -> None:
    assert types(result) == told
    assert result.is_understood, (result.topic, result.unknown_codes)
    assert result.unread == {}


def scans(count: int) -> Told:
    return {"shipment.scanned": count} if count else {}
