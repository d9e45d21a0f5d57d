"""mapping: orders of Shopify become signals by the document that ships, on one core.

Each delivery is a webhook of an order with three lines, a discount, taxes and an address; it becomes one signal,
which is checked as every signal is. Compared with reading the same JSON.
"""

from __future__ import annotations

import json
import time
from typing import Any

from infrastructure.mappings.documents import find_mapping_file, load_mapping
from infrastructure.mappings.mapping import Delivery
from tests.benchmarks.figures import Bench, Figure, at_least, measure_in_turn

MINUTE = 60.0
HEADERS = {"x-shopify-topic": "orders/create"}
TARGETS = {"mapping": at_least(20_000, "orders a minute")}


def run(bench: Bench) -> list[Figure]:
    document = load_mapping(find_mapping_file("shopify"))
    text = json.dumps(_order())

    def map_one() -> None:
        delivery = Delivery(body=json.loads(text), headers=HEADERS)
        result = document.read(delivery, {"source": "shopify"})
        assert result.is_understood
        assert len(result.signals) == 1

    rounds = measure_in_turn(
        bench,
        {
            "mapping": lambda: _a_minute(map_one, bench.seconds),
            "reading": lambda: _a_minute(lambda: json.loads(text), bench.seconds / 2),
        },
    )
    return [
        Figure(
            name="mapping",
            value=rounds.value("mapping"),
            unit="orders a minute",
            ratio=rounds.ratio("mapping", "reading"),
            against=rounds.against("reading the same JSON", "reading", "a minute"),
        )
    ]


def _a_minute(work: Any, seconds: float) -> float:
    """How often the work is done in a minute of one core's time."""
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for _ in range(20):
            work()
        done += 20
    return done / spent * MINUTE


def _money(amount: str) -> dict[str, Any]:
    one = {"amount": amount, "currency_code": "EUR"}
    return {"shop_money": one, "presentment_money": one}


def _line(number: int) -> dict[str, Any]:
    return {
        "id": 466157049 + number,
        "sku": f"SKU-{number}",
        "title": "Shoe",
        "name": "Shoe - red",
        "quantity": 2,
        "current_quantity": 2,
        "price": "49.90",
        "price_set": _money("49.90"),
        "total_discount": "0.00",
        "discount_allocations": [{"amount": "5.00", "discount_application_index": 0, "amount_set": _money("5.00")}],
        "tax_lines": [{"title": "VAT", "price": "15.93", "rate": 0.19, "price_set": _money("15.93")}],
        "requires_shipping": True,
        "gift_card": False,
        "taxable": True,
        "grams": 500,
        "product_id": 632910392,
        "variant_id": 39072856,
        "properties": [],
        "duties": [],
    }  # fmt: skip


def _order() -> dict[str, Any]:
    address = {"first_name": "Ana", "last_name": "B", "name": "Ana B", "address1": "Way 1", "city": "Bonn", "zip": "53111", "country_code": "DE", "province_code": None, "phone": None}  # fmt: skip
    return {
        "id": 450789469,
        "name": "#1001",
        "currency": "EUR",
        "presentment_currency": "EUR",
        "total_price": "299.40",
        "total_price_set": _money("299.40"),
        "current_total_price": "299.40",
        "total_discounts": "15.00",
        "total_tip_received": "0.00",
        "taxes_included": True,
        "processed_at": "2026-11-30T10:00:00+01:00",
        "updated_at": "2026-11-30T10:00:01+01:00",
        "email": "ana@example.org",
        "customer": {"id": 207119551, "email": "ana@example.org", "email_marketing_consent": {"state": "subscribed", "consent_updated_at": None}},
        "payment_gateway_names": ["stripe"],
        "discount_codes": [{"code": "HELLO", "amount": "15.00", "type": "fixed_amount"}],
        "line_items": [_line(n) for n in range(3)],
        "shipping_lines": [{"id": 1, "title": "Standard", "price": "4.90", "discounted_price": "4.90", "discount_allocations": [], "tax_lines": [{"price": "0.78", "rate": 0.19}]}],
        "shipping_address": address,
        "billing_address": address,
        "fulfillments": [],
        "refunds": [],
    }  # fmt: skip
