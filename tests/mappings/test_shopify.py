"""Webhooks of Shopify, as its documentation has them: samples of our own."""

from typing import Any

import pytest

from infrastructure.mappings.mapping import MappedDelivery
from tests.mappings.mapped import documents, faults, read, shipped, types

SHOPIFY = shipped("shopify")
SENT = "2026-11-30T10:00:00Z"
USD: dict[str, Any] = {"amount": "10.00", "currency_code": "USD"}


def sent(topic: str, body: Any) -> MappedDelivery:
    return read(SHOPIFY, body, {"x-shopify-topic": topic, "x-shopify-triggered-at": SENT})


def refund(**more: Any) -> dict[str, Any]:
    paid = {
        "id": 71,
        "kind": "refund",
        "status": "success",
        "amount": "5.00",
        "currency": "USD",
        "authorization": "re_1",
        "processed_at": SENT,
        "gateway": "stripe",
    }
    line = {
        "line_item_id": 11,
        "quantity": 1,
        "subtotal": 4.2,
        "total_tax": 0.8,
        "restock_type": "return",
    }
    return {"id": 7, "order_id": 1, "note": "too small", "created_at": SENT, "transactions": [paid], "refund_line_items": [line], **more}  # fmt: skip


def fulfilment(**more: Any) -> dict[str, Any]:
    return {"id": 5, "order_id": 1, "status": "success", "created_at": SENT, "updated_at": SENT, "tracking_company": "UPS", "tracking_number": "1Z", "tracking_numbers": ["1Z"], "line_items": [{"id": 11, "quantity": 2}], **more}  # fmt: skip


def order(**more: Any) -> dict[str, Any]:
    line = {
        "id": 11,
        "sku": "A",
        "title": "Shoe",
        "quantity": 2,
        "price": "10.00",
        "tax_lines": [{"price": "2.00"}],
        "discount_allocations": [{"amount": "1.00"}],
        "requires_shipping": True,
    }
    return {"id": 1, "name": "#1001", "currency": "USD", "total_price": "26.00", "processed_at": SENT, "updated_at": SENT, "line_items": [line], "shipping_lines": [{"id": 2, "price": "5.00", "discounted_price": "5.00"}], "customer": {"id": 9, "email_marketing_consent": {"state": "subscribed", "consent_updated_at": SENT}}, "email": "a@example.org", "buyer_accepts_marketing": True, "shipping_address": {"country_code": "US", "city": "X", "address1": "1 Way"}, **more}  # fmt: skip


def test_an_order_is_placed_with_its_parts() -> None:
    (placed,) = documents(sent("orders/create", order()))
    assert (placed["order"], placed["refs"]) == ("1", {"order_number": "#1001"})
    assert placed["lines"] == [
        {
            "id": "11",
            "sku": "A",
            "title": "Shoe",
            "price": {"amount": "10.00", "currency": "USD"},
            "discount": {"amount": "1.00", "currency": "USD"},
            "tax": {"amount": "2.00", "currency": "USD"},
            "requires_shipping": True,
            "quantity": 2,
        }
    ]
    assert placed["charges"][0]["discount"]["amount"] == "0.00"
    assert placed["customer"]["consents"] == [
        {"channel": "email", "purpose": "marketing", "given": True, "at": SENT}
    ]
    guest = order(customer=None)
    assert documents(sent("orders/create", guest))[0]["customer"]["consents"] == [
        {"channel": "email", "purpose": "marketing", "given": True}
    ]


def test_a_line_that_was_taken_out_is_no_longer_told() -> None:
    lines = [{"id": 11, "price": "10.00", "quantity": 2, "current_quantity": 1}, {"id": 12, "price": "1.00", "quantity": 1, "current_quantity": 0}]  # fmt: skip
    (edited,) = documents(sent("orders/updated", order(line_items=lines)))
    assert edited["type"] == "order.edited"
    assert [(line["id"], line["quantity"]) for line in edited["lines"]] == [("11", 1)]
    delta = {
        "order_edit": {"id": 3, "order_id": 1, "line_items": {"removals": [{"id": 12, "delta": 1}]}}
    }
    assert types(sent("orders/edited", delta)) == {}


def test_a_change_of_a_cancelled_order_does_not_tell_its_lines_again() -> None:
    """Shopify leaves the lines of an order as they were where nothing was restocked: told again, they would be
    pieces that are to be sent."""
    body = order(cancelled_at=SENT, cancel_reason="customer", tags="vip")
    told = documents(sent("orders/updated", body))
    assert [one["type"] for one in told] == ["order.edited", "order.cancelled"]
    assert "lines" not in told[0]


