"""Samples that we wrote from the published schemas of systems, and the headers that they come with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infrastructure.mappings.files import read_parts
from infrastructure.mappings.mapping import Delivery, MappedDelivery
from tests.mappings.mapped import COMMON, shipped

SAMPLES = Path(__file__).resolve().parents[1] / "sources" / "samples"
SENT = "2026-11-30T10:00:00.000Z"
SHOPIFY_TOPICS = {
    "disputes_create": "disputes/create",
    "disputes_update": "disputes/update",
    "orders_edited": "orders/edited",
    "reverse_deliveries": "reverse_deliveries/attach_deliverable",
}


def topic_of(file: Path) -> str:
    """The topic that the sender names beside it, in a header; empty if the body tells it."""
    if file.parent.name == "woocommerce":
        return "order." + file.stem.split("_")[1]
    if file.parent.name != "shopify":
        return ""
    begins = "_".join(file.stem.split("_")[:2])
    return SHOPIFY_TOPICS.get(begins, begins.replace("_", "/"))


def headers_of(file: Path) -> Mapping[str, str]:
    topic = topic_of(file)
    if file.parent.name == "shopify":
        return {"x-shopify-topic": topic, "x-shopify-triggered-at": SENT}
    return {"x-wc-webhook-topic": topic} if topic else {}


def sample_files(*systems: str) -> list[Path]:
    found = (file for system in systems for file in (SAMPLES / system).glob("*.json"))
    return sorted(file for file in found if file.stem != "headers")


def body_of(file: Path) -> Any:
    (part,) = read_parts(file)
    assert part.fault == ""
    return part.body


def read_sample(file: Path) -> MappedDelivery:
    delivery = Delivery(body=body_of(file), headers=headers_of(file))
    return shipped(file.parent.name).read(delivery, COMMON, with_unread=True)
