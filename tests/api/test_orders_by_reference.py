"""Orders of several shops, with ids as shops have them, found by their references; and held signals."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest

AT = "2026-01-05T12:00:00Z"


def fresh(name: str) -> str:
    """A name that no other test uses: all of them share one database."""
    return f"{name}-{uuid4().hex[:10]}"


def signal(kind: str, order: str | None, **more: Any) -> dict[str, Any]:
    named = {} if order is None else {"order": order}
    return {"type": kind, "source": "oms", "id": fresh(kind), "event_time": AT, **named, **more}


def send(shop: httpx2.Client, *signals: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    response = shop.post("/v1/signals", json=[*signals])
    assert response.status_code == 200, response.text
    return response.json()["items"], response.headers["Casetrail-Position"]


def listed(reader: httpx2.Client, position: str, **filters: object) -> list[tuple[str, str]]:
    response = reader.get(
        "/v1/orders", params=filters, headers={"Casetrail-Min-Position": position}
    )
    assert response.status_code == 200, response.text
    return [(one["order_id"], one["shop"]) for one in response.json()["items"]]


IDS = [
    *(
        "#1001",
        "2026/1001",
        "A%2FB",
        "A%252FB",
        "a?b=1&c;d",
        "a+b",
        "'\"<b>",
        "=1+1",
        "a\\b",
        "/",
        "x/",
    ),
    *("WEB 1001", "ÄÖ", "注文", "😀", "\u202e1001", "x" * 180, "timeline", "a/timeline", "//"),
]


@pytest.mark.parametrize("prefix", IDS)
def test_an_order_with_any_id_is_found_by_its_url(shop, ana, prefix) -> None:
    order = f"{prefix}{uuid4().hex[:8]}"
    items, _ = send(shop, signal("order.placed", order, customer={"id": "c-1"}))
    assert items[0]["outcome"] == "recorded"
    found = ana.get(f"/v1/orders/{quote(order, safe='')}")
    assert (found.status_code, found.json()["id"]) == (200, order)
    timeline = ana.get(f"/v1/orders/{quote(order, safe='')}/timeline")
    assert (timeline.status_code, timeline.json()["order"]) == (200, order)
    cases = ana.get("/v1/cases", params={"order": order})
    assert cases.status_code == 200


def test_an_unknown_order_with_a_slash_is_not_found(ana) -> None:
    response = ana.get(f"/v1/orders/{quote('no/such', safe='')}")
    assert response.status_code == 404
    assert "no/such" in response.json()["detail"]


def test_two_shops_have_two_orders_with_one_id(shop, ana) -> None:
    order = fresh("1001")
    items, position = send(
        shop,
        signal("order.placed", order, customer={"id": "c-1"}),
        signal("order.placed", order, customer={"id": "c-2"}, shop="fr"),
        signal("order.cancelled", order, shop="fr"),
    )
    assert [(i["order"], i["shop"]) for i in items] == [(order, "default"), *[(order, "fr")] * 2]
    default = ana.get(f"/v1/orders/{order}").json()
    french = ana.get(f"/v1/orders/{order}", params={"shop": "fr"}).json()
    assert (default["shop"], len(default["signals"])) == ("default", 1)
    assert (french["shop"], len(french["signals"])) == ("fr", 2)
    assert listed(ana, position, order=order, shop="fr") == [(order, "fr")]
    assert sorted(listed(ana, position, order=order)) == [(order, "default"), (order, "fr")]
    assert ana.get(f"/v1/orders/{order}", params={"shop": "de"}).status_code == 404


def test_a_case_shows_the_shop_of_its_order(shop, ana) -> None:
    order = fresh("1002")
    _, position = send(
        shop,
        signal("order.placed", order, customer={"id": "c-1"}, shop="fr"),
        signal("fraud.screened", order, verdict="review", shop="fr"),
    )
    cases = ana.get(
        "/v1/cases",
        params={"order": order, "shop": "fr"},
        headers={"Casetrail-Min-Position": position},
    ).json()["items"]
    assert {(case["order_id"], case["shop"]) for case in cases} == {(order, "fr")}
    default = ana.get("/v1/cases", params={"order": order}).json()["items"]
    assert default == []
    case = ana.get(f"/v1/cases/{cases[0]['case_id']}").json()
    packet = ana.get(f"/v1/cases/{cases[0]['case_id']}/packet").json()
    trail = ana.get(f"/v1/cases/{cases[0]['case_id']}/trail").json()
    for view in (case, packet, trail):
        assert (view["order"], view["shop"]) == (order, "fr")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("payment", {"type": "payment.authorized", "payment": "{}"}),
        ("refund", {"type": "refund.issued", "refund": "{}", "amount": {"amount": "1.00", "currency": "EUR"}}),
        ("dispute", {"type": "dispute.opened", "dispute": "{}"}),
        ("rma", {"type": "return.requested", "rma": "{}"}),
        ("shipment", {"type": "shipment.label_created", "shipment": "{}"}),
        ("fulfilment", {"type": "shipment.label_created", "fulfilment": "{}", "shipment": "s"}),
        ("tracking", {"type": "shipment.label_created", "tracking": "{}", "carrier": "DHL"}),
        ("order_number", {"type": "order.cancelled", "refs": {"order_number": "{}"}}),
        ("checkout", {"type": "order.cancelled", "refs": {"checkout": "{}"}}),
    ],
)  # fmt: skip
def test_orders_are_listed_by_each_reference(shop, ana, kind, fields) -> None:
    order, value = fresh("o"), fresh("REF")

    def filled(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: filled(inner) for name, inner in one.items()}
        return value if one == "{}" else one

    told = {**signal(fields["type"], order), **filled(fields)}
    items, position = send(shop, told, signal("order.placed", fresh("o"), customer=None))
    assert items[0]["outcome"] == "recorded", items
    assert listed(ana, position, **{kind: value}) == [(order, "default")]
    assert listed(ana, position, **{kind: f"{value}0"}) == []


def test_a_tracking_filter_may_name_the_carrier(shop, ana) -> None:
    order, code = fresh("o"), fresh("J")
    _, position = send(shop, signal("shipment.label_created", order, tracking=code, carrier="DHL"))
    assert listed(ana, position, tracking=code.lower(), carrier="dhl") == [(order, "default")]
    assert listed(ana, position, tracking=code, carrier="ups") == []
    refused = ana.get("/v1/orders", params={"carrier": "dhl"})
    assert (refused.status_code, refused.json()["title"]) == (400, refused.json()["title"])


def test_orders_are_listed_by_customer(shop, ana) -> None:
    order, customer = fresh("o"), fresh("c")
    _, position = send(shop, signal("order.placed", order, customer={"id": customer}))
    assert listed(ana, position, customer=customer) == [(order, "default")]
    assert listed(ana, position, customer=fresh("c")) == []


def test_orders_changed_since_a_position_are_listed(shop, ana) -> None:
    first, second = fresh("o"), fresh("o")
    _, before = send(shop, signal("order.placed", first, customer=None))
    _, position = send(shop, signal("order.placed", second, customer=None))
    changed = listed(ana, position, changed_since=before)
    assert (second, "default") in changed
    assert (first, "default") not in changed


def test_a_held_signal_is_listed_and_joins(shop, ana) -> None:
    order, payment = fresh("o"), fresh("pi")
    captured = signal(
        "payment.captured",
        None,
        refs={"payment": payment},
        amount={"amount": "5.00", "currency": "EUR"},
    )
    single = shop.post("/v1/signals", json=captured)
    answer = single.json()
    assert (single.status_code, answer["outcome"]) == (200, "held")
    assert answer["held"]["why"] == "unknown"
    assert answer["held"]["references"] == [{"kind": "payment", "value": payment}]
    assert "order" not in answer
    held = ana.get(
        "/v1/held",
        params={"limit": 200},
        headers={"Casetrail-Min-Position": single.headers["Casetrail-Position"]},
    ).json()["items"]
    (mine,) = [one for one in held if one["signal"] == f"oms/{captured['id']}"]
    assert mine["references"] == answer["held"]["references"]
    items, position = send(
        shop,
        signal("order.placed", order, customer=None),
        signal("payment.authorized", order, payment=payment),
    )
    assert [one["outcome"] for one in items] == ["recorded"] * 2
    # The answer says what joined, at the statement that names the reference.
    names = [{"order": order, "shop": "default"}]
    assert [one.get("joined") for one in items] == [
        None,
        [{"signal": f"oms/{captured['id']}", "orders": names}],
    ]
    signals = ana.get(f"/v1/orders/{order}").json()["signals"]
    assert captured["id"] in [one["id"] for one in signals]
    again, position = send(shop, captured, {**captured, "order": order})
    assert [(one["outcome"], one["order"]) for one in again] == [("duplicate", order)] * 2
    left = ana.get(
        "/v1/held", params={"limit": 200}, headers={"Casetrail-Min-Position": position}
    ).json()["items"]
    assert mine not in left


def test_what_joins_is_told_for_each_statement_and_never_twice(shop) -> None:
    first, second, payment = fresh("o"), fresh("o"), fresh("pi")
    money = {"amount": {"amount": "5.00", "currency": "EUR"}}
    told: dict[str, list[str]] = {}
    for order, ref in ((first, payment), (second, f"{payment}-2")):
        held = [
            signal("payment.captured", None, refs={"payment": ref}, **money),
            signal("refund.requested", None, refs={"payment": ref}, **money),
        ]
        items, _ = send(shop, *held)
        assert [one["outcome"] for one in items] == ["held"] * 2
        told[order] = sorted(f"oms/{one['id']}" for one in held)
    statements = [
        signal("payment.authorized", first, payment=payment),
        signal("order.cancelled", second),
        signal("payment.authorized", second, payment=f"{payment}-2"),
    ]
    items, _ = send(shop, *statements)
    joined = [sorted(one["signal"] for one in item.get("joined", ())) for item in items]
    assert joined == [told[first], [], told[second]]
    items, _ = send(shop, *statements)
    assert [one["outcome"] for one in items] == ["duplicate"] * 3
    assert all("joined" not in one for one in items)


def test_with_an_idempotency_key_the_stored_answer_tells_nothing_that_came_after_it(shop) -> None:
    order, payment = fresh("o"), fresh("pi")
    refund = signal("order.cancelled", None, refs={"payment": payment})
    assert shop.post("/v1/signals", json=refund).json()["outcome"] == "held"
    headers = {"Idempotency-Key": fresh("key")}
    statement = signal("payment.authorized", order, payment=payment)
    first = shop.post("/v1/signals", json=statement, headers=headers)
    again = shop.post("/v1/signals", json=statement, headers=headers)
    assert (first.json()["outcome"], again.content) == ("recorded", first.content)
    assert "joined" not in first.json()
    late = signal("order.cancelled", None, refs={"payment": payment})
    assert shop.post("/v1/signals", json=late).json()["outcome"] == "recorded"


def test_a_held_command_is_answered_again_with_the_same_bytes(shop) -> None:
    captured = signal("order.cancelled", None, refs={"order_number": fresh("#")})
    headers = {"Idempotency-Key": fresh("key")}
    first = shop.post("/v1/signals", json=captured, headers=headers)
    again = shop.post("/v1/signals", json=captured, headers=headers)
    assert (first.json()["outcome"], again.content) == ("held", first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_signal_ahead_of_the_clock_is_refused_with_its_pointer(shop) -> None:
    response = shop.post(
        "/v1/signals", json=signal("order.cancelled", fresh("o"), event_time="2199-01-01T00:00:00Z")
    )
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == "/event_time"
    assert "24 hours ahead" in error["detail"]


def test_times_with_an_offset_of_four_digits_are_read(shop, ana) -> None:
    order = fresh("o")
    items, _ = send(
        shop, signal("order.cancelled", order) | {"event_time": "2026-01-05T13:00:00+0100"}
    )
    assert items[0]["outcome"] == "recorded"
    (told,) = ana.get(f"/v1/orders/{order}").json()["signals"]
    assert told["event_time"] == AT


def test_a_reference_of_another_order_is_noticed_in_the_answer_and_the_order(shop, ana) -> None:
    payment, owner, other = fresh("pi"), fresh("O"), fresh("O")
    amount = {"amount": "5.00", "currency": "EUR"}
    send(shop, signal("payment.authorized", owner, payment=payment, amount=amount))
    wrong = signal("payment.captured", other, amount=amount, refs={"payment": payment})
    (item,), _ = send(shop, wrong)
    (notice,) = item["notices"]
    assert notice["pointer"] == "/refs/payment"
    assert f"payment {payment} is of order {owner}." in notice["detail"]
    shown = ana.get(f"/v1/orders/{other}").json()["notices"]
    assert {"signal": f"oms/{wrong['id']}", **notice} in shown
    assert ana.get(f"/v1/orders/{owner}").json()["notices"] == []
    (found,), _ = send(
        shop, signal("payment.captured", None, amount=amount, refs={"payment": payment})
    )
    assert (found["outcome"], found["order"]) == ("recorded", owner)
