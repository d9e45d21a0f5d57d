"""Samples written from the published schemas, before the mapping documents were read: what each states, by the
meaning of its system's fields."""

from pathlib import Path
from typing import Any

import pytest

from domain.orders.shipment_signals import Scanned
from tests.mappings.mapped import documents
from tests.mappings.samples import SAMPLES, read_sample, sample_files

SYSTEMS = ("shopify", "aftership", "shipengine", "woocommerce", "zendesk")


@pytest.mark.parametrize(
    "file", sample_files(*SYSTEMS), ids=lambda file: f"{file.parent.name}/{file.stem}"
)
def test_each_is_understood_and_read_whole(file: Path) -> None:
    result = read_sample(file)
    documents(result)
    assert result.is_understood, (result.topic, result.unknown_codes)
    assert result.unread == {}


def said(name: str) -> list[tuple[str, dict[str, Any]]]:
    """The type and the fields of each signal."""
    return [(one.pop("type"), one) for one in documents(read_sample(SAMPLES / f"{name}.json"))]


def types_of(name: str) -> list[str]:
    return [kind for kind, _ in said(name)]


def test_returns_of_shopify_keep_one_name_from_request_to_close() -> None:
    told = [
        *(said(f"shopify/returns_{one}")[0] for one in ("approve", "close", "cancel", "reopen")),
        said("shopify/reverse_deliveries_attach_deliverable")[0],
    ]
    assert [kind for kind, _ in told] == [
        "return.authorized",
        "return.closed",
        "return.cancelled",
        "return.authorized",
        "return.label_created",
    ]
    assert {fields["rma"] for _, fields in told} == {"5500102"}
    approved, label = told[0][1], told[-1][1]
    assert approved["lines"] == [
        {"line": "99100021", "quantity": 1},
        {"line": "99100022", "quantity": 2},
    ]
    assert approved["fees"] == [
        {"kind": "restocking", "amount": {"amount": "7.99", "currency": "EUR"}},
        {"kind": "return_shipping", "amount": {"amount": "4.90", "currency": "EUR"}},
    ]
    assert (label["refs"], label["tracking"]) == ({"rma": "5500102"}, "RR123456785DE")


def test_a_dispute_of_shopify_from_beginning_to_end() -> None:
    ((kind, opened),) = said("shopify/disputes_create")
    assert kind == "dispute.opened"
    assert {name: opened[name] for name in ("order", "dispute", "stage", "respond_by")} == {
        "order": "6600460",
        "dispute": "285332461",
        "stage": "chargeback",
        "respond_by": "2026-12-05T18:00:00-05:00",
    }
    assert types_of("shopify/disputes_update_under_review") == [
        "dispute.opened",
        "dispute.evidence_sent",
    ]
    assert said("shopify/disputes_update_won")[-1][1]["outcome"] == "won"
    assert said("shopify/disputes_update_accepted")[-1][1]["outcome"] == "lost"
    # It was the same statement each time, and the answer is due later only where the sender says so.
    again = [said(f"shopify/disputes_{one}")[0][1] for one in ("update_under_review", "update_won")]
    assert again == [opened, opened]


def test_a_dispute_that_a_refund_ended_is_not_given_back_twice() -> None:
    (_, opened), (kind, closed) = said("shopify/disputes_update_charge_refunded")
    # `lost` would count beside the refund, which Shopify tells of itself.
    assert (kind, closed["outcome"]) == ("dispute.closed", "withdrawn")
    assert opened["amount"] == {"amount": "4500", "currency": "JPY"}
    # Until when to answer has changed since it was opened: another statement.
    assert opened["id"] != said("shopify/disputes_create_inquiry_yen")[0][1]["id"]


def test_a_dispute_without_an_order_waits_for_one() -> None:
    ((_, opened),) = said("shopify/disputes_create_without_order")
    assert ("order" in opened, opened["refs"]) == (False, {"dispute": "285332463"})


def test_an_edit_of_shopify_is_told_by_the_order_itself() -> None:
    """`orders/edited` has differences only; `orders/updated` comes with it, and has the lines."""
    for file in sample_files("shopify"):
        if file.stem.startswith("orders_edited"):
            assert documents(read_sample(file)) == []


def scans_of(name: str) -> list[tuple[str, str]]:
    """The status and the incident of each scan."""
    signals = [one.signal for one in read_sample(SAMPLES / f"{name}.json").signals]
    assert all(isinstance(one, Scanned) for one in signals)
    return [
        (str(one.status), str(one.incident or "")) for one in signals if isinstance(one, Scanned)
    ]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("aftership/pending", "unknown"),
        ("aftership/in_transit", "in_transit"),
        ("aftership/delivered", "delivered"),
        ("aftership/attempt_fail", "failure"),
        ("aftership/available_for_pickup", "available_for_pickup"),
        ("aftership/exception_returning", "return_to_sender"),
        ("shipengine/attempt", "failure"),
        ("shipengine/collection_point", "available_for_pickup"),
        ("shipengine/returning", "return_to_sender"),
    ],
)
def test_what_a_tracker_says_of_its_parcel(name: str, last: str) -> None:
    assert scans_of(name)[-1][0] == last


