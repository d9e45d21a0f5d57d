"""The lists of sources and of deliveries are paged like the others, and cases about sources name them."""

from __future__ import annotations

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.api.test_problems import assert_problem
from tests.sources.senders import add, order_number, placed, scan, send


def now(server: RunningService) -> dict[str, str]:
    """For reads that include what was recorded so far."""
    return {"Casetrail-Min-Position": str(server.service.desks.log.head()), "Prefer": "wait=20"}


def pages(client: httpx2.Client, url: str, limit: int, at: dict[str, str]) -> list[list[str]]:
    """The names, or the ids, of each page."""
    found, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = client.get(url, params={"limit": limit, **more}, headers=at)
        assert answer.status_code == 200, answer.text
        items = answer.json()["items"]
        found.append([one.get("delivery") or one["source"] for one in items])
        cursor = answer.json()["next"]
        assert ('rel="next"' in answer.headers.get("Link", "")) is (cursor is not None)
        if cursor is None:
            return found


def test_sources_and_deliveries_are_listed_in_pages(
    olga: httpx2.Client, sender: httpx2.Client, server: RunningService
) -> None:
    names = ["paged-a", "paged-b", "paged-c"]
    for name in reversed(names):
        add(olga, name)
    found = pages(olga, "/v1/sources", 2, now(server))
    assert [len(one) for one in found[:-1]] == [2] * (len(found) - 1)
    listed = [name for page in found for name in page]
    assert listed == sorted({*listed})
    assert {*names} <= {*listed}
    sent = [send(sender, "paged-a", placed(order_number()), "order", f"p{n}") for n in range(3)]
    listed_now = pages(olga, "/v1/sources/paged-a/deliveries", 2, now(server))
    assert [len(one) for one in listed_now] == [2, 1]
    assert {one for page in listed_now for one in page} == {one.json()["delivery"] for one in sent}


@pytest.mark.parametrize("url", ["/v1/sources", "/v1/sources/paged-a/deliveries", "/v1/cases"])
@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_limit_out_of_range_says_what_is_allowed(
    olga: httpx2.Client, url: str, limit: int
) -> None:
    answer = olga.get(url, params={"limit": limit})
    problem = assert_problem(answer, 400, "malformed-parameter")
    (error,) = problem["errors"]
    assert error["parameter"] == "limit"
    assert ("1" if limit < 1 else "200") in error["detail"]


def test_the_list_of_cases_says_what_a_case_without_an_order_is_about(
    olga: httpx2.Client, sender: httpx2.Client, server: RunningService
) -> None:
    add(olga, "about-it")
    number = order_number()
    send(sender, "about-it", placed(number), "order", "o")
    send(sender, "about-it", scan(number, "LOST"), "scan", "s")
    rows = olga.get("/v1/cases", params={"kind": "unknown_code"}, headers=now(server)).json()[
        "items"
    ]
    (row,) = [one for one in rows if one["about"]["source"] == "about-it"]
    assert row["about"] == {"source": "about-it", "table": "states", "code": "LOST"}
    one = olga.get(f"/v1/cases/{row['case_id']}").json()
    assert one["about"] == row["about"]
