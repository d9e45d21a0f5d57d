"""casetrail held: held signals with the orders that they fit, each by its id and its shop."""

from __future__ import annotations

import json
from uuid import uuid4

from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.api.running_service import RunningService
from tests.api.signals import captured, money, order_id, placed, send, signal
from tests.cli.conftest import Casetrail


def test_the_orders_of_a_held_signal_are_named_by_id_and_shop(
    casetrail: Casetrail, server: RunningService
) -> None:
    order, payment = order_id(), f"pi-{uuid4()}"
    with server.client_as("shop") as shop:
        for name in ("default", "uk"):
            paid = captured(order, "10.00", payment=payment)
            told = send(shop, placed(order, shop=name), paid | {"shop": name})
            assert {item["outcome"] for item in told.json()["items"]} == {"recorded"}
        refund = signal("refund.issued", "", amount=money("1.00"), refs={"payment": payment})
        answer = shop.post("/v1/signals", json=refund).json()
    orders = [{"order": order, "shop": "default"}, {"order": order, "shop": "uk"}]
    assert (answer["outcome"], answer["held"]["orders"]) == ("held", orders)
    ProjectionRunner(server.dsn, PROJECTIONS).catch_up()
    listed = casetrail("held", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "\\u001f" not in listed.stdout
    (row,) = json.loads(listed.stdout)
    assert row["orders"] == orders
    with server.client_as("ana") as ana:
        assert ana.get("/v1/held").json()["items"] == [row]
    table = casetrail("held").stdout
    assert f"{order}, {order} in the shop uk" in " ".join(table.split())
