"""The other documents that ship, on samples of our own that are written from the published schemas."""

from typing import Any

import pytest

from tests.mappings.mapped import documents, faults, read, shipped, types

AT = "2026-11-30T10:00:00Z"
UNIX = 1796032800


def stripe(kind: str, thing: dict[str, Any]) -> Any:
    return read(shipped("stripe"), {"id": "evt_1", "object": "event", "type": kind, "created": UNIX, "data": {"object": thing}})  # fmt: skip


INTENT = {"id": "pi_1", "object": "payment_intent", "amount": 1230, "amount_received": 1230, "currency": "eur", "latest_charge": "ch_1", "metadata": {"order_id": "A-1"}}  # fmt: skip
CHARGE = {"id": "ch_1", "object": "charge", "amount": 1230, "amount_captured": 1230, "currency": "eur", "payment_intent": "pi_1", "paid": True, "status": "succeeded", "created": UNIX, "payment_method_details": {"type": "card", "card": {"fingerprint": "fp"}}, "outcome": {"risk_level": "elevated", "risk_score": 70}}  # fmt: skip
DISPUTE = {"id": "dp_1", "object": "dispute", "amount": 1230, "currency": "eur", "payment_intent": "pi_1", "created": UNIX, "reason": "fraudulent", "evidence_details": {"due_by": UNIX}}  # fmt: skip


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        ({**INTENT, "status": "succeeded"}, {"payment.captured": 1}),
        ({**INTENT, "status": "requires_capture", "amount_received": 0}, {"payment.authorized": 1}),
        ({**INTENT, "status": "requires_capture", "amount_received": 9}, {"payment.authorized": 1, "payment.captured": 1}),
        ({**INTENT, "status": "processing"}, {"payment.pending": 1}),
        ({**INTENT, "status": "requires_payment_method", "last_payment_error": {"code": "card_declined"}}, {"payment.failed": 1}),
        ({**INTENT, "status": "requires_payment_method"}, {}),
        ({**INTENT, "status": "canceled"}, {"payment.voided": 1}),
        ({**INTENT, "status": "canceled", "cancellation_reason": "automatic"}, {"payment.expired": 1}),
        ({**CHARGE, "captured": True}, {"payment.captured": 1, "fraud.screened": 1}),
        ({**CHARGE, "captured": False}, {"payment.authorized": 1, "fraud.screened": 1}),
        ({**CHARGE, "status": "failed", "paid": False}, {"payment.failed": 1, "fraud.screened": 1}),
        ({"id": "re_1", "object": "refund", "amount": 5, "currency": "eur", "charge": "ch_1", "status": "pending"}, {"refund.requested": 1}),
        ({"id": "re_1", "object": "refund", "amount": 5, "currency": "eur", "charge": "ch_1", "status": "succeeded"}, {"refund.issued": 1}),
        ({"id": "re_1", "object": "refund", "amount": 5, "currency": "eur", "charge": "ch_1", "status": "failed"}, {"refund.failed": 1}),
        ({**DISPUTE, "status": "needs_response"}, {"dispute.opened": 1}),
        ({**DISPUTE, "status": "under_review"}, {"dispute.opened": 1, "dispute.evidence_sent": 1}),
        ({**DISPUTE, "status": "lost"}, {"dispute.opened": 1, "dispute.closed": 1}),
        ({"id": "issfr_1", "object": "radar.early_fraud_warning", "charge": "ch_1", "created": UNIX, "fraud_type": "misc"}, {"payment.fraud_warned": 1}),
        ({"id": "prv_1", "object": "review", "charge": "ch_1", "created": UNIX, "open": False, "closed_reason": "approved"}, {"fraud.screened": 1, "fraud.decided": 1}),
        ({"id": "cs_1", "object": "checkout.session", "client_reference_id": "A-1", "payment_intent": "pi_1", "amount_total": 5, "currency": "eur", "created": UNIX}, {"payment.pending": 1}),
        ({"id": "prod_1", "object": "product"}, {}),
    ],
)  # fmt: skip
def test_what_stripe_states_follows_from_the_status(thing: dict[str, Any], told: Any) -> None:
    result = stripe("any.thing", thing)
    assert types(result) == told
    assert result.is_understood


