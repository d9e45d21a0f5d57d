"""A wrong parameter gets an error with the value, what it must be, and no word of the parser."""

from datetime import UTC, datetime

import httpx2
import pytest

from domain.people import Role
from tests.api.running_service import RunningService
from tests.api.signals import JSON, order_id, placed
from tests.api.test_problems import assert_problem

EMPTY_SHOP = "'' is not a shop of letters, digits, `_`, `.` and `-`, such as default"
LEAKS = ("Expected", "regex", "Invalid", "got `", "`int`", "`str`", "encoded")


def told(answer: httpx2.Response) -> dict[str, str]:
    problem = assert_problem(answer, 400, "malformed-parameter")
    assert not any(leak in problem["detail"] for leak in LEAKS), problem["detail"]
    return {fault["parameter"]: fault["detail"] for fault in problem["errors"]}


@pytest.mark.parametrize(
    ("address", "parameter", "detail"),
    [
        ("/v1/cases?limit=ten", "limit", "'ten' is not a whole number"),
        ("/v1/cases?limit=0", "limit", "must be at least 1"),
        ("/v1/cases?limit=999", "limit", "must be at most 200"),
        ("/v1/cases?limit=", "limit", "'' is not a whole number"),
        (f"/v1/cases?limit={'9' * 40}", "limit", "must be at most 200"),
        ("/v1/cases?due=soon", "due", "'soon' is not a time such as 2026-11-29T10:00:00Z"),
        (
            "/v1/cases?state=opn",
            "state",
            "'opn' is not one of: open, claimed, waiting, pending_approval, resolved; did you mean open?",
        ),
        ("/v1/events?after=x", "after", "'x' is not a whole number"),
        ("/v1/cases?shop=", "shop", EMPTY_SHOP),
        ("/v1/cases?shop=&order=A", "shop", EMPTY_SHOP),
        ("/v1/orders?shop=", "shop", EMPTY_SHOP),
        ("/v1/orders/A?shop=", "shop", EMPTY_SHOP),
        ("/v1/orders/A/timeline?shop=", "shop", EMPTY_SHOP),
        ("/v1/orders/A?shop=a%20b", "shop", EMPTY_SHOP.replace("''", "'a b'")),
        (f"/v1/orders/A?shop={'s' * 65}", "shop", EMPTY_SHOP.replace("''", f"'{'s' * 65}'")),
    ],
)
def test_a_query_parameter(ana: httpx2.Client, address: str, parameter: str, detail: str) -> None:
    assert told(ana.get(address)) == {parameter: detail}


def test_the_shop_of_an_audit(server: RunningService) -> None:
    people, now = server.service.desks.people, datetime.now(UTC)
    people.add("audra", [Role.AUDITOR], now)
    server.tokens["audra"] = people.issue_token("audra", now)
    with server.client_as("audra") as auditor:
        assert told(auditor.get("/v1/audit/reads?shop=")) == {"shop": EMPTY_SHOP}
        answer = auditor.get("/v1/audit/questions/19?order=A&shop=")
    assert told(answer) == {"shop": "'' is empty: give a value, or leave the parameter out"}


def test_the_idempotency_key(ana: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "a b"}
    found = told(ana.post("/v1/signals", json=placed(order_id()), headers=headers))
    assert found == {
        "Idempotency-Key": "'a b' is not an idempotency key: 1 to 200 visible characters of ASCII, no spaces"
    }


def test_a_body_that_is_too_large_is_told_the_limit(ana: httpx2.Client) -> None:
    body = b'{"a": "' + b"x" * (1 << 20) + b'"}'
    for path in ("/v1/signals", "/v1/cases"):
        detail = assert_problem(ana.post(path, content=body, headers=JSON), 413, "too-large")[
            "detail"
        ]
        assert "1048576 bytes" in detail


def test_a_case_of_an_unknown_order_names_the_shop(ana: httpx2.Client) -> None:
    shopped = placed(order_id())
    assert ana.post("/v1/signals", json=shopped).status_code == 200
    body = {"order": shopped["order"], "shop": "fr", "kind": "lost", "note": "nothing came"}
    detail = assert_problem(ana.post("/v1/cases", json=body), 404, "order-not-found")["detail"]
    assert f"no order {shopped['order']} in the shop fr" in detail
