"""Problems (RFC 9457): each error says what, where and why, and its type has an explanation."""

import inspect
import json
import re
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

import api.http.errors
import domain.cases.errors
from api.http.problem_statuses import STATUS
from api.http.problems import slug, title
from domain.errors import CasetrailError
from tests.api.running_service import RunningService
from tests.api.signals import JSON, RESOLUTION, JsonObject, open_case, order_id, placed

BEYOND_REASON = b"[" * 5_000 + b"]" * 5_000


def assert_problem(answer: httpx2.Response, status: int, name: str) -> JsonObject:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: JsonObject = answer.json()
    assert problem["type"] == f"/problems/{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("kind", STATUS, ids=slug)
def test_each_problem_type_has_an_explanation(
    server: RunningService, kind: type[CasetrailError]
) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug(kind))
    assert inspect.cleandoc(kind.__doc__ or "").partition("\n")[0].endswith(".")
    with server.client_as(None) as nobody:
        answer = nobody.get(f"/problems/{slug(kind)}")
    assert answer.status_code == 200
    told = answer.json()
    assert told["type"] == f"/problems/{slug(kind)}"
    assert told["title"] == title(kind) != ""
    assert told["status"] == STATUS[kind]
    assert len(told["explanation"]) > 20


def test_problem_types_have_unique_names_and_titles() -> None:
    assert len({slug(kind) for kind in STATUS}) == len({title(kind) for kind in STATUS})
    assert len({slug(kind) for kind in STATUS}) == len(STATUS)


def test_every_api_error_has_a_status() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(api.http.errors, inspect.isclass)
        if issubclass(kind, CasetrailError) and kind is not CasetrailError
    ]
    assert [kind for kind in kinds if kind not in STATUS] == []
    assert domain.cases.errors.CaseNotFound in STATUS


def test_an_unknown_problem_type_gets_a_problem(server: RunningService) -> None:
    with server.client_as(None) as nobody:
        assert_problem(nobody.get("/problems/nonsense"), 404, "route-not-found")


@pytest.mark.parametrize(
    "address",
    [
        "/nonsense",
        "/v1",
        "/v1/nonsense",
        "/v2/cases",
        "/v1/cases/x",
        "/v1/cases/" + "0" * 36,
        "/V1/cases",
        "/problems",
        "/console/nonsense.js",
        "/console/..%2Fapp.py",
        "/console/%2e%2e/app.py",
        "/%00",
        "/" + "x" * 5_000,
    ],
)
def test_an_unknown_address_gets_a_problem(ana: httpx2.Client, address: str) -> None:
    assert_problem(ana.get(address), 404, "route-not-found")


def test_an_id_with_a_nul_is_malformed(ana: httpx2.Client) -> None:
    assert_problem(ana.get("/console/%00"), 400, "malformed-parameter")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/v1/cases/123", "123 is not a case id (a UUID); GET /v1/cases?order=ORDER lists"),
        (f"/v1/cases/{UUID(int=7)}/adjustments/x/who-could", "x is not an adjustment id (a UUID)"),
        ("/v1/break-glass/7", "7 is not a break-glass id (a UUID)"),
        ("/v1/nonsense", "no route /v1/nonsense"),
    ],
)
def test_a_path_with_a_malformed_id_names_it(ana: httpx2.Client, address: str, words: str) -> None:
    assert words in assert_problem(ana.get(address), 404, "route-not-found")["detail"]


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("DELETE", "/v1/cases", {"GET"}),
        ("PUT", "/v1/signals", {"POST"}),
        ("GET", "/v1/signals", {"POST"}),
        ("PATCH", f"/v1/cases/{UUID(int=7)}", {"GET"}),
        ("GET", f"/v1/cases/{UUID(int=7)}/claim", {"POST"}),
        ("POST", "/livez", {"GET"}),
        ("TRACE", "/v1/cases", {"GET"}),
    ],
)
def test_an_unsupported_method_gets_the_allowed_ones(
    ana: httpx2.Client, method: str, address: str, allowed: set[str]
) -> None:
    answer = ana.request(method, address)
    assert_problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) >= allowed


