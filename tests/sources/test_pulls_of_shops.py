"""Pulls from a local Shopify and a local Stripe, by the documents that ship, beside their signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from api.composition import Desks
from domain.sources.pulls import PullEnd
from tests.api.running_service import RunningService
from tests.sources.pullers import add_before, ago, pull, pulling_desks, set_up
from tests.sources.shops.local_system import running
from tests.sources.shops.shopify import ShopifyShop
from tests.sources.shops.stripe import StripeAccount
from tests.sources.test_webhooks import deliveries

SHOPIFY_SECRET, STRIPE_SECRET = "shopify-client-secret-of-the-app", "whsec_the-secret-of-the-endpoint"  # fmt: skip
_ids = itertools.count(5_000_001)


@pytest.fixture(scope="module")
def worker(server: RunningService) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        yield working


def _order(at: str, **more: Any) -> dict[str, Any]:
    id = next(_ids)
    line = {"id": id * 10, "sku": "A", "title": "Shoe", "quantity": 2, "current_quantity": 2, "price": "10.00", "tax_lines": []}  # fmt: skip
    return {"id": id, "name": f"#{id}", "currency": "EUR", "total_price": "20.00", "processed_at": at, "created_at": at, "updated_at": at, "line_items": [line], "customer": {"id": id}, "email": f"{id}@example.org", "payment_gateway_names": ["bogus"], "financial_status": "paid", **more}  # fmt: skip


def _sale(order: dict[str, Any], at: str) -> dict[str, Any]:
    id = next(_ids)
    return {"id": id, "order_id": order["id"], "kind": "sale", "status": "success", "amount": "20.00", "currency": "EUR", "gateway": "bogus", "authorization": f"auth-{id}", "processed_at": at, "created_at": at}  # fmt: skip


def _webhook(client: httpx2.Client, source: str, topic: str, body: Any) -> dict[str, Any]:
    content = json.dumps(body, indent=1).encode()
    digest = hmac.new(SHOPIFY_SECRET.encode(), content, hashlib.sha256).digest()
    headers = {
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        "X-Shopify-Topic": topic,
        "X-Shopify-Webhook-Id": f"w-{next(_ids)}",
        "X-Shopify-Triggered-At": ago(minutes=1),
    }
    answer = client.post(f"/v1/sources/{source}/webhook", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["reasons"] == []
    return found


def _facts(client: httpx2.Client, order: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"/v1/orders/{order['id']}")
    assert answer.status_code == 200, answer.text
    return {one["fact"]: one["value"] for one in answer.json()["facts"]}


def _add_shopify(olga: httpx2.Client, worker: Desks, name: str, shop: ShopifyShop) -> None:
    scheme = {"scheme": "shopify"}
    add_before(worker, name, document=None, mapping="shopify", scheme=scheme, secret=SHOPIFY_SECRET)
    set_up(olga, name, shop.address, document=None, pull="shopify", secret=shop.token)


def test_a_lost_order_and_a_lost_payment_of_shopify_are_fetched(
    olga: httpx2.Client, sender: httpx2.Client, worker: Desks
) -> None:
    at = ago(hours=2)
    told, lost, unpaid = _order(at), _order(at), _order(at)
    with running(ShopifyShop()) as shop:
        shop.most_in_a_page = 2
        for one in (told, lost, unpaid):
            shop.put(one, _sale(one, at))
        _add_shopify(olga, worker, "shop-lost", shop)
        for one in (told, unpaid):
            _webhook(sender, "shop-lost", "orders/create", one)
            _webhook(sender, "shop-lost", "orders/updated", one)
        _webhook(sender, "shop-lost", "order_transactions/create", shop.transactions[told["id"]][0])
        pulled = pull(worker, "shop-lost")
        assert (pulled.ended, pulled.detail) == (PullEnd.COMPLETE, "")
        # Three orders, and one payment of each.
        assert (pulled.listed, pulled.known, pulled.missing, pulled.otherwise) == (6, 3, 3, 0)
        assert pulled.examples[0] == str(lost["id"])
        assert pull(worker, "shop-lost").known == 6
    facts = [_facts(olga, one) for one in (told, lost, unpaid)]
    for name in ("placed_at", "payment.captured", "order.total", "customer.email"):
        values = [one.get(name) for one in facts]
        if name == "customer.email":
            values = [one is not None for one in values]
        assert values == [values[0]] * 3, name
    for one in (told, lost, unpaid):
        assert olga.get(f"/v1/orders/{one['id']}").json()["cases"] == {}


def test_the_facts_are_the_same_whichever_is_first(
    olga: httpx2.Client, sender: httpx2.Client, worker: Desks
) -> None:
    """The webhooks of the creation and of the change, and the list, in all orders."""
    created_at, changed_at = ago(hours=3), ago(hours=2)
    found = []
    for n, steps in enumerate(itertools.permutations(("created", "updated", "pulled"))):
        with running(ShopifyShop()) as shop:
            name = f"shop-first-{n}"
            _add_shopify(olga, worker, name, shop)
            first = _order(created_at)
            now = {**first, "updated_at": changed_at, "note": "Changed.", "email": "new@example.org", "line_items": [{**first["line_items"][0], "current_quantity": 1}], "current_total_price": "10.00"}  # fmt: skip
            shop.put(now)
            for step in steps:
                if step == "created":
                    _webhook(sender, name, "orders/create", first)
                elif step == "updated":
                    _webhook(sender, name, "orders/updated", now)
                else:
                    pulled = pull(worker, name)
                    assert (pulled.ended, pulled.not_understood) == (PullEnd.COMPLETE, 0)
                    # Of the list and the webhooks, the list was last only if nothing is missing.
                    assert pulled.missing == (step != steps[-1])
            again = pull(worker, name)
            assert (again.known, again.recorded) == (1, 0)
        facts = _facts(olga, first)
        own = str(first["id"])
        found.append(json.loads(json.dumps(facts).replace(own, "ID")))
    assert found[0]["customer.id"] == "ID"
    assert all(one == found[0] for one in found)


def _event(kind: str, resource: dict[str, Any], created: int) -> dict[str, Any]:
    return {"id": f"evt_{next(_ids)}", "object": "event", "api_version": "2025-09-30.clover", "created": created, "type": kind, "livemode": False, "pending_webhooks": 0, "request": {"id": None, "idempotency_key": None}, "data": {"object": resource}}  # fmt: skip


def _intent(created: int) -> dict[str, Any]:
    id = f"pi_{next(_ids)}"
    return {"id": id, "object": "payment_intent", "amount": 2000, "amount_received": 2000, "currency": "eur", "status": "succeeded", "created": created, "latest_charge": f"ch_{id}", "payment_method_types": ["card"], "metadata": {"order_id": f"o-{id}"}}  # fmt: skip


def _stripe_webhook(client: httpx2.Client, source: str, event: dict[str, Any]) -> httpx2.Response:
    body = json.dumps(event, indent=2).encode()
    now = int(time.time())
    signed = hmac.new(STRIPE_SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={now},v1={signed}"}
    answer = client.post(f"/v1/sources/{source}/webhook", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def test_lost_events_of_stripe_are_fetched(
    olga: httpx2.Client, sender: httpx2.Client, worker: Desks
) -> None:
    begun = int(time.time()) - 7_200
    with running(StripeAccount()) as account:
        scheme = {"scheme": "stripe"}
        add_before(
            worker,
            "stripe-eu",
            document=None,
            mapping="stripe",
            scheme=scheme,
            secret=STRIPE_SECRET,
        )
        shown = set_up(
            olga, "stripe-eu", account.url, document=None, pull="stripe", secret=account.token
        )
        assert shown["pull"]["document"]["name"] == "stripe"
        events = [_event("payment_intent.succeeded", _intent(begun + n), begun + n) for n in range(230)]  # fmt: skip
        # Of no order, and of a kind that the mapping does not know.
        events += [_event("customer.created", {"id": "cus_1", "object": "customer"}, begun), _event("moon.landed", {"id": "m_1", "object": "moon"}, begun)]  # fmt: skip
        for one in sorted(events, key=lambda one: one["created"]):
            account.put(one)
        lost = {5, 77, 229}
        for n, one in enumerate(events):
            if n not in lost:
                # The webhook says that others are still to be told.
                answer = _stripe_webhook(sender, "stripe-eu", {**one, "pending_webhooks": 1 + n % 3})  # fmt: skip
        assert len(deliveries(olga, "stripe-eu", answer, state="not_understood")) == 1
        pulled = pull(worker, "stripe-eu")
        assert (pulled.ended, pulled.pages, len(account.asked)) == (PullEnd.COMPLETE, 3, 3)
        assert (pulled.listed, pulled.known, pulled.recorded) == (232, 229, 3)
        assert (pulled.missing, pulled.not_understood) == (3, 0)
        assert {*pulled.examples} == {events[n]["id"] for n in lost}
        for n in lost:
            again = _stripe_webhook(sender, "stripe-eu", events[n]).json()
            assert (again["recorded"], again["duplicate"]) == (0, 1)
        long_ago = pull(worker, "stripe-eu", datetime.now(UTC) - timedelta(days=31))
        assert "only the last 30 days" in long_ago.detail