def test_incidents_of_trackers() -> None:
    for system in ("aftership/exception_", "shipengine/"):
        assert "lost" in scans_of(f"{system}lost")[-1][1]
        assert "damage" in scans_of(f"{system}damaged")[-1][1]


def test_a_tracker_lists_its_last_event_first() -> None:
    assert [status for status, _ in scans_of("shipengine/delivered")] == [
        "delivered",
        "in_transit",
        "in_transit",
    ]
    # An event without a code has not the status of the whole parcel.
    last, earlier = scans_of("shipengine/exception_local_time")
    assert ("address" in last[1], earlier) == (True, ("unknown", ""))
    assert types_of("shipengine/not_yet_in_system") == []


def test_a_time_without_an_offset_is_that_of_the_place() -> None:
    (_, arrived), _ = said("aftership/attempt_fail")
    assert (arrived["event_time"], arrived["time_zone"]) == (
        "2026-11-15T06:12:00",
        "America/Los_Angeles",
    )


def test_a_parcel_that_returns_was_on_its_way_out() -> None:
    assert all("direction" not in fields for _, fields in said("aftership/exception_returning"))


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def test_an_order_of_woocommerce() -> None:
    (placed_kind, placed), (paid_kind, paid) = said("woocommerce/order_created")
    assert (placed_kind, placed["order"], placed["event_time"]) == (
        "order.placed",
        "727",
        "2026-11-08T17:24:09Z",
    )
    assert [
        (line["id"], line.get("sku"), line["quantity"], line["price"]) for line in placed["lines"]
    ] == [("315", "CAF-250", 2, euros("12.50")), ("316", None, 1, euros("15.00"))]
    assert placed["charges"] == [
        {"kind": "shipping", "id": "317", "amount": euros("4.95"), "tax": euros("1.04")}
    ]
    assert placed["total"] == euros("54.39")
    assert (paid_kind, paid["payment"], paid["amount"]) == (
        "payment.captured",
        "pi_3QKabc000000000000000001",
        euros("54.39"),
    )


def test_cash_on_delivery_in_yen_by_a_guest() -> None:
    ((_, placed),) = said("woocommerce/order_created_guest_yen")
    assert placed["tenders"] == ["cash_on_delivery"]
    assert "id" not in placed["customer"]
    assert placed["total"] == {"amount": "5650", "currency": "JPY"}
    (line,) = placed["lines"]
    assert (line["price"]["amount"], line["discount"]["amount"], line["tax"]["amount"]) == (
        "2272.5",
        "455",
        "409",
    )
    assert [(one["kind"], one["amount"]["amount"]) for one in placed["charges"]] == [
        ("shipping", "500"),
        ("fee", "546"),
    ]


def test_what_becomes_of_an_order_of_woocommerce() -> None:
    assert types_of("woocommerce/order_created_unpaid_transfer") == [
        "order.placed",
        "payment.pending",
    ]
    assert types_of("woocommerce/order_updated_cancelled") == ["order.edited", "order.cancelled"]
    assert types_of("woocommerce/order_updated_failed") == ["order.edited", "payment.failed"]
    refunds = [
        fields
        for kind, fields in said("woocommerce/order_updated_refunded")
        if kind == "refund.issued"
    ]
    assert [(one["id"], one["amount"]) for one in refunds] == [
        ("refund:742", euros("36.24")),
        ("refund:741", euros("18.15")),
    ]
    assert types_of("woocommerce/order_deleted") == []


def test_claims_in_tickets() -> None:
    claims = {}
    for name in (
        "ticket_created",
        "ticket_created_with_order_field",
        "trigger",
        "custom_field_changed",
    ):
        message, claim = said(f"zendesk/{name}")
        assert (message[0], claim[0]) == ("customer.message_received", "customer.claimed")
        claims[name] = (claim[1]["order"], claim[1]["kind"], message[1]["channel"])
    assert claims == {
        "ticket_created": ("1045", "not_received", "portal"),
        "ticket_created_with_order_field": ("6600451", "wrong_item", "email"),
        "trigger": ("6600451", "damaged", "email"),
        "custom_field_changed": ("1045", "not_received", "portal"),
    }
    assert types_of("zendesk/comment_added") == ["customer.message_received"]
    assert types_of("zendesk/status_changed") == []