@pytest.mark.parametrize("address", ["/livez", "/readyz", "/v1/cases", "/v1/queues"])
def test_head_is_get_without_a_body_or_an_unsupported_method(
    ana: httpx2.Client, address: str
) -> None:
    answer = ana.head(address)
    assert answer.content == b""
    if answer.status_code == 405:
        assert "GET" in answer.headers["Allow"]
    else:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == ana.get(address).headers["Content-Type"]


@pytest.mark.parametrize("address", ["/livez", "/v1/cases", "/v1/signals"])
def test_options_returns_only_the_methods(server: RunningService, address: str) -> None:
    with server.client_as(None) as nobody:
        answer = nobody.options(address)
    assert (answer.status_code, answer.content) == (204, b"")
    assert ("POST" if address == "/v1/signals" else "GET") in answer.headers["Allow"]
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_missing_thing_is_named_by_its_kind(ana: httpx2.Client) -> None:
    assert_problem(ana.get(f"/v1/cases/{uuid4()}"), 404, "case-not-found")
    assert_problem(ana.get(f"/v1/cases/{uuid4()}/trail"), 404, "case-not-found")
    assert_problem(ana.get(f"/v1/cases/{uuid4()}/packet"), 404, "case-not-found")
    assert_problem(ana.get("/v1/orders/nonsense"), 404, "order-not-found")
    assert_problem(ana.get("/v1/orders/nonsense/timeline"), 404, "order-not-found")
    assert_problem(ana.get("/v1/queues/nonsense"), 404, "queue-not-found")
    assert_problem(ana.post("/v1/queues/nonsense/claim-next"), 404, "queue-not-found")


def step(
    client: httpx2.Client, case: str, command: str, body: JsonObject | None
) -> httpx2.Response:
    etag = client.get(f"/v1/cases/{case}").headers["ETag"]
    return client.post(f"/v1/cases/{case}/{command}", json=body, headers={"If-Match": etag})


def test_a_command_that_does_not_fit_the_state_gets_the_reason(
    ana: httpx2.Client, bo: httpx2.Client
) -> None:
    case = open_case(ana)
    again = {"note": "again"}
    assert_problem(step(ana, case, "release", {}), 409, "case-not-yours")
    assert_problem(step(ana, case, "resolve", RESOLUTION), 409, "case-not-yours")
    assert_problem(step(ana, case, "reopen", again), 409, "case-not-resolved")
    assert step(ana, case, "claim", None).status_code == 200
    held = assert_problem(step(bo, case, "claim", None), 409, "case-not-open")
    assert held["state"] == "claimed"
    not_bos = assert_problem(step(bo, case, "release", {}), 409, "case-not-yours")
    assert not_bos["owner"] == "ana"
    assert_problem(step(bo, case, "resolve", RESOLUTION), 409, "case-not-yours")
    assert_problem(step(ana, case, "claim", None), 409, "case-not-open")
    assert step(ana, case, "resolve", RESOLUTION).status_code == 200
    assert_problem(step(ana, case, "claim", None), 409, "case-not-open")
    assert_problem(step(ana, case, "resolve", RESOLUTION), 409, "case-already-resolved")
    assert_problem(step(ana, case, "release", {}), 409, "case-already-resolved")


# Name -> a body of `resolve`, and the places of its errors.
RESOLUTIONS: dict[str, tuple[object, set[str]]] = {
    "nothing": ({}, {"/reason", "/root_cause", "/evidence"}),
    "everything wrong": (
        {"reason": "bored", "root_cause": 7, "evidence": [], "note": 5, "x": 1},
        {"/reason", "/root_cause", "/evidence", "/note", "/x"},
    ),
    "evidence that is none": (
        RESOLUTION | {"evidence": ["", "psp/1", 5, "x" * 301]},
        {"/evidence/0", "/evidence/2", "/evidence/3"},
    ),
    "no evidence": (RESOLUTION | {"evidence": []}, {"/evidence"}),
    "too much evidence": (RESOLUTION | {"evidence": ["x"] * 51}, {"/evidence"}),
    "a note without end": (RESOLUTION | {"note": "x" * 4_001}, {"/note"}),
    "a note with NUL": (RESOLUTION | {"note": "a\0b"}, {"/note"}),
    "evidence with NUL": (RESOLUTION | {"evidence": ["a\0b"]}, {"/evidence/0"}),
    "an array": ([], {""}),
    "null": (None, {""}),
}