def test_stripe_counts_minor_units_and_names_the_payment() -> None:
    (paid,) = documents(stripe("payment_intent.succeeded", {**INTENT, "status": "succeeded"}))
    assert paid["amount"] == {"amount": "12.30", "currency": "EUR"}
    assert (paid["order"], paid["refs"], paid["id"]) == (
        "A-1",
        {"payment": "pi_1"},
        "pi_1:succeeded",
    )
    assert (paid["cumulative"], paid["final"], paid["capture"]) == (True, True, "ch_1")
    assert paid["event_time"] == "2026-11-30T10:00:00Z"
    yen = documents(stripe("x", {**INTENT, "status": "succeeded", "currency": "jpy"}))
    assert yen[0]["amount"]["amount"] == "1230"
    krona = documents(
        stripe("x", {**INTENT, "status": "succeeded", "currency": "isk", "amount_received": 1200})
    )
    assert krona[0]["amount"]["amount"] == "12"
    refund = {"id": "re_1", "object": "refund", "amount": 5, "currency": "eur", "payment_intent": "pi_1", "status": "succeeded"}  # fmt: skip
    (back,) = documents(stripe("charge.refund.updated", refund))
    assert ("order" in back, back["refs"], back["id"]) == (False, {"payment": "pi_1", "refund": "re_1"}, "re_1:succeeded")  # fmt: skip


def test_a_list_of_stripe_and_the_refunds_in_an_old_charge_are_the_same_statements() -> None:
    refund = {"id": "re_1", "object": "refund", "amount": 5, "currency": "eur", "payment_intent": "pi_1", "status": "succeeded", "created": UNIX}  # fmt: skip
    listed = documents(read(shipped("stripe"), {"object": "list", "data": [refund]}))
    old = documents(stripe("charge.refunded", {**CHARGE, "captured": True, "refunds": {"data": [refund]}}))  # fmt: skip
    assert [one["id"] for one in (*listed, *old) if one["type"] == "refund.issued"] == ["re_1:succeeded"] * 2  # fmt: skip
    event = {
        "object": "event",
        "type": "refund.created",
        "created": UNIX,
        "data": {"object": refund},
    }
    assert documents(read(shipped("stripe"), {"object": "list", "data": [event]})) == listed
    assert read(shipped("stripe"), {"object": "list", "data": []}).is_understood


def adyen(code: str, success: str = "true", **more: Any) -> Any:
    item = {"eventCode": code, "success": success, "pspReference": "P2", "originalReference": "P1", "merchantReference": "A-1", "eventDate": AT, "amount": {"value": 1230, "currency": "EUR"}, "paymentMethod": "visa", "reason": "why", **more}  # fmt: skip
    return read(shipped("adyen"), {"live": "true", "notificationItems": [{"NotificationRequestItem": item}]})  # fmt: skip


@pytest.mark.parametrize(
    ("code", "success", "more", "told"),
    [
        ("AUTHORISATION", "true", {"originalReference": None}, "payment.authorized"),
        ("AUTHORISATION", "false", {"originalReference": None}, "payment.failed"),
        ("CAPTURE", "true", {}, "payment.captured"),
        ("CAPTURE", "false", {}, "payment.failed"),
        ("CAPTURE_FAILED", "true", {}, "payment.failed"),
        ("CANCELLATION", "true", {}, "payment.voided"),
        ("CANCEL_OR_REFUND", "true", {"additionalData": {"modification.action": "cancel"}}, "payment.voided"),
        ("CANCEL_OR_REFUND", "true", {"additionalData": {"modification.action": "refund"}}, "refund.issued"),
        ("REFUND", "true", {}, "refund.issued"),
        ("REFUND", "false", {}, "refund.failed"),
        ("REFUND_FAILED", "true", {}, "refund.failed"),
        ("EXPIRE", "true", {}, "payment.expired"),
        ("PENDING", "true", {}, "payment.pending"),
        ("CHARGEBACK", "true", {}, "dispute.opened"),
        ("INFORMATION_SUPPLIED", "true", {}, "dispute.evidence_sent"),
        ("CHARGEBACK_REVERSED", "true", {}, "dispute.closed"),
        ("NOTIFICATION_OF_FRAUD", "true", {}, "payment.fraud_warned"),
        ("MANUAL_REVIEW_REJECT", "true", {}, "fraud.decided"),
    ],
)  # fmt: skip
def test_notifications_of_adyen(code: str, success: str, more: Any, told: str) -> None:
    (one,) = documents(adyen(code, success, **more))
    assert one["type"] == told
    if code.startswith("AUTH"):
        assert (one["order"], one["refs"]) == ("A-1", {"payment": "P2"})
    elif told.startswith(("payment.c", "refund")):
        # The shop may have named the refund itself: only the payment leads to the order.
        assert ("order" in one, one["refs"], one["payment"]) == (False, {"payment": "P1"}, "P1")


def test_a_notification_of_adyen_that_nobody_knows_is_not_understood() -> None:
    assert not adyen("SOMETHING_NEW").is_understood
    assert types(adyen("REPORT_AVAILABLE")) == {}
    (one,) = documents(adyen("CAPTURE", amount={"value": 1200, "currency": "CLP"}))
    assert one["amount"] == {"amount": "12", "currency": "CLP"}


