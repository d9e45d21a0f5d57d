"""Asking who read an order's personal data is not a read of that data."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.people import Role
from tests.api.running_service import RunningService
from tests.api.signals import order_id, placed, send, signal


def test_asking_who_read_personal_data_is_not_itself_a_read(server: RunningService) -> None:
    order, people, now = order_id(), server.service.desks.people, datetime.now(UTC)
    people.add("audra", [Role.AUDITOR], now)
    server.tokens["audra"] = people.issue_token("audra", now)
    with server.client_as("shop") as shop, server.client_as("audra") as auditor:
        assert send(shop, placed(order)).status_code == 200
        for _ in range(2):
            told = auditor.get("/v1/audit/reads", params={"order": order}).json()
            assert told["items"] == []
            assert told["nothing"] == "Nobody has read any of it."
        assert auditor.get(f"/v1/orders/{order}").status_code == 200
        told = auditor.get("/v1/audit/reads", params={"order": order}).json()
        assert [one["person"] for one in told["items"]] == ["audra"]
        assert told.get("nothing") is None
        told = auditor.get("/v1/audit/reads", params={"order": "o-none"}).json()
        assert told["nothing"] == "There is no order o-none in the shop default."


def test_personal_data_is_found_by_customer_or_by_order_and_not_by_both(
    server: RunningService,
) -> None:
    order, people, now = order_id(), server.service.desks.people, datetime.now(UTC)
    people.add("petra", [Role.PRIVACY_OFFICER], now)
    server.tokens["petra"] = people.issue_token("petra", now)
    with server.client_as("shop") as shop, server.client_as("petra") as petra:
        assert send(shop, placed(order)).status_code == 200
        path = "/v1/personal-data/find"
        found = petra.post(path, json={"order": order})
        assert found.status_code == 200
        assert found.json()["orders"] == [{"order": order, "shop": "default"}]
        assert petra.post(path, json={"order": "o-none"}).status_code == 404
        wrong = (
            ({}, "/customer", "both are missing"),
            ({"order": order, "customer": "c"}, "/customer", "both are given"),
            ({"order": "a\nb"}, "/order", "is not an order id"),
            ({"order": order, "shop": "no shop"}, "/shop", "is not a shop"),
            ({"customer": "c", "shop": "uk"}, "/shop", "with order only"),
        )
        for body, pointer, detail in wrong:
            refused = petra.post(path, json=body)
            assert refused.status_code == 422, body
            (error,) = refused.json()["errors"]
            assert error["pointer"] == pointer
            assert detail in error["detail"]


def test_personal_data_is_found_and_erased_in_the_shop_that_is_named(
    server: RunningService,
) -> None:
    order, people, now = (
        "/".join([order_id(), "x" * 150]),
        server.service.desks.people,
        datetime.now(UTC),
    )
    people.add("paul", [Role.PRIVACY_OFFICER], now)
    server.tokens["paul"] = people.issue_token("paul", now)

    def message(shop: str, text: str) -> dict[str, object]:
        said = {"channel": "email", "summary": text, "shop": shop}
        return signal("customer.message_received", order, **said)

    with server.client_as("shop") as shop, server.client_as("paul") as paul:
        for name in ("de", "uk"):
            assert send(shop, message(name, f"I am Erika of {name}.")).status_code == 200
        who = {"order": order, "shop": "uk"}
        found = paul.post("/v1/personal-data/find", json=who).json()
        assert found["orders"] == [who]
        assert [(one["order"], one["shop"], one["texts"]) for one in found["texts"]] == [
            (order, "uk", ["I am Erika of uk."])
        ]
        missing = paul.post("/v1/personal-data/find", json={"order": order})
        assert missing.status_code == 404
        erased = paul.post("/v1/personal-data/erasures", json={**who, "basis": "objection"})
        assert erased.json()["erasures"][0]["orders"] == [who]
        again = paul.post("/v1/personal-data/erasures", json={**who, "basis": "objection"})
        assert f"order {order} in the shop uk" in again.json()["detail"]
        other = paul.post("/v1/personal-data/find", json={**who, "shop": "de"}).json()
        assert [one["texts"] for one in other["texts"]] == [["I am Erika of de."]]
        assert send(shop, message("uk", "Late.")).status_code == 200
        path = "/v1/personal-data/after-erasure"
        page = paul.get(path).json()
        assert who in [{"order": one["order"], "shop": one["shop"]} for one in page["items"]]
        following = paul.get(path, params={"after": page["next_after"]})
        assert following.json()["items"] == []
        assert paul.get(path, params={"after": order.partition("/")[0]}).status_code == 400
