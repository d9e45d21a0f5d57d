"""The life of one order: paid, sent, delivered, cancelled, refunded, complained about or disputed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.sources.shops.bad_line import Webhook
from tests.sources.shops.shopify import ShopifyShop
from tests.sources.shops.stripe import StripeAccount
from tests.sources.shops.zendesk import ZendeskDesk

SHIPPING = Decimal("5.00")


@dataclass
class Truth:
    """What the systems hold of an order, in the end."""

    captured: Decimal
    refunded: Decimal = Decimal("0.00")
    disputed: Decimal = Decimal("0.00")
    is_cancelled: bool = False
    parcels: int = 0
    delivered: int = 0
    claims: int = 0


@dataclass
class Systems:
    """The systems of a shop to run, and `webhooks`: what they sent."""

    shopify: ShopifyShop = field(default_factory=ShopifyShop)
    stripe: StripeAccount = field(default_factory=StripeAccount)
    zendesk: ZendeskDesk = field(default_factory=ZendeskDesk)
    webhooks: list[Webhook] = field(default_factory=list)


class Life:
    """One order. Money is in EUR."""

    def __init__(self, shop: Systems, n: int, at: datetime, chance: random.Random) -> None:
        self._shop, self._n, self._at, self._chance = shop, n, at, chance
        self._steps = 0
        self.number = 5_000_000_000 + n
        self._lines = [
            {
                "id": self.number * 10 + line,
                "sku": f"SKU-{chance.randrange(500)}",
                "title": "A thing",
                "price": f"{chance.randrange(5, 90)}.{chance.randrange(100):02}",
                "quantity": chance.choice((1, 1, 1, 2, 3)),
                "requires_shipping": True,
                "taxable": False,
                "tax_lines": [],
                "discount_allocations": [],
            }
            for line in range(chance.choice((1, 1, 2, 3)))
        ]
        self._total = SHIPPING + sum(Decimal(one["price"]) * one["quantity"] for one in self._lines)
        self.truth = Truth(captured=self._total)
        self._order: dict[str, Any] = {
            "id": self.number,
            "name": f"#{1001 + n}",
            "order_number": 1001 + n,
            "created_at": self._now(),
            "processed_at": self._now(),
            "updated_at": self._now(),
            "cancelled_at": None,
            "cancel_reason": None,
            "currency": "EUR",
            "presentment_currency": "EUR",
            "taxes_included": True,
            "total_price": str(self._total),
            "current_total_price": str(self._total),
            "total_tax": "0.00",
            "total_discounts": "0.00",
            "email": f"buyer{n}@example.org",
            "customer": {"id": 7_000_000_000 + n % 700, "email": f"buyer{n}@example.org"},
            "financial_status": "pending",
            "fulfillment_status": None,
            "payment_gateway_names": ["stripe"],
            "line_items": self._lines,
            "shipping_lines": [
                {
                    "id": self.number * 10 + 9,
                    "title": "Parcel",
                    "price": str(SHIPPING),
                    "tax_lines": [],
                }
            ],
            "shipping_address": {
                "country_code": "DE",
                "city": "Berlin",
                "zip": "10115",
                "address1": f"Invalidenstr. {1 + n % 150}",
                "name": f"Buyer {n}",
            },
            "fulfillments": [],
            "refunds": [],
        }

    def live(self, fate: str) -> None:
        self._tell_shopify("orders/create", self._order)
        self._later(minutes=2)
        self._pay()
        self._later(hours=self._chance.randrange(1, 20))
        if fate == "cancelled":
            self._refund(self._total, "customer")
            self._later(minutes=1)
            self._order |= {"cancelled_at": self._now(), "cancel_reason": "customer"}
            self.truth.is_cancelled = True
            self._change()
            self._tell_shopify("orders/cancelled", self._order)
            return
        for lines in self._parcels(fate):
            self._send(lines)
            self._later(hours=3)
        if fate == "on_its_way":
            return
        for parcel in range(len(self._order["fulfillments"])):
            self._later(hours=self._chance.randrange(20, 60))
            self._deliver(parcel)
        self._later(hours=self._chance.randrange(4, 40))
        if fate == "one_piece_back":
            line = self._lines[0]
            self._refund(Decimal(line["price"]), "One piece was broken", [line])
        elif fate == "complained":
            self._complain()
        elif fate == "disputed":
            self._dispute()

    def _pay(self) -> None:
        """Stripe has the money; Shopify names Stripe's payment in its transaction."""
        at = int(self._at.timestamp())
        intent = {
            "id": f"pi_{self._n}",
            "object": "payment_intent",
            "amount": _cents(self._total),
            "amount_received": _cents(self._total),
            "currency": "eur",
            "status": "succeeded",
            "created": at,
            "latest_charge": f"ch_{self._n}",
            "payment_method_types": ["card"],
            "metadata": {"order_id": str(self.number)},
        }
        self._tell_stripe("payment_intent.succeeded", intent)
        self._order["financial_status"] = "paid"
        sale = self._transaction("sale", self._total, f"pi_{self._n}")
        self._change(sale)
        self._tell_shopify("order_transactions/create", sale)

    def _refund(
        self, amount: Decimal, note: str, lines: list[dict[str, Any]] | None = None
    ) -> None:
        n = len(self._order["refunds"])
        name = f"re_{self._n}_{n}"
        self._tell_stripe(
            "refund.created",
            {
                "id": name,
                "object": "refund",
                "amount": _cents(amount),
                "currency": "eur",
                "status": "succeeded",
                "created": int(self._at.timestamp()),
                "charge": f"ch_{self._n}",
                "payment_intent": f"pi_{self._n}",
                "metadata": {"order_id": str(self.number)},
            },
        )
        paid = self._transaction("refund", amount, name)
        refund = {
            "id": self.number * 10 + n,
            "order_id": self.number,
            "created_at": self._now(),
            "processed_at": self._now(),
            "note": note,
            "refund_line_items": [
                {
                    "id": self.number * 100 + n,
                    "line_item_id": line["id"],
                    "quantity": 1,
                    "restock_type": "no_restock",
                    "subtotal": line["price"],
                    "total_tax": "0.00",
                    "subtotal_set": {
                        "shop_money": {"amount": line["price"], "currency_code": "EUR"}
                    },
                }
                for line in lines or ()
            ],
            "order_adjustments": [],
            "transactions": [paid],
        }
        self._order["refunds"] = [*self._order["refunds"], refund]
        self.truth.refunded += amount
        self._change(paid)
        self._tell_shopify("refunds/create", refund)

    def _parcels(self, fate: str) -> list[list[dict[str, Any]]]:
        if fate == "in_two_parcels" and len(self._lines) > 1:
            return [self._lines[:1], self._lines[1:]]
        return [self._lines]

    def _send(self, lines: list[dict[str, Any]]) -> None:
        n = len(self._order["fulfillments"])
        fulfilment = {
            "id": self.number * 10 + n,
            "order_id": self.number,
            "name": f"{self._order['name']}.{n + 1}",
            "status": "success",
            "created_at": self._now(),
            "updated_at": self._now(),
            "shipment_status": None,
            "tracking_company": "DHL",
            "tracking_number": f"JJD{self.number}{n}",
            "tracking_numbers": [f"JJD{self.number}{n}"],
            "line_items": [
                {"id": one["id"], "sku": one["sku"], "quantity": one["quantity"]} for one in lines
            ],
        }
        self._order["fulfillments"] = [*self._order["fulfillments"], fulfilment]
        self.truth.parcels += 1
        self._change()
        self._tell_shopify("fulfillments/create", fulfilment)

    def _deliver(self, n: int) -> None:
        before = self._order["fulfillments"][n]
        now = {**before, "shipment_status": "delivered", "updated_at": self._now()}
        self._order["fulfillments"] = [
            now if one["id"] == now["id"] else one for one in self._order["fulfillments"]
        ]
        self.truth.delivered += 1
        self._change()
        self._tell_shopify("fulfillments/update", now)

    def _complain(self) -> None:
        ticket = {
            "id": 40_000 + self._n,
            "external_id": str(self.number),
            "subject": "It arrived broken",
            "status": "new",
            "created_at": self._now(),
            "updated_at": self._now(),
            "via": {"channel": "email"},
            "tags": ["arrived_damaged"],
            "custom_fields": [],
        }
        self._shop.zendesk.put(ticket)
        self.truth.claims += 1
        event = {
            "id": f"01-{self._n}",
            "type": "zen:event-type:ticket.created",
            "time": self._now(),
            "account_id": 123456,
            "subject": f"zen:ticket:{ticket['id']}",
            "zendesk_event_version": "2022-11-06",
            "detail": {**ticket, "id": str(ticket["id"])},
            "event": {},
        }
        self._tell("zendesk", event["type"], event["id"], event)

    def _dispute(self) -> None:
        dispute = {
            "id": f"dp_{self._n}",
            "object": "dispute",
            "amount": _cents(self._total),
            "currency": "eur",
            "status": "needs_response",
            "reason": "product_not_received",
            "created": int(self._at.timestamp()),
            "charge": f"ch_{self._n}",
            "payment_intent": f"pi_{self._n}",
            "evidence_details": {"due_by": int((self._at + timedelta(days=14)).timestamp())},
            "metadata": {"order_id": str(self.number)},
        }
        self._tell_stripe("charge.dispute.created", dispute)
        self._later(hours=30)
        if self._chance.random() < 0.5:
            self._tell_stripe("charge.dispute.closed", {**dispute, "status": "won"})
        else:
            self.truth.disputed = self._total

    def _transaction(self, kind: str, amount: Decimal, authorization: str) -> dict[str, Any]:
        self._steps += 1
        return {
            "id": self.number * 100 + self._steps,
            "order_id": self.number,
            "kind": kind,
            "status": "success",
            "gateway": "stripe",
            "amount": str(amount),
            "currency": "EUR",
            "authorization": authorization,
            "created_at": self._now(),
            "processed_at": self._now(),
        }

    def _change(self, *transactions: dict[str, Any]) -> None:
        """The order changes; whoever asks has it as it is now. Shopify counts in seconds."""
        self._at += timedelta(seconds=1)
        self._order["updated_at"] = self._now()
        self._shop.shopify.put(json.loads(json.dumps(self._order)), *transactions)
        self._tell_shopify("orders/updated", self._order)

    def _tell_shopify(self, topic: str, body: dict[str, Any]) -> None:
        self._steps += 1
        self._tell("shopify", topic, f"{self.number}-{self._steps}", body)

    def _tell_stripe(self, kind: str, resource: dict[str, Any]) -> None:
        self._steps += 1
        event = {
            "id": f"evt_{self._n}_{self._steps}",
            "object": "event",
            "api_version": "2026-09-30",
            "created": int(self._at.timestamp()),
            "type": kind,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "data": {"object": resource},
        }
        self._shop.stripe.put(event)
        self._tell("stripe", kind, event["id"], event)

    def _tell(self, system: str, topic: str, id: str, body: dict[str, Any]) -> None:
        told = Webhook(self._at, system, topic, id, json.dumps(body).encode())
        self._shop.webhooks.append(told)

    def _later(self, *, hours: int = 0, minutes: int = 0) -> None:
        self._at += timedelta(hours=hours, minutes=minutes)

    def _now(self) -> str:
        return self._at.isoformat().replace("+00:00", "Z")


def _cents(amount: Decimal) -> int:
    return int(amount * 100)
