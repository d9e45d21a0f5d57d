"""Lists: limit, cursor and Link return every row exactly once; invalid ones are refused."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.cases.exception_case import CaseState
from domain.policy.document import Bucket, Severity
from tests.api.signals import JsonObject, cancelled, captured, order_id, placed, send, unavailable

QUEUE = "/v1/queues/allocation_failure_review"
OTHER_QUEUE = "/v1/queues/refund_validation"
CASES = 57
MIN = "Casetrail-Min-Position"


@pytest.fixture(scope="module")
def rows(shop: httpx2.Client) -> dict[str, str]:
    """Send orders with problems; return the header that waits until the lists have all of them."""
    orders = [order_id() for _ in range(CASES)]
    tiers = ("standard", "gold", "vip")
    told = [
        placed(order, customer={"id": "c", "tier": tiers[n % 3]}) for n, order in enumerate(orders)
    ]
    told += [unavailable(order) for order in orders]
    told += [cancelled(order) for order in orders[:20]] + [captured(order) for order in orders[:20]]
    return {MIN: send(shop, *told).headers["Casetrail-Position"]}


def walk(
    client: httpx2.Client,
    address: str,
    headers: dict[str, str],
    between: Callable[[], object] = lambda: None,
) -> Iterator[list[JsonObject]]:
    """Read all pages by their Link; `between` is called before each next page."""
    while True:
        answer = client.get(address, headers=headers)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield body["items"]
        link = answer.headers.get("Link")
        assert (link is None) == (body["next"] is None)
        if link is None:
            return
        assert answer.links["next"]["rel"] == "next"
        address = answer.links["next"]["url"]
        between()


def send_one_more(shop: httpx2.Client) -> None:
    order = order_id()
    send(shop, placed(order, customer={"id": "c", "tier": "vip"}), unavailable(order))


WALKS = [
    ("/v1/cases", "case_id"),
    ("/v1/cases?kind=stock_unavailable&state=open", "case_id"),
    ("/v1/cases?queue=refund_validation", "case_id"),
    ("/v1/cases?bucket=inventory_conflict&severity=high&owner=inventory_desk", "case_id"),
    ("/v1/orders", "order_id"),
    ("/v1/orders?tier=gold", "order_id"),
    (QUEUE, "case_id"),
]


@pytest.mark.parametrize("limit", [3, 19, 57, 58, 200])
@pytest.mark.parametrize(("address", "key"), WALKS)
def test_pages_return_every_row_once_in_one_order(
    ana: httpx2.Client, rows: dict[str, str], address: str, key: str, limit: int
) -> None:
    joint = "&" if "?" in address else "?"
    whole = [row for page in walk(ana, f"{address}{joint}limit=200", rows) for row in page]
    pages = list(walk(ana, f"{address}{joint}limit={limit}", rows))
    assert [row for page in pages for row in page] == whole
    assert len({row[key] for row in whole}) == len(whole) > 0
    assert all(len(page) == limit for page in pages[:-1])
    assert 0 < len(pages[-1]) <= limit


@pytest.mark.parametrize(("address", "key"), [WALKS[0], WALKS[1], WALKS[6]])
def test_pages_return_existing_rows_once_while_others_are_added(
    ana: httpx2.Client, shop: httpx2.Client, rows: dict[str, str], address: str, key: str
) -> None:
    joint = "&" if "?" in address else "?"
    before = {row[key] for page in walk(ana, f"{address}{joint}limit=200", rows) for row in page}
    pages = walk(ana, f"{address}{joint}limit=9", rows, lambda: send_one_more(shop))
    met = [row[key] for page in pages for row in page]
    assert len(met) == len(set(met))
    assert before <= set(met)


def test_pages_return_unchanged_orders_once_while_others_are_added(
    ana: httpx2.Client, shop: httpx2.Client, rows: dict[str, str]
) -> None:
    before = {r["order_id"] for p in walk(ana, "/v1/orders?limit=200", rows) for r in p}
    pages = walk(ana, "/v1/orders?limit=9", rows, lambda: send_one_more(shop))
    met = [row["order_id"] for page in pages for row in page]
    assert len(met) == len(set(met))
    assert before <= set(met)


def test_cases_are_listed_most_urgent_first(ana: httpx2.Client, rows: dict[str, str]) -> None:
    found = ana.get("/v1/cases?limit=200", headers=rows).json()["items"]
    urgency = [(-row["priority"], row["opened_at"], row["case_id"]) for row in found]
    assert urgency == sorted(urgency)
    assert found[0]["priority"] > found[-1]["priority"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("queue", "refund_validation"),
        ("state", "open"),
        ("kind", "refund_due"),
        ("bucket", "return_or_damage"),
        ("severity", "high"),
        ("owner", "refunds_desk"),
    ],
)
def test_each_filter_returns_only_matching_rows(
    ana: httpx2.Client, rows: dict[str, str], name: str, value: str
) -> None:
    # The report may not have all signals of earlier tests yet.
    head = ana.get("/v1/events?limit=1").json()["head"]
    rows = {**rows, "Casetrail-Min-Position": str(head)}
    everything = ana.get("/v1/cases?limit=200", headers=rows).json()["items"]
    found = ana.get(f"/v1/cases?limit=200&{name}={value}", headers=rows).json()["items"]
    assert found == [row for row in everything if row[name] == value]
    assert found


def test_a_row_must_match_all_filters(ana: httpx2.Client, rows: dict[str, str]) -> None:
    address = "/v1/cases?kind=refund_due&queue=allocation_failure_review"
    assert ana.get(address, headers=rows).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("state", ", ".join(CaseState)),
        ("severity", ", ".join(Severity)),
        ("bucket", ", ".join(Bucket)),
    ],
)
def test_an_unknown_value_of_a_filter_is_refused_with_the_allowed_ones(
    ana: httpx2.Client, name: str, values: str
) -> None:
    answer = ana.get(f"/v1/cases?{name}=nonsense")
    assert answer.status_code == 400
    words = f"'nonsense' is not one of: {values}"
    assert answer.json()["errors"] == [{"parameter": name, "detail": words}]
    assert answer.json()["detail"] == f"{name}: {words}"


LISTS = ["/v1/cases", "/v1/orders", QUEUE]


@pytest.mark.parametrize("address", [*LISTS, "/v1/events"])
@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "x", "", "9" * 30, "%00"])
def test_an_invalid_limit_is_refused(ana: httpx2.Client, address: str, limit: str) -> None:
    answer = ana.get(f"{address}?limit={limit}")
    assert answer.status_code == 400, answer.text
    assert [fault["parameter"] for fault in answer.json()["errors"]] == ["limit"]


@pytest.mark.parametrize("address", [*LISTS, "/v1/events", "/v1/queues"])
def test_an_unknown_filter_is_refused(ana: httpx2.Client, address: str) -> None:
    """A misspelt filter must not silently return everything."""
    answer = ana.get(f"{address}?teir=vip&sevrity=high")
    assert answer.status_code == 400, answer.text
    named = [fault["parameter"] for fault in answer.json()["errors"]]
    assert named == ["sevrity", "teir"]


@pytest.mark.parametrize("wrong", ["state=closed", "bucket=x", "severity=urgent", "state="])
def test_an_impossible_filter_value_is_refused(ana: httpx2.Client, wrong: str) -> None:
    answer = ana.get(f"/v1/cases?{wrong}")
    assert answer.status_code == 400
    assert [f["parameter"] for f in answer.json()["errors"]] == [wrong.partition("=")[0]]


@pytest.mark.parametrize(
    "address",
    ["/v1/cases?kind=%00", "/v1/cases?order=%00", "/v1/cases?owner=a%00b", "/v1/orders?tier=%00"],
)
def test_a_filter_that_no_row_matches_causes_no_server_error(
    ana: httpx2.Client, address: str
) -> None:
    answer = ana.get(address)
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize("address", ["/v1/cases?order=a&order=b", "/v1/orders?limit=1&limit=2"])
def test_a_repeated_filter_is_refused(ana: httpx2.Client, address: str) -> None:
    """Either value alone would give another list than the client asked for."""
    assert ana.get(address).status_code == 400


def cursor_of(client: httpx2.Client, address: str, headers: dict[str, str]) -> str:
    joint = "&" if "?" in address else "?"
    cursor = client.get(f"{address}{joint}limit=2", headers=headers).json()["next"]
    assert isinstance(cursor, str)
    return cursor


@pytest.mark.parametrize(
    ("of", "used_with"),
    [
        ("/v1/cases", "/v1/cases?kind=refund_due"),
        ("/v1/cases?kind=refund_due", "/v1/cases"),
        ("/v1/cases?kind=refund_due", "/v1/cases?kind=stock_unavailable"),
        ("/v1/orders", "/v1/orders?tier=vip"),
        ("/v1/orders", "/v1/cases"),
        ("/v1/cases", "/v1/orders"),
        ("/v1/cases", QUEUE),
        (QUEUE, "/v1/cases"),
        (QUEUE, OTHER_QUEUE),
    ],
)
def test_a_cursor_of_another_list_is_refused(
    ana: httpx2.Client, rows: dict[str, str], of: str, used_with: str
) -> None:
    cursor = cursor_of(ana, of, rows)
    joint = "&" if "?" in used_with else "?"
    answer = ana.get(f"{used_with}{joint}cursor={cursor}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "/problems/malformed-parameter"


def forged(*values: object, filters: object = None, more: tuple[object, ...] = ()) -> str:
    packed = json.dumps([[*values], filters or {}, *more]).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
FORGED: dict[str, tuple[str, str]] = {
    "nothing": ("/v1/cases", ""),
    "no base64": ("/v1/cases", "!!!"),
    "not ASCII": ("/v1/cases", "%C3%A9"),
    "NUL": ("/v1/cases", "%00"),
    "no JSON": ("/v1/cases", base64.urlsafe_b64encode(b"hello").decode()),
    "not UTF-8": ("/v1/cases", base64.urlsafe_b64encode(b'[["\xff"],{}]').decode()),
    "too few values": ("/v1/cases", forged(1, NOW)),
    "too many values": ("/v1/cases", forged(1, NOW, str(uuid4()), 2)),
    "wrong types": ("/v1/cases", forged("1", 2, 3)),
    "a number beyond 64 bits": ("/v1/cases", forged(10**30, NOW, str(uuid4()))),
    "a time without zone": ("/v1/cases", forged(1, "2026-01-01T00:00:00", str(uuid4()))),
    "a time before all others": ("/v1/cases", forged(1, "0001-01-01T00:00:00+14:00", str(uuid4()))),
    "an order id with NUL": ("/v1/orders", forged(NOW, "a\0b")),
    "nested beyond reason": (
        "/v1/cases",
        base64.urlsafe_b64encode(b"[" * 4_000 + b"]" * 4_000).decode(),
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_cursor_causes_no_server_error(ana: httpx2.Client, name: str) -> None:
    address, cursor = FORGED[name]
    answer = ana.get(f"{address}?cursor={cursor}")
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.json()["type"] == "/problems/malformed-parameter"


def test_a_link_keeps_the_filters_of_its_list(ana: httpx2.Client, rows: dict[str, str]) -> None:
    answer = ana.get("/v1/cases?state=open&limit=3&kind=stock_unavailable", headers=rows)
    url: Any = httpx2.URL(answer.links["next"]["url"])
    assert url.path == "/v1/cases"
    assert dict(url.params) == {
        "kind": "stock_unavailable",
        "state": "open",
        "limit": "3",
        "cursor": answer.json()["next"],
    }
