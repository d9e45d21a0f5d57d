"""Real payloads of ../shared/data are read whole: the signals of each, and no leaf that nobody has read.

The payloads stay where they are: tests are skipped by name where the folder is absent.
"""

import json

import pytest

from infrastructure.mappings.files import read_parts
from infrastructure.mappings.mapping import Delivery
from tests.mappings.mapped import COMMON, shipped, types
from tests.mappings.payloads import HERE, PAYLOADS, Told, check, results, scans

PLACED: Told = {"order.placed": 1, "order.cancelled": 1}
EDITED: Told = {"order.edited": 1, "order.cancelled": 1}
ROUTED = "fulfillment_orders/order_routing_complete"
SHOPIFY: list[tuple[str, str, Told]] = [
    ("fixtures/order.json", "orders/create", PLACED),
    ("fixtures/orders.json", "orders/create", PLACED),
    ("fixtures/order_with_transaction.json", "orders/create", {**PLACED, "payment.captured": 1}),
    ("fixtures-history/order_with_coupon.json", "orders/create", PLACED),
    ("fixtures-history/order_with_refund.json", "orders/create", {**PLACED, "refund.issued": 1}),
    ("fixtures/order.json", "orders/updated", EDITED),
    ("fixtures/orders.json", "orders/updated", {**PLACED, **EDITED}),
    ("fixtures/order_with_transaction.json", "orders/updated", {**EDITED, "payment.captured": 1}),
    ("fixtures-history/order_with_coupon.json", "orders/updated", EDITED),
    ("fixtures-history/order_with_refund.json", "orders/updated", {**EDITED, "refund.issued": 1}),
    ("fixtures-history/order_refund.json", "refunds/create", {"refund.issued": 1}),
    ("fixtures/transaction.json", "order_transactions/create", {"payment.authorized": 1}),
    ("fixtures/transactions.json", "order_transactions/create", {"payment.authorized": 1}),
    ("fixtures/fulfillment.json", "fulfillments/create", {"shipment.handed_over": 1}),
    ("fixtures/fulfillment_event.json", "fulfillment_events/create", scans(1)),
    ("fixtures/fulfillment_events.json", "fulfillment_events/create", scans(1)),
    ("fixtures/fulfillment_order.json", ROUTED, {"fulfilment.held": 1}),
    ("fixtures/fulfillment_accept.json", ROUTED, {"fulfilment.released": 1}),
    ("fixtures/fulfillment_reject.json", ROUTED, {"fulfilment.rejected": 1}),
    ("fixtures/fulfillment_send.json", ROUTED, {}),
    ("fixtures/fulfillment_order_move.json", "fulfillment_orders/moved", {"fulfilment.released": 1}),
    ("fixtures-history/fulfillmentorder.json", ROUTED, {"fulfilment.held": 1}),
    ("fixtures-history/fulfillmentorder_move.json", "fulfillment_orders/moved", {"fulfilment.released": 1}),
    ("fixtures/order_risk.json", "order_risks/create", {"fraud.screened": 1}),
    ("fixtures/order_risks.json", "order_risks/create", {"fraud.screened": 2}),
    ("fixtures/inventory_level.json", "inventory_levels/update", {}),
    ("fixtures/inventory_levels.json", "inventory_levels/update", {}),
]  # fmt: skip


@HERE
@pytest.mark.parametrize(("file", "topic", "told"), SHOPIFY)
def test_shopify(file: str, topic: str, told: Told) -> None:
    (result,) = results("shopify", PAYLOADS / "shopify" / file, topic)
    check(result, told)


@HERE
@pytest.mark.parametrize(
    "file",
    ["orderlineitems/properties_invalid0.json", "shippinglines/requested_fulfillment_service_id_invalid.json"],
)  # fmt: skip
def test_a_malformed_file_has_a_clear_fault(file: str) -> None:
    (part,) = read_parts(PAYLOADS / "shopify" / "fixtures" / file)
    assert part.fault.startswith("not readable as JSON: ")


