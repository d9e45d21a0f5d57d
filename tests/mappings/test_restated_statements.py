"""Systems state the same thing again and again: a signal's id stands for one content, whatever else has changed."""

from pathlib import Path

import pytest

from infrastructure.mappings.documents import parse_mapping
from infrastructure.mappings.files import read_parts
from tests.mappings.mapped import faults, read, refused, shipped
from tests.mappings.payloads import HERE, PAYLOADS, SENT
from tests.mappings.restated import differing
from tests.mappings.samples import body_of, headers_of, sample_files
from tests.mappings.test_real_payloads import SHOPIFY
from tests.mappings.test_real_payloads_of_carriers import CARRIERS

SYSTEMS = ("shopify", "aftership", "shipengine", "woocommerce", "zendesk")


@pytest.mark.parametrize(
    "file", sample_files(*SYSTEMS), ids=lambda file: f"{file.parent.name}/{file.stem}"
)
def test_samples_state_the_same_later(file: Path) -> None:
    found = differing(shipped(file.parent.name), body_of(file), headers=headers_of(file))
    assert [*found] == []


@HERE
@pytest.mark.parametrize("name", CARRIERS)
def test_carriers_state_the_same_later(name: str) -> None:
    for part in read_parts(PAYLOADS / "carriers" / name):
        assert [
            *differing(shipped(name.partition("/")[0]), part.body, query={"tracking_number": "1"})
        ] == []


@HERE
@pytest.mark.parametrize("topic", sorted({topic for _, topic, _ in SHOPIFY}))
def test_shopify_states_the_same_later(topic: str) -> None:
    headers = {"x-shopify-topic": topic, "x-shopify-triggered-at": SENT}
    for file in {file for file, one, _ in SHOPIFY if one == topic}:
        (part,) = read_parts(PAYLOADS / "shopify" / file)
        assert [*differing(shipped("shopify"), part.body, headers=headers)] == []


@HERE
def test_trackers_of_easypost_state_the_same_later() -> None:
    for file in (PAYLOADS / "easypost" / "tracker").glob("*.json"):
        (part,) = read_parts(file)
        assert [*differing(shipped("easypost"), part.body["body"])] == []


CHANGING = """
mapping: one
deliveries:
  - signals:
      - type: shipment.scanned
        may_change: {fields}
        fields: {{id: id, order: order, event_time: at, status: "'in_transit'", estimate: expected}}
"""
SCAN = {"id": "1", "order": "A", "at": SENT, "expected": "2026-12-01"}


def test_what_changes_between_two_statements_is_found() -> None:
    """The test above finds what it is for."""
    silent = parse_mapping(CHANGING.format(fields="[]"))
    assert [*differing(silent, SCAN)] == ["shipment.scanned 1: estimate (expected)"]
    assert [*differing(parse_mapping(CHANGING.format(fields="[estimate]")), SCAN)] == []


def test_only_fields_of_the_signal_may_change_and_not_its_identity() -> None:
    assert faults(read(CHANGING.format(fields="[estimate]"), SCAN)) == []
    for name in ("estimat", "id", "order", "source"):
        ((pointer, detail),) = refused(CHANGING.format(fields=f"[{name}]"))
        assert pointer == "/deliveries/0/signals/0/may_change/0"
        assert detail.startswith("line 6: ")
        assert "estimate" in detail