def test_trackers_labels_and_claims_of_easypost() -> None:
    detail = {"status": "delivered", "status_detail": "arrived_at_destination", "datetime": AT, "message": "Left at door", "tracking_location": {"city": "X"}}  # fmt: skip
    tracker = {"object": "Tracker", "tracking_code": "EZ1", "carrier": "USPS", "signed_by": "Ana", "tracking_details": [detail]}  # fmt: skip
    event = {"object": "Event", "description": "tracker.updated", "result": tracker}
    (scan,) = documents(read(shipped("easypost"), event))
    assert (scan["code"], scan["mapping"], scan["proof"]) == ("delivered/arrived_at_destination", "easypost", "Ana")  # fmt: skip
    assert scan["refs"] == {"tracking": {"code": "EZ1"}}
    claim = {"object": "Claim", "id": "clm_1", "type": "theft", "tracking_code": "EZ1", "created_at": AT}  # fmt: skip
    assert types(read(shipped("easypost"), {"claims": [claim]})) == {"shipment.lost": 1}
    refund = {"object": "Refund", "id": "rfnd_1", "tracking_code": "EZ1", "status": "submitted", "created_at": AT}  # fmt: skip
    assert types(read(shipped("easypost"), refund)) == {"shipment.cancelled": 1}


WOO = {
    "id": 727, "number": "727", "status": "processing", "currency": "EUR", "date_created_gmt": "2026-11-30T10:00:00", "date_modified_gmt": "2026-11-30T10:05:00", "date_paid_gmt": "2026-11-30T10:01:00", "total": "29.35", "total_tax": "1.35", "customer_id": 0, "transaction_id": "pi_1", "payment_method": "stripe",
    "billing": {"email": "a@example.org"}, "shipping": {"first_name": "Ana", "country": "DE", "city": "Bonn"},
    "line_items": [{"id": 315, "sku": "A", "name": "Shoe", "quantity": 3, "subtotal": "20.00", "total": "18.00", "total_tax": "1.35"}],
    "shipping_lines": [{"id": 317, "total": "10.00", "total_tax": "0.00"}], "fee_lines": [], "refunds": [{"id": 9, "reason": "", "total": "-5.00"}],
    "meta_data": [{"key": "_wc_shipment_tracking_items", "value": [{"tracking_id": "t1", "tracking_provider": "DHL", "tracking_number": "JJD1", "date_shipped": str(UNIX)}]}],
}  # fmt: skip


def test_an_order_of_woocommerce() -> None:
    result = read(shipped("woocommerce"), WOO, {"x-wc-webhook-topic": "order.created"})
    assert result.unread == {}
    placed, paid, back, sent = documents(result)
    assert placed["lines"][0]["price"] == {"amount": "6.666667", "currency": "EUR"}
    assert placed["lines"][0]["discount"]["amount"] == "2.00"
    assert placed["customer"] == {"email": "a@example.org"}
    assert placed["event_time"] == "2026-11-30T10:00:00Z"
    assert (paid["payment"], paid["amount"]["amount"]) == ("pi_1", "29.35")
    assert (back["amount"]["amount"], sent["tracking"]) == ("5.00", "JJD1")
    listed = read(shipped("woocommerce"), [WOO, {**WOO, "id": 728, "status": "cancelled", "date_paid_gmt": None, "refunds": [], "meta_data": []}])  # fmt: skip
    assert types(listed) == {"order.placed": 2, "order.edited": 2, "payment.captured": 1, "refund.issued": 1, "shipment.handed_over": 1, "order.cancelled": 1}  # fmt: skip
    assert (
        types(read(shipped("woocommerce"), {"id": 1}, {"x-wc-webhook-topic": "order.deleted"}))
        == {}
    )


def test_a_tracking_of_aftership() -> None:
    point = {"tag": "Exception", "subtag": "Exception_013", "checkpoint_time": "2026-11-30T11:00:00+01:00", "message": "Lost", "city": "X"}  # fmt: skip
    body = {"event": "tracking_update", "msg": {"tracking_number": "LC1", "tag": "Exception", "checkpoints": [point], "expected_delivery": "2026-12-02"}}  # fmt: skip
    result = read(shipped("aftership"), body)
    (scan,) = documents(result)
    assert (scan["code"], scan["estimate"]) == ("Exception_013", "2026-12-02")
    signal: Any = result.signals[0].signal
    assert (signal.status, signal.incident) == ("error", "carrier_parcel_lost")
    assert types(read(shipped("aftership"), {"data": {"trackings": [body["msg"]]}})) == {"shipment.scanned": 1}  # fmt: skip
    assert types(read(shipped("aftership"), {"meta": {"code": 4004}})) == {}