def test_what_an_order_carries_is_the_same_statement_as_its_own_webhook() -> None:
    whole = sent(
        "orders/updated",
        order(
            cancelled_at=SENT,
            cancel_reason="customer",
            fulfillments=[fulfilment()],
            refunds=[refund()],
        ),
    )
    assert types(whole) == {"order.edited": 1, "order.cancelled": 1, "shipment.handed_over": 1, "refund.issued": 1}  # fmt: skip
    apart = [
        *documents(sent("fulfillments/create", fulfilment())),
        *documents(sent("refunds/create", refund())),
    ]
    assert [one for one in documents(whole) if not one["type"].startswith("order.")] == apart
    lost_order_id = fulfilment()
    del lost_order_id["order_id"]
    assert documents(sent("orders/paid", order(fulfillments=[lost_order_id])))[1]["order"] == "1"


def test_a_list_tells_of_orders_that_may_not_be_known() -> None:
    assert types(sent("orders/updated", {"orders": [order(), order(id=2)]})) == {
        "order.placed": 2,
        "order.edited": 2,
    }


def test_the_goods_of_a_refund_are_told_once() -> None:
    card, gift = refund()["transactions"][0], {**refund()["transactions"][0], "id": 72, "gateway": "gift_card"}  # fmt: skip
    first, second = documents(sent("refunds/create", refund(transactions=[card, gift])))
    assert first["lines"] == [
        {"line": "11", "quantity": 1, "amount": {"amount": "5.00", "currency": "USD"}}
    ]
    assert (first["restock"], "lines" in second, "restock" in second) == (True, False, False)
    shipping = {"kind": "shipping_refund", "amount": "-5.00", "tax_amount": "-0.50"}
    (one,) = documents(sent("refunds/create", refund(order_adjustments=[shipping])))
    assert one["charges"] == [{"kind": "shipping", "amount": {"amount": "5.50", "currency": "USD"}}]


@pytest.mark.parametrize(
    ("status", "kind"),
    [("success", "issued"), ("pending", "requested"), ("failure", "failed"), ("error", "failed")],
)
def test_a_refund_is_what_its_transaction_is(status: str, kind: str) -> None:
    paid = {**refund()["transactions"][0], "status": status}
    assert types(sent("refunds/create", refund(transactions=[paid]))) == {f"refund.{kind}": 1}


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("authorization", "success", {"payment.authorized": 1}),
        ("capture", "success", {"payment.captured": 1}),
        ("sale", "success", {"payment.captured": 1}),
        ("void", "success", {"payment.voided": 1}),
        ("sale", "pending", {"payment.pending": 1}),
        ("capture", "failure", {"payment.failed": 1}),
        ("refund", "success", {}),
        ("change", "success", {}),
    ],
)
def test_transactions(kind: str, status: str, told: dict[str, int]) -> None:
    body = {"id": 8, "order_id": 1, "kind": kind, "status": status, "amount": "9.00", "currency": "USD", "created_at": SENT}  # fmt: skip
    assert types(sent("order_transactions/create", body)) == told


def test_money_that_was_taken_in_another_currency_settles_in_the_shops() -> None:
    body = {"id": 8, "order_id": 1, "kind": "sale", "status": "success", "amount": "9.00", "currency": "EUR", "created_at": SENT, "amount_set": {"shop_money": USD, "presentment_money": {"amount": "9.00", "currency_code": "EUR"}}}  # fmt: skip
    (paid,) = documents(sent("order_transactions/create", body))
    assert (paid["amount"], paid["settles"]) == (
        {"amount": "9.00", "currency": "EUR"},
        {"amount": "10.00", "currency": "USD"},
    )
    body["amount_set"] = {"shop_money": USD, "presentment_money": USD}
    assert "settles" not in documents(sent("order_transactions/create", body))[0]


def test_several_tracking_codes_are_several_parcels() -> None:
    first, second = documents(
        sent("fulfillments/create", fulfilment(tracking_numbers=["1Z", "2Z"]))
    )
    assert [(one["tracking"], one["shipment"]) for one in (first, second)] == [
        ("1Z", "5:1Z"),
        ("2Z", "5:2Z"),
    ]
    assert (first["fulfilment"], "lines" in first) == ("5", False)
    later = documents(
        sent("fulfillments/update", fulfilment(tracking_number=None, tracking_numbers=[]))
    )
    assert later[0]["id"] != documents(sent("fulfillments/update", fulfilment()))[0]["id"]


def test_a_fulfilment_that_failed_or_was_cancelled() -> None:
    assert types(sent("fulfillments/update", fulfilment(status="failure"))) == {"fulfilment.rejected": 1}  # fmt: skip
    assert types(sent("fulfillments/update", fulfilment(status="cancelled"))) == {"shipment.cancelled": 1}  # fmt: skip
    scanned = documents(sent("fulfillments/update", fulfilment(shipment_status="delivered")))[1]
    assert (scanned["type"], scanned["status"]) == ("shipment.scanned", "delivered")
    unknown = sent("fulfillments/update", fulfilment(shipment_status="teleported"))
    assert [(one.table, one.code) for one in unknown.unknown_codes] == [("tracking", "teleported")]