@pytest.mark.parametrize("name", RESOLUTIONS)
def test_all_errors_in_a_command_body_are_reported_with_their_places(
    ana: httpx2.Client, name: str
) -> None:
    body, wanted = RESOLUTIONS[name]
    case = open_case(ana)
    etag = step(ana, case, "claim", None).headers["ETag"]
    headers = {"If-Match": etag, **JSON}
    address = f"/v1/cases/{case}/resolve"
    problem = assert_problem(
        ana.post(address, content=json.dumps(body), headers=headers), 422, "invalid"
    )
    assert {fault["pointer"] for fault in problem["errors"]} == wanted
    assert all(fault["detail"] for fault in problem["errors"])


def test_a_reopening_needs_a_reason(ana: httpx2.Client) -> None:
    case = open_case(ana)
    for body in ({}, {"note": ""}):
        problem = assert_problem(step(ana, case, "reopen", body), 422, "invalid")
        assert [fault["pointer"] for fault in problem["errors"]] == ["/note"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"{} {}", b'{"note": "caf\xe9"}', b"note=x", b'{"note": ' + BEYOND_REASON + b"}"],
    ids=["broken off", "two values", "not UTF-8", "a form", "nested beyond reason"],
)
def test_a_command_body_that_is_not_json_gets_a_problem(ana: httpx2.Client, body: bytes) -> None:
    case = open_case(ana)
    headers = {"If-Match": step(ana, case, "claim", None).headers["ETag"], **JSON}
    answer = ana.post(f"/v1/cases/{case}/release", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ana.get(f"/v1/cases/{case}").json()["state"] == "claimed"


def test_a_missing_command_body_is_reported_as_missing(ana: httpx2.Client) -> None:
    case = open_case(ana)
    headers = {"If-Match": step(ana, case, "claim", None).headers["ETag"]}
    answer = ana.post(f"/v1/cases/{case}/resolve", headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.json()["type"] in ("/problems/malformed-body", "/problems/invalid")


@pytest.mark.parametrize(
    ("headers", "address", "named"),
    [
        ({}, "/v1/cases?state=closed", "state"),
        ({}, "/v1/cases?limit=x", "limit"),
        ({"Casetrail-Min-Position": "x"}, "/v1/cases", "Casetrail-Min-Position"),
        ({}, "/v1/events?after=x", "after"),
    ],
)
def test_an_invalid_parameter_is_named_as_the_client_wrote_it(
    ana: httpx2.Client, headers: dict[str, str], address: str, named: str
) -> None:
    problem = assert_problem(ana.get(address, headers=headers), 400, "malformed-parameter")
    assert [fault["parameter"] for fault in problem["errors"]] == [named]


def test_an_invalid_idempotency_key_is_named(ana: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "a b"}
    answer = ana.post("/v1/signals", json=placed(order_id()), headers=headers)
    problem = assert_problem(answer, 400, "malformed-parameter")
    assert [fault["parameter"] for fault in problem["errors"]] == ["Idempotency-Key"]


def test_all_invalid_parameters_are_named_at_once(ana: httpx2.Client) -> None:
    headers = {"Casetrail-Min-Position": "x"}
    answer = ana.get("/v1/cases?limit=0&state=closed&severity=urgent", headers=headers)
    problem = assert_problem(answer, 400, "malformed-parameter")
    named = {fault["parameter"] for fault in problem["errors"]}
    assert named == {"limit", "state", "severity", "Casetrail-Min-Position"}


def test_an_internal_error_reveals_no_details(server: RunningService) -> None:
    with server.client_as("ana") as ana, psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("ALTER VIEW views.orders RENAME TO away")
        try:
            answer = ana.get("/v1/orders?tier=vip")
        finally:
            connection.execute("ALTER VIEW views.away RENAME TO orders")
        assert_problem(answer, 500, "unexpected")
        for leak in ("relation", "psycopg", "Traceback", "SELECT", "views", ".py", "vip"):
            assert leak not in answer.text
        assert ana.get("/v1/orders").status_code == 200
