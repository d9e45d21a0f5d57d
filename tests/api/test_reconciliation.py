"""Reconciliation over a real service and a real provider: matches are reconciled, discrepancies are named,
and a person with another duty in a case does not reconcile it."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import jsonschema_rs
import pytest
from click.testing import CliRunner

from api.cli import casetrail
from api.composition import desks
from api.openapi import openapi_document
from application.log.caller import Caller
from domain.grants import GrantRole
from domain.people import OPERATOR_ACTOR, Actor, Role
from infrastructure.health import HealthChecker
from infrastructure.payments.local import LocalProvider
from infrastructure.payments.statement_file import COLUMNS
from tests.api.running_service import RunningService, run_service
from tests.api.signals import ago, captured, in_future, money, order_id, placed, send, unavailable
from tests.intact_logs import assert_log_is_intact
from tests.payments.conftest import Running

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CSV = {"Content-Type": "text/csv"}
PEOPLE = {
    "tia": Role.TEAM_LEAD,
    "fay": Role.FINANCE_APPROVER,
    "finn": Role.FINANCE_APPROVER,
    "dev": Role.AUDITOR,
}
Told = dict[str, Any]


class Shop:
    def __init__(self, server: RunningService, provider: Running) -> None:
        self.server = server
        self.provider = provider
        self.since = ago(hours=1)

    def post(self, person: str, path: str, body: object = None, **headers: str) -> Told:
        answer = self.ask(person, path, json.dumps(body or {}).encode(), **headers)
        assert answer.status_code == 200, answer.text
        told: Told = answer.json()
        return told

    def ask(self, person: str, path: str, body: bytes, **headers: str) -> httpx2.Response:
        kept = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/json"}
        kept |= {name.replace("_", "-"): value for name, value in headers.items()}
        with self.server.client_as(person) as client:
            return client.post(path, content=body, headers=kept)

    def ordered(self, amount: str = "5.00", by: str = "fay") -> str:
        """Propose, approve and order a payment; return its key."""
        order = order_id()
        with self.server.client_as("shop") as client:
            told = (placed(order), captured(order, id=f"paid-{order}"), unavailable(order))
            items = send(client, *told).json()["items"]
        touched = [case for item in items for case in item.get("cases", ())]
        case = next(one["case"] for one in touched if one["kind"] == "stock_unavailable")
        with self.server.client_as("bo") as client:
            version = client.get(f"/v1/cases/{case}").json()["version"]
        path = f"/v1/cases/{case}"
        version = self.post("bo", f"{path}/claim", If_Match=f'"{version}"')["version"]
        ask = {"kind": "partial_refund", "amount": money(amount), "reason": "not_received"}
        found = self.post("bo", f"{path}/adjustments", ask, If_Match=f'"{version}"')
        one = found["adjustments"][0]
        for person, act in (("tia", "approve"), (by, "execute")):
            there = f"{path}/adjustments/{one['id']}/{act}"
            version = found["version"]
            found = self.post(person, there, {"digest": one["digest"]}, If_Match=f'"{version}"')
        key: str = one["id"]
        return key

    def pay(self, *keys: str, until: str = "executed") -> None:
        """Run the payer as a worker does, until all these payments have this state."""
        with desks(self.server.dsn, provider=LocalProvider(self.provider.url)) as working:
            working.ensure_policy()
            deadline = time.monotonic() + 20
            while {self.state(key) for key in keys} != {until}:
                assert time.monotonic() < deadline
                assert working.payer is not None
                working.payer.pay(working.clock)

    def state(self, key: str) -> str:
        return str(self.adjustment(key)["state"])

    def adjustment(self, key: str) -> Told:
        head = str(self.server.service.desks.log.head())
        with self.server.client_as("fay") as client:
            answer = client.get(
                "/v1/adjustments?limit=200", headers={"Casetrail-Min-Position": head}
            )
        return next(one for one in answer.json()["items"] if one["id"] == key)

    def reconcile(self, person: str = "finn", **headers: str) -> Told:
        return self.post(person, "/v1/reconciliations", {"since": self.since}, **headers)

    def write_into_ledger(self, statement: str, *values: object) -> None:
        """Change the ledger without the provider."""
        connection = sqlite3.connect(self.provider.ledger)
        with connection:
            connection.execute(statement, values)
        connection.close()


@contextmanager
def open_shop(dsn: str, provider: Running) -> Iterator[Shop]:
    with run_service(dsn, provider=LocalProvider(provider.url)) as server:
        people, clock = server.service.desks.people, server.service.desks.clock
        for name, role in PEOPLE.items():
            people.add(name, [role], clock()) if people.known(name) is None else None
            server.tokens[name] = people.issue_token(name, clock())
        yield Shop(server, provider)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "ledger.sqlite")
    yield running
    running.end()


@pytest.fixture
def shop(dsn: str, ledger: Running) -> Iterator[Shop]:
    with open_shop(dsn, ledger) as found:
        yield found


def kinds(told: Told) -> dict[str, str | None]:
    """The kind of each discrepancy, by adjustment."""
    assert sum(told["counts"].values()) == len(told["discrepancies"])
    return {found.get("key", ""): found["kind"] for found in told["discrepancies"]}


def test_matching_payments_are_reconciled_once_and_the_run_is_recorded(shop: Shop) -> None:
    keys = [shop.ordered("5.00"), shop.ordered("7.50")]
    shop.pay(*keys)
    first = shop.reconcile(Idempotency_Key="monday")
    assert (first["lines"], first["matched"], first["reconciled"]) == (2, 2, 2)
    assert first["discrepancies"] == []
    (sums,) = first["sums"]
    assert sums == {"currency": "EUR", "here": "12.50", "there": "12.50", "matched": "12.50"}
    assert [shop.adjustment(key)["reconciled_by"] for key in keys] == ["finn", "finn"]
    again = shop.reconcile(Idempotency_Key="monday")
    assert again == first
    later = shop.reconcile()
    assert (later["matched"], later["reconciled"]) == (2, 0)
    assert later["statement"] == first["statement"]
    with shop.server.client_as("dev") as auditor:
        head = str(shop.server.service.desks.log.head())
        headers = {"Casetrail-Min-Position": head}
        listed = auditor.get("/v1/reconciliations", headers=headers).json()["items"]
    assert listed == [later, first]
    operation = openapi_document()["paths"]["/v1/reconciliations"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    components = openapi_document()["components"]
    jsonschema_rs.validate({**schema, "$schema": DIALECT, "components": components}, first)


def test_every_kind_of_discrepancy_is_found_and_named(shop: Shop) -> None:
    agrees, less, gone, twice, failed, renamed = keys = [shop.ordered() for _ in range(6)]
    shop.pay(*keys)
    update = "UPDATE refunds SET"
    shop.write_into_ledger(f"{update} amount = '4.99' WHERE key = ?", less)
    shop.write_into_ledger("DELETE FROM refunds WHERE key = ?", gone)
    shop.write_into_ledger(f"{update} status = 'failed' WHERE key = ?", failed)
    shop.write_into_ledger(f"{update} reference = 're_other' WHERE key = ?", renamed)
    columns = "payment, currency, amount, reason, metadata, status, failure, created_at"
    copy = f"INSERT INTO refunds (reference, key, {columns}) SELECT ?, ?, {columns} FROM refunds WHERE key = ?"
    shop.write_into_ledger(copy, "re_twice", twice, twice)
    shop.write_into_ledger(copy, "re_nobody", None, agrees)
    stranger = str(uuid4())
    shop.write_into_ledger(copy, "re_stranger", stranger, agrees)
    refused = shop.ordered()
    shop.provider.switch(fail="refuse", times=1)
    shop.pay(refused, until="failed")
    shop.write_into_ledger(copy, "re_refused", refused, agrees)
    found = kinds(shop.reconcile())
    assert found == {
        less: "amount_differs",
        gone: "missing_there",
        twice: "given_twice",
        failed: "failed_there",
        renamed: "reference_differs",
        "": "unknown_here",
        stranger: "unknown_here",
        refused: "not_executed_here",
    }
    assert shop.state(agrees) == "reconciled"
    assert [shop.state(key) for key in (less, gone, twice, failed, renamed)] == ["executed"] * 5


def test_a_payment_made_while_still_executing_is_named(shop: Shop) -> None:
    key = shop.ordered()
    body = {"key": key, "payment": "p", "amount": money("5.00"), "order": "o"}
    shop.provider.post("/refunds", **body)
    assert kinds(shop.reconcile()) == {key: "still_executing"}


def test_a_person_with_another_duty_in_a_case_does_not_reconcile_it(shop: Shop) -> None:
    finns, fays = shop.ordered(by="finn"), shop.ordered(by="fay")
    shop.pay(finns, fays)
    told = shop.reconcile("finn")
    assert (told["matched"], told["reconciled"]) == (2, 1)
    assert kinds(told) == {finns: "not_yours"}
    assert "has the duty to execute" in told["discrepancies"][0]["detail"]
    told = shop.reconcile("fay")
    assert (told["matched"], told["reconciled"], told["counts"]) == (2, 1, {})
    assert [shop.state(key) for key in (finns, fays)] == ["reconciled"] * 2


def test_the_file_of_a_provider_is_compared_unchanged(shop: Shop, tmp_path: Path) -> None:
    keys = [shop.ordered(), shop.ordered()]
    shop.pay(*keys)
    file = httpx2.get(f"{shop.provider.url}/statement").content
    answer = shop.ask("finn", "/v1/reconciliations", file, **CSV)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["from_file"], told["reconciled"], told["counts"]) == (True, 2, {})
    assert told["statement"] == hashlib.sha256(file).hexdigest()
    cut = shop.ask("finn", "/v1/reconciliations", file[: len(file) // 2], **CSV)
    assert (cut.status_code, cut.json()["type"]) == (422, "/problems/statement-not-whole")
    assert shop.ask("finn", "/v1/reconciliations", b"\xff", **CSV).status_code == 400


def test_an_odd_line_is_named_and_everything_else_is_compared(shop: Shop) -> None:
    _, odd, strange = keys = [shop.ordered() for _ in range(3)]
    shop.pay(*keys)
    update = "UPDATE refunds SET"
    shop.write_into_ledger(f"{update} currency = 'XYZ' WHERE key = ?", odd)
    shop.write_into_ledger(f"{update} payment = 'pay\u2028x\u0085=y' WHERE key = ?", strange)
    told = shop.reconcile()
    assert kinds(told) == {odd: "unreadable_line"}
    assert (told["matched"], told["reconciled"], told["counts"]) == (2, 2, {"unreadable_line": 1})
    (found,) = told["discrepancies"]
    assert found["detail"].startswith(f"line {found['line']} cannot be read: XYZ is not a currency")
    assert [shop.state(key) for key in keys] == ["reconciled", "executed", "reconciled"]
    file = httpx2.get(f"{shop.provider.url}/statement").content
    for body in (file, b"\xef\xbb\xbf" + file, gzip.compress(file)):
        answer = shop.ask("finn", "/v1/reconciliations", body, **CSV)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["counts"], answer.json()["matched"]) == ({"unreadable_line": 1}, 2)
        with shop.server.client_as("dev") as auditor:
            audit = auditor.post("/v1/audit/statement", content=body, headers=CSV)
        assert [one["kind"] for one in audit.json()["answer"]["discrepancies"]] == [
            "unreadable_line"
        ]


def test_a_file_without_a_readable_line_is_refused_with_the_reasons(shop: Shop) -> None:
    file = ",".join(COLUMNS).encode() + b"\n1,re_a\nend,1\n"
    answer = shop.ask("finn", "/v1/reconciliations", file, **CSV)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/statement-not-whole")
    assert "line 2: it has 2 fields, not 9" in answer.json()["detail"]
    for broken in (gzip.compress(file)[:-5], file.decode().encode("utf-16-le")):
        answer = shop.ask("finn", "/v1/reconciliations", broken, **CSV)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-body")


@pytest.mark.parametrize(
    ("person", "body", "status"),
    [
        ("finn", b"{", 400),
        ("finn", b"{}", 400),
        ("finn", b'{"since": "2026-11-21T12:00:00"}', 422),
        ("finn", b'{"since": "2026-11-21T12:00:00Z", "since": "2026-11-20T12:00:00Z"}', 400),
        ("tia", b'{"since": "2026-11-21T12:00:00Z"}', 403),
        ("dev", b'{"since": "2026-11-21T12:00:00Z"}', 403),
    ],
)
def test_an_invalid_or_forbidden_reconciliation_is_refused(
    shop: Shop, person: str, body: bytes, status: int
) -> None:
    answer = shop.ask(person, "/v1/reconciliations", body)
    assert answer.status_code in (status, 422 if status == 400 else status), answer.text
    later = json.dumps({"since": in_future(hours=2)}).encode()
    assert shop.ask("finn", "/v1/reconciliations", later).status_code == 422


def test_a_scoped_grant_sees_only_its_part_of_the_result(shop: Shop) -> None:
    people, clock = shop.server.service.desks.people, shop.server.service.desks.clock
    people.add("narrow", [], clock())
    grant = GrantRole(role=Role.FINANCE_APPROVER, queues=("refund_validation",), reason="Some.")
    caller = _operator(shop)
    people.give("narrow", grant, ["refund_validation"], caller)
    shop.server.tokens["narrow"] = people.issue_token("narrow", clock())
    body = json.dumps({"since": shop.since}).encode()
    answer = shop.ask("narrow", "/v1/reconciliations", body)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-in-scope")


def test_a_reconciliation_that_stopped_half_way_leaves_an_intact_log(shop: Shop) -> None:
    """Each payment is reconciled in an append of its own; the answer is stored with the last one."""
    key = shop.ordered()
    shop.pay(key)
    desks, case = shop.server.service.desks, UUID(shop.adjustment(key)["case"])
    finn = Caller(Actor("key:finn", "finn"), "finn", desks.clock(), "command:stopped")
    version = desks.money.cases([case])[case].version
    desks.money.reconcile(case, version, UUID(key), "ab" * 32, finn)
    assert shop.state(key) == "reconciled"
    assert_log_is_intact(shop.server.dsn)


def _operator(shop: Shop) -> Any:
    return Caller(OPERATOR_ACTOR, "olga", shop.server.service.desks.clock(), "command:test")


def test_the_command_uses_the_api(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = shop.ordered()
    shop.pay(key)
    monkeypatch.setenv("CASETRAIL_URL", shop.server.url)
    monkeypatch.setenv("CASETRAIL_TOKEN", shop.server.tokens["finn"])
    run = CliRunner().invoke
    listed = run(casetrail, ["adjustments", "list", "--state", "executed", "--json"])
    assert [one["id"] for one in json.loads(listed.output)] == [key]
    assert key in run(casetrail, ["adjustments", "list"], env={"COLUMNS": "250"}).output
    done = run(casetrail, ["adjustments", "reconcile"])
    assert (done.exit_code, "1 of them newly reconciled" in done.output) == (0, True)
    file = tmp_path / "list.csv"
    file.write_bytes(httpx2.get(f"{shop.provider.url}/statement").content)
    assert run(casetrail, ["adjustments", "reconcile", str(file)]).exit_code == 0
    shop.write_into_ledger("UPDATE refunds SET amount = '4.00' WHERE key = ?", key)
    few_days_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    differs = run(casetrail, ["adjustments", "reconcile", "--since", few_days_ago])
    assert differs.exit_code == 1
    assert f"amount_differs: {key}: 5.00 EUR was ordered, 4.00 EUR was paid" in differs.output
    monkeypatch.setenv("CASETRAIL_TOKEN", "ct_nobody")
    refused = run(casetrail, ["adjustments", "list"])
    assert (refused.exit_code, "Error: " in refused.output) == (1, True)


def test_health_reports_a_payment_that_no_connected_provider_can_make(shop: Shop) -> None:
    key = shop.ordered()
    assert shop.state(key) == "executing"
    desks, now = shop.server.service.desks, datetime.now(UTC)

    def problems(provider: str | None, at: datetime = now) -> list[str]:
        found = HealthChecker(desks.datastore, provider).check(at).problems
        return [one for one in found if "1 payments ordered at local" in one]

    assert "no provider is connected here" in problems(None)[0]
    assert "stripe is connected here" in problems("stripe")[0]
    assert problems("local") == []
    assert "check that it answers" in problems("local", now + timedelta(hours=2))[0]
    shop.pay(key)
    assert problems("stripe") == []