@pytest.mark.parametrize(
    ("topic", "fields", "told"),
    [
        ("placed_on_hold", {"status": "on_hold", "fulfillment_holds": [{"reason": "other", "reason_notes": "n"}]}, "fulfilment.held"),
        ("hold_released", {"status": "open"}, "fulfilment.unheld"),
        ("fulfillment_request_rejected", {"status": "open", "request_status": "rejected"}, "fulfilment.rejected"),
        ("fulfillment_service_failed_to_complete", {"status": "incomplete"}, "fulfilment.rejected"),
        ("fulfillment_request_accepted", {"status": "in_progress", "request_status": "accepted"}, "fulfilment.released"),
        ("order_routing_complete", {"status": "open", "request_status": "unsubmitted"}, "fulfilment.released"),
    ],
)  # fmt: skip
def test_fulfilment_orders(topic: str, fields: Any, told: str) -> None:
    body = {"fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/77", **fields}}
    (one,) = documents(sent(f"fulfillment_orders/{topic}", body))
    assert (one["type"], one["refs"], one["event_time"]) == (told, {"fulfilment": "77"}, SENT)
    if told == "fulfilment.held":
        assert one["reason"] == "other, n"


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("request", "return.requested"),
        ("approve", "return.authorized"),
        ("decline", "return.refused"),
        ("cancel", "return.cancelled"),
        ("close", "return.closed"),
    ],
)
def test_returns(topic: str, told: str) -> None:
    piece = {"id": 4, "quantity": 1, "return_reason": "size_too_small", "customer_note": "tight", "fulfillment_line_item": {"id": 3, "line_item": {"id": 11}}, "restocking_fee": {"amount_set": {"shop_money": USD}}}  # fmt: skip
    body = {"id": 6, "name": "#1001-R1", "order": {"id": 1}, "return_line_items": [piece], "decline": {"reason": "final_sale", "note": "sorry"}}  # fmt: skip
    (one,) = documents(sent(f"returns/{topic}", body))
    assert (one["type"], one["order"], one["rma"], one["refs"]) == (told, "1", "6", {"rma": "6"})
    if topic == "request":
        assert one["lines"] == [{"line": "11", "quantity": 1}]
        assert one["reason"] == "size_too_small, tight"
        assert one["fees"] == [
            {"kind": "restocking", "amount": {"amount": "10.00", "currency": "USD"}}
        ]
    if topic == "decline":
        assert one["reason"] == "final_sale, sorry"


def test_the_parcel_back_and_what_became_of_the_goods() -> None:
    label = {"id": 2, "return": {"id": 6}, "shipping_deliverable": {"tracking": {"tracking_number": "LC9", "carrier_name": "DHL"}}}  # fmt: skip
    (one,) = documents(sent("reverse_deliveries/attach_deliverable", label))
    assert (one["type"], one["tracking"], one["refs"]) == (
        "return.label_created",
        "LC9",
        {"rma": "6"},
    )
    disposed = {"id": 3, "order_id": 1, "dispositions": [{"type": "restocked", "quantity": 1, "line_item_id": 11}]}  # fmt: skip
    (two,) = documents(sent("reverse_fulfillment_orders/dispose", disposed))
    assert two["lines"] == [{"line": "11", "quantity": 1, "condition": "sellable"}]


def test_a_dispute_is_opened_answered_and_closed() -> None:
    body = {"id": 4, "order_id": 1, "type": "chargeback", "amount": "11.50", "currency": "USD", "reason": "fraudulent", "network_reason_code": "4837", "evidence_due_by": SENT, "evidence_sent_on": SENT, "finalized_on": SENT, "initiated_at": SENT, "status": "accepted"}  # fmt: skip
    opened, answered, closed = documents(sent("disputes/update", body))
    assert (opened["stage"], opened["reason"], opened["respond_by"]) == ("chargeback", "fraudulent 4837", SENT)  # fmt: skip
    assert (answered["type"], closed["outcome"]) == ("dispute.evidence_sent", "lost")


def test_risks_have_the_time_of_their_delivery() -> None:
    (one,) = documents(sent("order_risks/create", {"risk": {"id": 2, "order_id": 1, "score": "0.75", "recommendation": "investigate"}}))  # fmt: skip
    assert (one["verdict"], one["score"], one["event_time"]) == ("review", 750, SENT)
    (two,) = documents(
        sent("orders/risk_assessment_changed", {"order_id": 1, "risk_level": "HIGH"})
    )
    assert two["verdict"] == "reject"
    without = read(SHOPIFY, {"id": 2, "order_id": 1, "recommendation": "accept"}, {"x-shopify-topic": "order_risks/create"})  # fmt: skip
    assert faults(without) == [("/event_time", "missing")]


def test_a_level_of_stock_is_of_no_order() -> None:
    assert types(sent("inventory_levels/update", {"inventory_item_id": 8, "available": 3})) == {}