STRIPE: dict[str, Told] = {
    "payment_intent": {"payment.failed": 1},
    "charge": {"payment.authorized": 1},
    "refund": {"refund.issued": 1},
    "dispute": {"dispute.opened": 1},
    "review": {"fraud.screened": 1},
    "radar.early_fraud_warning": {"payment.fraud_warned": 1},
    "checkout.session": {},
    "customer": {},
    "product": {},
    "payout": {},
}


@HERE
@pytest.mark.parametrize("file", ["fixtures3.json", "fixtures3.beta.json"])
@pytest.mark.parametrize("resource", STRIPE)
def test_stripe(file: str, resource: str) -> None:
    things = json.loads((PAYLOADS / "stripe" / file).read_text(encoding="utf-8"))["resources"]
    thing = things[resource]
    event = {"id": "evt_1", "object": "event", "type": "x.updated", "created": 1, "data": {"object": thing}}  # fmt: skip
    event["created"] = 1796032800
    for body in (event, {"object": "list", "data": [thing], "has_more": False, "url": "/v1"}):
        check(
            shipped("stripe").read(Delivery(body=body), COMMON, with_unread=True), STRIPE[resource]
        )


ADYEN: dict[str, Told] = {
    "notification/authorisation-true.json": {"payment.authorized": 1},
    "hmac-validation-webhook.json": {"payment.authorized": 1},
    "notification/capture-true.json": {"payment.captured": 1},
    "notification/capture-false.json": {"payment.failed": 1},
    "notification/cancellation-true.json": {"payment.voided": 1},
    "notification/refund-true.json": {"refund.issued": 1},
    "notification/refund-false.json": {"refund.failed": 1},
    "notification/chargeback.json": {"dispute.opened": 1},
}


@HERE
def test_adyen() -> None:
    folder = PAYLOADS / "adyen"
    files = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*.json"))]
    assert set(ADYEN) < set(files)
    for file in files:
        (result,) = results("adyen", folder / file)
        check(result, ADYEN.get(file, {}))


EASYPOST: dict[str, Told] = {
    "claim/claim_create.3.json": {"shipment.damage_reported": 1},
    "claim/claim_get_next_page.0.json": {"shipment.damage_reported": 2, "shipment.lost": 1},
    "refund/refund_retrieve.0.json": {"shipment.cancelled": 1},
    "shipment/shipment_buy.1.json": {"shipment.label_created": 1},
    "shipment/shipment_create.0.json": {},
    "shipment/shipment_get_next_page.1.json": {
        "shipment.label_created": 5,
        "shipment.cancelled": 1,
    },
    "tracker/tracker_create.0.json": scans(2),
    "tracker/tracker_get_next_page.1.json": scans(10),
    "tracker/tracker_retrieve_batch.1.json": scans(2),
    "event/event_all.0.json": {},
    "address/address_create_verify.1.json": {},
}


@HERE
def test_easypost() -> None:
    """Recordings of calls: the body is what a webhook has in `result`. An empty answer is of no kind."""
    folder = PAYLOADS / "easypost"
    for file in sorted(folder.rglob("*.json")):
        recorded = json.loads(file.read_text(encoding="utf-8"))["body"]
        if not recorded or not isinstance(recorded, dict) or recorded == {"payloads": []}:
            continue
        (result,) = results("easypost", file, unwrap="body")
        name = str(file.relative_to(folder))
        check(result, EASYPOST.get(name, types(result)))
        resource = recorded if "object" in recorded else {}
        event = {
            "object": "Event",
            "description": "tracker.updated",
            "id": "evt_1",
            "result": resource,
        }
        if resource.get("object") == "Tracker":
            check(
                shipped("easypost").read(Delivery(body=event), COMMON, with_unread=True),
                types(result),
            )