def test_a_webhook_of_shipengine() -> None:
    event = {"occurred_at": AT, "status_code": "EX", "status_detail_code": "RETURN_TO_SENDER", "description": "back", "city_locality": "X"}  # fmt: skip
    body = {"resource_url": "u", "resource_type": "API_TRACK", "data": {"tracking_number": "1Z", "status_code": "EX", "events": [event]}}  # fmt: skip
    result = read(shipped("shipengine"), body)
    signal: Any = result.signals[0].signal
    assert (signal.status, result.unread) == ("return_to_sender", {})
    assert not read(shipped("shipengine"), {"resource_type": "API_NEW"}).is_known


TICKET = {"id": 35, "subject": "Where is it?\nPlease", "created_at": AT, "via": {"channel": "web"}, "tags": ["vip", "order_1001", "not_received"]}  # fmt: skip


def test_tickets_of_zendesk() -> None:
    message, claim = documents(read(shipped("zendesk"), {"tickets": [TICKET]}))
    assert (message["order"], message["channel"], message["summary"]) == ("1001", "portal", "Where is it? Please")  # fmt: skip
    assert (claim["kind"], claim["id"]) == ("not_received", "ticket:35:not_received")
    field = {**TICKET, "tags": None, "external_id": 7, "custom_fields": [{"id": 1, "value": "damaged"}, {"id": 2, "value": True}]}  # fmt: skip
    event = {"type": "zen:event-type:ticket.created", "detail": field}
    assert [one.get("kind") for one in documents(read(shipped("zendesk"), event))] == [
        None,
        "damaged",
    ]
    comment = {"type": "zen:event-type:ticket.comment_added", "time": AT, "detail": TICKET, "event": {"comment": {"id": 4, "body": "Hello", "is_public": True, "author": {"is_staff": True}}}}  # fmt: skip
    assert types(read(shipped("zendesk"), comment)) == {"customer.message_sent": 1}
    assert types(read(shipped("zendesk"), {"type": "zen:event-type:ticket.status_changed"})) == {}


PARCEL = {"order": "A-1", "shipment": "P1", "time": "2026-11-30 10:00", "time_zone": "Europe/Berlin", "carrier": "DHL", "tracking": "LC1", "items": "X:2;Y:1", "warehouse": "W", "estimate": "", "reason": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("Packed", "shipment.label_created"),
        ("SHIPPED", "shipment.handed_over"),
        ("delivered", "shipment.delivered"),
        ("failed", "shipment.delivery_failed"),
        ("returned", "shipment.scanned"),
        ("lost", "shipment.lost"),
        ("damaged", "shipment.damage_reported"),
        ("cancelled", "shipment.cancelled"),
    ],
)
def test_rows_of_parcels(status: str, told: str) -> None:
    result = read(shipped("threepl_shipments"), {**PARCEL, "status": status})
    (one,) = documents(result)
    assert (one["type"], result.unread) == (told, {})
    assert one["lines"] == [{"sku": "X", "quantity": 2}, {"sku": "Y", "quantity": 1}]
    assert not read(shipped("threepl_shipments"), {**PARCEL, "status": "gone"}).is_known


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("allocated", "stock.allocated"),
        ("Out_of_stock", "stock.unavailable"),
        ("backordered", "stock.backordered"),
        ("level", "stock.level_told"),
        ("released", "fulfilment.released"),
        ("held", "fulfilment.held"),
        ("unheld", "fulfilment.unheld"),
        ("rejected", "fulfilment.rejected"),
    ],
)
def test_rows_of_stock(status: str, told: str) -> None:
    row = {"order": "A-1", "sku": "X", "line": "", "quantity": "2", "status": status, "time": AT, "time_zone": "", "warehouse": "W", "expected_on": "2026-12-24", "on_hand": "5", "reason": "", }  # fmt: skip
    result = read(shipped("threepl_stock"), row)
    assert (types(result), result.unread) == ({told: 1}, {})
    assert not read(shipped("threepl_stock"), {**row, "order": ""}).is_understood


def test_a_ticket_without_an_order_says_where_the_order_has_to_be() -> None:
    result = read(shipped("zendesk"), {"tickets": [{**TICKET, "tags": ["not_received"]}]})
    assert [one.document["id"] for one in result.signals] == ["ticket:35", "ticket:35:not_received"]
    for pointer, detail in faults(result):
        assert pointer == "/order"
        assert "it names no order: the mapping reads the order from `order_id || order" in detail
        assert "external_id" in detail
        assert "'order_'" in detail
