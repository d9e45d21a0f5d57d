"""`POST /v1/signals?dry_run=true`: the answer that the signals would get, and nothing is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import httpx2
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.api.running_service import FOLDER, RunningService, run_service
from tests.api.signals import (
    JSON,
    NDJSON,
    JsonObject,
    ago,
    as_ndjson,
    cancelled,
    captured,
    order_id,
    placed,
    refunded,
    send,
    signal,
    unavailable,
)
from tests.api.test_problems import assert_problem
from tests.conftest import Databases

DRY = "/v1/signals?dry_run=true"


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service that nothing but requests writes to."""
    with (
        databases.new(template_database) as name,
        run_service(databases.dsn(name), reports=False) as running,
    ):
        yield running


def stored(server: RunningService) -> dict[str, str]:
    """A digest of every table, and of every file of the key store and the evidence."""
    found = {}
    with psycopg.connect(server.dsn) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            query = SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(Identifier(table))
            rows = connection.execute(query).fetchall()
            found[table] = sha256(repr(rows).encode()).hexdigest()
    for file in sorted(Path(FOLDER.name).rglob("*")):
        if file.is_file():
            found[str(file)] = sha256(file.read_bytes()).hexdigest()
    return found


def dry(shop: httpx2.Client, *signals: JsonObject) -> JsonObject:
    answer = shop.post(DRY, content=json.dumps(signals), headers=JSON)
    assert answer.status_code == 200, answer.text
    found: JsonObject = answer.json()
    return found


def without_clock(answer: JsonObject) -> JsonObject:
    """The answer without the times of our clock in the texts of problems."""
    found: JsonObject = json.loads(re.sub(r"our clock \([^)]*\)", "our clock", json.dumps(answer)))
    return found


def random_signal(chance: Random, orders: list[str], sent: list[JsonObject]) -> JsonObject:
    """A signal of one of the orders: with or without its order, sent before or not, valid or not."""
    order = chance.choice(orders)
    amount = chance.choice(["10.00", "25.00"])
    payment = f"pi-{order}"
    told = chance.choice(
        [
            placed(order, customer={"id": "c-1", "email": "mia@example.com"}),
            unavailable(order),
            cancelled(order),
            captured(order, amount, payment=payment),
            refunded(order, amount, payment=payment),
            {**captured("", amount), "refs": {"payment": payment}},
            {**refunded("", amount), "refs": {"payment": chance.choice([payment, "pi-none"])}},
            signal("shipment.handed_over", order, tracking=order, carrier="dhl"),
            {**signal("shipment.delivered", ""), "refs": {"tracking": {"code": order}}},
            signal("order.placed", order, nonsense=1),
            {**placed(order), "source": "casetrail"},
            {**captured(order), "event_time": ago(hours=-90)},
        ]
    )
    if sent and chance.random() < 0.3:
        earlier = chance.choice(sent)
        back = {"type": "signal.retracted", "of": earlier["id"], "source": earlier["source"]}
        told = chance.choice([earlier, {**earlier, "event_time": ago(hours=2)}, {**told, **back}])
        told = {key: told[key] for key in told if key in SIGNAL or told["type"] != back["type"]}
    return {key: value for key, value in told.items() if value != ""}


SIGNAL = {"type", "source", "id", "order", "event_time", "of"}


@pytest.mark.parametrize("seed", range(12))
def test_the_real_answer_is_that_of_the_dry_run(
    server: RunningService, shop: httpx2.Client, seed: int
) -> None:
    chance, orders = Random(seed), [order_id() for _ in range(3)]
    sent: list[JsonObject] = []
    for _ in range(6):
        batch = [random_signal(chance, orders, sent) for _ in range(chance.randint(1, 8))]
        before = stored(server)
        foretold = dry(shop, *batch)
        assert stored(server) == before
        answer = send(shop, *batch).json()
        assert foretold.pop("dry_run") is True
        changes = foretold.pop("changes")
        assert without_clock(foretold) == without_clock(answer)
        with server.client_as("ana") as ana:
            for change in changes:
                case = ana.get(f"/v1/cases/{change['case']}").json()
                same = ("kind", "state", "queue", "severity", "priority", "order", "shop")
                assert [change[name] for name in same] == [case[name] for name in same]
        named = {c["case"] for item in answer["items"] for c in item.get("cases", ())}
        assert named <= {change["case"] for change in changes}
        sent += batch


def test_the_first_personal_data_of_a_service_makes_no_key(
    databases: Databases, template_database: str
) -> None:
    with (
        databases.new(template_database) as name,
        run_service(databases.dsn(name), reports=False) as fresh,
        fresh.client_as("shop") as shop,
    ):
        before = stored(fresh)
        told = placed(order_id(), customer={"id": "c", "email": "mia@example.com"})
        assert dry(shop, told, refunded(told["order"]))["recorded"] == 2
        assert stored(fresh) == before


