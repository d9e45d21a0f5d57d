"""The API says who sees to each order, with or without a case, and how many passed each stage in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from api.composition import desks
from domain.orders.stage import Stage
from tests.api.running_service import run_service
from tests.api.signals import order_id, placed, signal
from tests.conftest import Databases
from tests.domain.standard_work import with_stages

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
LATER = {"Prefer": "wait=20"}


def at(hours: float) -> str:
    return (BEGAN + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def ana(databases: Databases, template_database: str) -> Iterator[httpx2.Client]:
    """Ana, who reads orders and sends signals, in a service whose policy names stages."""
    with databases.new(template_database) as name:
        dsn = databases.dsn(name)
        with desks(dsn) as working:
            working.ensure_policy(with_stages())
        with run_service(dsn, time=True) as running, running.client_as("ana") as client:
            yield client


@pytest.fixture(scope="module")
def without_stages(databases: Databases, template_database: str) -> Iterator[httpx2.Client]:
    with databases.new(template_database) as name:
        dsn = databases.dsn(name)
        with desks(dsn) as working:
            working.ensure_policy(with_stages("no-stages", stages=None))
        with run_service(dsn) as running, running.client_as("ana") as client:
            yield client


def take(client: httpx2.Client, *signals: dict[str, Any]) -> int:
    answer = client.post("/v1/signals", json=[*signals])
    assert {item["outcome"] for item in answer.json()["items"]} == {"recorded"}, answer.text
    position = int(answer.headers["Casetrail-Position"])
    return position


def owner(client: httpx2.Client, order: str, **query: str) -> Any:
    answer = client.get(f"/v1/orders/{order}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["owner"]


def test_an_order_names_its_owner_until_it_is_closed(ana) -> None:
    order = order_id()
    take(ana, placed(order, event_time=at(0)))
    assert owner(ana, order) == {
        "stage": "payment",
        "team": "payments_desk",
        "since": at(0),
        "due_at": at(24),
        "overdue": True,
    }
    take(ana, signal("payment.authorized", order, event_time=at(30)))
    assert owner(ana, order)["stage"] == "allocation"
    assert owner(ana, order, as_of=at(1))["stage"] == "payment"
    assert owner(ana, order, as_of=at(1))["overdue"] is False
    take(ana, signal("shipment.delivered", order, event_time=at(60)))
    assert owner(ana, order) is None


def test_the_report_of_orders_lists_the_open_orders_of_a_team(ana) -> None:
    order, done = order_id(), order_id()
    take(ana, placed(done, event_time=at(0)), signal("shipment.delivered", done, event_time=at(9)))
    position = take(ana, placed(order, event_time=at(1)))
    query = {"owner_team": "payments_desk", "stage": "payment", "limit": "200"}
    headers = {"Casetrail-Min-Position": str(position), **LATER}
    rows = {
        r["order_id"]: r
        for r in ana.get("/v1/orders", params=query, headers=headers).json()["items"]
    }
    assert done not in rows
    row = rows[order]
    assert (row["stage"], row["owner_team"]) == ("payment", "payments_desk")
    assert (row["stage_since"], row["stage_due_at"]) == (at(1), at(25))


def test_the_attainment_counts_each_stage_by_the_day_on_which_it_began(ana) -> None:
    day = (BEGAN - timedelta(days=100)).date()
    moments = [f"{day}T{hour:02}:00:00Z" for hour in (1, 2, 3, 12)]
    quick, slow, stuck = order_id(), order_id(), order_id()
    take(ana, *(placed(order, event_time=moments[0]) for order in (quick, slow, stuck)))
    take(
        ana,
        *(
            signal(
                "payment.captured",
                order,
                event_time=moments[1],
                amount={"amount": "10.00", "currency": "EUR"},
            )
            for order in (quick, slow, stuck)
        ),
    )
    take(ana, signal("stock.allocated", quick, event_time=moments[2]))
    position = take(ana, signal("stock.allocated", slow, event_time=moments[3]))
    answer = ana.get(
        "/v1/views/standard-work",
        params={"first": str(day), "last": str(day)},
        headers={"Casetrail-Min-Position": str(position), **LATER},
    )
    assert answer.json() == {
        "items": [
            {"stage": stage, "day": str(day), **dict(zip(NAMES, numbers, strict=True))}
            for stage, numbers in {
                Stage.PAYMENT: (3, 3, 0, 0, 0),
                Stage.ALLOCATION: (3, 1, 1, 1, 1),
                Stage.RELEASE: (2, 0, 0, 2, 2),
            }.items()
        ]
    }


NAMES = ("entered", "in_time", "late", "open", "overdue")


def test_nobody_is_named_while_policy_names_no_stages(without_stages) -> None:
    order = order_id()
    position = take(without_stages, placed(order, event_time=at(0)))
    shown = owner(without_stages, order)
    assert (shown["stage"], shown["team"], shown["due_at"]) == ("payment", None, None)
    headers = {"Casetrail-Min-Position": str(position), **LATER}
    answer = without_stages.get("/v1/views/standard-work", headers=headers)
    assert answer.json() == {"items": []}
