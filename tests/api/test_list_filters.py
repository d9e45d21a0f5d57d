"""Filters of lists: several names, what was updated since, a customer; and the fields of the items."""

from __future__ import annotations

import httpx2
import pytest

from tests.api import test_lists
from tests.api.signals import order_id, placed, send, unavailable
from tests.api.test_lists import MIN, walk

rows = test_lists.rows


@pytest.mark.parametrize("query", ["{0},{1}", "{1}%2C{0}", "{0}&{name}={1}", "{0},{1}&{name}={0}"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("queue", ("refund_validation", "allocation_failure_review")),
        ("state", ("open", "claimed")),
        ("kind", ("refund_due", "stock_unavailable")),
        ("severity", ("high", "medium")),
        ("owner", ("refunds_desk", "inventory_desk")),
    ],
)
def test_a_filter_takes_several_values(
    ana: httpx2.Client, rows: dict[str, str], name: str, values: tuple[str, str], query: str
) -> None:
    wanted = query.format(*values, name=name)
    found = [r for p in walk(ana, f"/v1/cases?limit=9&{name}={wanted}", rows) for r in p]
    everything = [r for p in walk(ana, "/v1/cases?limit=200", rows) for r in p]
    assert found == [row for row in everything if row[name] in values]
    assert found


def test_a_list_of_what_was_updated_since(
    ana: httpx2.Client, shop: httpx2.Client, rows: dict[str, str]
) -> None:
    order = order_id()
    sent = send(shop, placed(order), unavailable(order))
    head = {MIN: sent.headers["Casetrail-Position"]}
    for report, key in (("cases", "case_id"), ("orders", "order_id")):
        everything = [r for p in walk(ana, f"/v1/{report}?limit=200", head) for r in p]
        since = max(row["updated_at"] for row in everything)
        expected = {row[key] for row in everything if row["updated_at"] >= since}
        found = walk(ana, f"/v1/{report}?limit=9&updated_since={since}", head)
        assert {row[key] for page in found for row in page} == expected
        assert 0 < len(expected) < len(everything)
        assert ana.get(f"/v1/{report}?updated_since=2999-01-01T00:00:00Z").json()["items"] == []
        assert ana.get(f"/v1/{report}?updated_since=2026-01-01T00:00:00").status_code == 400


def test_a_command_updates_a_case(ana: httpx2.Client, shop: httpx2.Client) -> None:
    order = order_id()
    sent = send(shop, placed(order), unavailable(order))
    head = {MIN: sent.headers["Casetrail-Position"]}
    address = f"/v1/cases?order={order}"
    [before] = ana.get(address, headers=head).json()["items"]
    answer = ana.post(
        f"/v1/cases/{before['case_id']}/claim", headers={"If-Match": f'"{before["version"]}"'}
    )
    assert answer.status_code == 200, answer.text
    head = {MIN: answer.headers["Casetrail-Position"]}
    [after] = ana.get(address, headers=head).json()["items"]
    assert after["updated_at"] > before["updated_at"] == before["opened_at"]
    since = after["updated_at"]
    assert ana.get(f"{address}&updated_since={since}", headers=head).json()["items"] == [after]


def test_the_cases_of_a_customer(ana: httpx2.Client, shop: httpx2.Client) -> None:
    customer, other = order_id(), order_id()
    orders = [order_id() for _ in range(3)]
    ids = (customer, customer, other)
    told = [placed(o, customer={"id": c}) for o, c in zip(orders, ids, strict=True)]
    sent = send(shop, *told, *(unavailable(order) for order in orders))
    head = {MIN: sent.headers["Casetrail-Position"]}
    found = ana.get(f"/v1/cases?customer={customer}&kind=stock_unavailable", headers=head).json()
    assert {row["order_id"] for row in found["items"]} == {*orders[:2]}
    assert ana.get("/v1/cases?customer=nobody", headers=head).json()["items"] == []


def test_fields_of_the_items(ana: httpx2.Client, rows: dict[str, str]) -> None:
    whole = [r for p in walk(ana, "/v1/cases?limit=200", rows) for r in p]
    for query in ("fields=case_id,state", "fields=state&fields=case_id"):
        found = [r for p in walk(ana, f"/v1/cases?limit=9&{query}", rows) for r in p]
        assert found == [{name: row[name] for name in ("case_id", "state")} for row in whole]
    refused = ana.get("/v1/cases?fields=case_id,stat")
    assert refused.status_code == 400
    [fault] = refused.json()["errors"]
    assert fault["parameter"] == "fields"
    assert fault["detail"].startswith("'stat' is not known; did you mean state?")


@pytest.mark.parametrize(
    ("query", "meant"),
    [("kind=refund_du", "refund_due"), ("queue=refund_due,refund_validation", "refund_validation")],
)
def test_a_misspelt_name_is_an_error_with_the_names_there_are(
    ana: httpx2.Client, query: str, meant: str
) -> None:
    answer = ana.get(f"/v1/cases?{query}")
    assert answer.status_code == 400, answer.text
    assert "known are: " in answer.text
    assert meant in answer.text