def test_a_case_is_described_as_it_would_be(shop: httpx2.Client) -> None:
    order = order_id()
    told = [placed(order), unavailable(order)]
    (opened,) = dry(shop, *told)["changes"]
    assert {**opened, "case": ""} == {
        "case": "",
        "kind": "stock_unavailable",
        "effects": ["opened"],
        "state": "open",
        "queue": "allocation_failure_review",
        "severity": "high",
        "priority": opened["priority"],
        "order": order,
        "shop": "default",
    }
    send(shop, *told)
    back = signal("signal.retracted", order, source="wms", of=told[1]["id"])
    answer = shop.post(DRY, json=back).json()
    assert (answer["outcome"], answer["dry_run"]) == ("recorded", True)
    (cleared,) = answer["changes"]
    assert "cleared" in cleared["effects"]
    (why,) = cleared["cleared"]
    assert why["signal"] == f"wms/{back['id']}"
    assert why["rule"]
    assert "read" not in str(why["tests"])


def test_the_answer_names_the_position_and_no_receipt(
    server: RunningService, shop: httpx2.Client
) -> None:
    answer = shop.post(DRY, json=placed(order_id()))
    assert int(answer.headers["Casetrail-Position"]) == server.service.desks.log.head()
    assert "Casetrail-Receipt" not in answer.headers


def test_ndjson_and_held_signals(shop: httpx2.Client) -> None:
    unknown = {**captured(""), "refs": {"payment": f"pi-{order_id()}"}}
    del unknown["order"]
    lines = as_ndjson([unknown, {"type": "nonsense"}])
    answer = shop.post(DRY, content=lines, headers=NDJSON).json()
    assert (answer["held"], answer["refused"], answer["changes"]) == (1, 1, [])
    assert answer["items"][0]["held"]["why"] == "unknown"
    assert answer["items"][1]["line"] == 2


def test_a_single_refused_signal_is_answered_with_its_problem(shop: httpx2.Client) -> None:
    told = placed(order_id())
    send(shop, told)
    assert_problem(shop.post(DRY, json={**told, "currency": "SEK"}), 422, "invalid")
    reused = {**told, "event_time": ago(hours=3)}
    assert_problem(shop.post(DRY, json=reused), 422, "signal-id-reused")


def test_an_idempotency_key_is_refused(shop: httpx2.Client) -> None:
    answer = shop.post(DRY, json=placed(order_id()), headers={"Idempotency-Key": "k"})
    problem = assert_problem(answer, 400, "malformed-parameter")
    (fault,) = problem["errors"]
    assert fault["parameter"] == "Idempotency-Key"
    assert "stores nothing" in fault["detail"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("dryrun=true", "dryrun"),
        ("dry_run=true&dry_run=false", "dry_run"),
        ("dry_run=yes", "dry_run"),
        ("dry_run=", "dry_run"),
        ("dry_run=null", "dry_run"),
        ("limit=5", "limit"),
    ],
)
def test_a_misspelt_dry_run_records_nothing(
    server: RunningService, shop: httpx2.Client, query: str, parameter: str
) -> None:
    head = server.service.desks.log.head()
    answer = shop.post(f"/v1/signals?{query}", json=placed(order_id()))
    problem = assert_problem(answer, 400, "malformed-parameter")
    assert parameter in [fault["parameter"] for fault in problem["errors"]]
    assert server.service.desks.log.head() == head


def test_false_records(shop: httpx2.Client) -> None:
    answer = shop.post("/v1/signals?dry_run=false", json=placed(order_id())).json()
    assert answer["outcome"] == "recorded"
    assert "dry_run" not in answer


def test_it_needs_the_permission_to_send(server: RunningService) -> None:
    with server.client_as("olga") as olga:
        assert_problem(olga.post(DRY, json=placed(order_id())), 403, "not-permitted")


def test_a_log_that_takes_no_signals_gives_no_dry_answer(
    server: RunningService, shop: httpx2.Client
) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("UPDATE log_head SET halted = true")
        try:
            assert_problem(shop.post(DRY, json=placed(order_id())), 503, "log-unwritable")
        finally:
            connection.execute("UPDATE log_head SET halted = false")
    assert dry(shop, placed(order_id()))["recorded"] == 1


def test_money_that_was_given_back_elsewhere_counts(shop: httpx2.Client) -> None:
    """The ledgers of customers are read and not written."""
    order = order_id()
    told = [
        placed(order, customer={"id": "c-9"}),
        captured(order, payment="p"),
        refunded(order, payment="p"),
    ]
    assert dry(shop, *told)["recorded"] == 3
    assert dry(shop, *told)["recorded"] == 3
    assert send(shop, *told).json()["recorded"] == 3
    assert dry(shop, *told)["duplicate"] == 3
    assert dry(shop, refunded(order, "9.00", payment="p"))["changes"]
