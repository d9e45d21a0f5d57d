"""Problems (RFC 9457): each error says what, where and why, and its type answers with the rest."""

import inspect
import json
import re
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

import api.http.errors
import domain.cases.errors
from api.http.problems import STATUS, slug, title
from domain.errors import CasetrailError
from tests.api.running import House
from tests.api.told import JSON, RESOLUTION, Told, opened, order_id, placed

BEYOND_REASON = b"[" * 5_000 + b"]" * 5_000


def is_problem(answer: httpx2.Response, status: int, name: str) -> Told:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: Told = answer.json()
    assert problem["type"] == f"/problems/{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("kind", STATUS, ids=slug)
def test_each_type_of_problem_explains_itself(ours: House, kind: type[CasetrailError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug(kind))
    assert inspect.cleandoc(kind.__doc__ or "").partition("\n")[0].endswith(".")
    with ours.asking_as(None) as nobody:
        answer = nobody.get(f"/problems/{slug(kind)}")
    assert answer.status_code == 200
    told = answer.json()
    assert told["type"] == f"/problems/{slug(kind)}"
    assert told["title"] == title(kind) != ""
    assert told["status"] == STATUS[kind]
    assert len(told["explanation"]) > 20


def test_no_two_types_of_problem_share_a_name_or_a_title() -> None:
    assert len({slug(kind) for kind in STATUS}) == len({title(kind) for kind in STATUS})
    assert len({slug(kind) for kind in STATUS}) == len(STATUS)


def test_every_error_of_the_api_has_a_status() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(api.http.errors, inspect.isclass)
        if issubclass(kind, CasetrailError) and kind is not CasetrailError
    ]
    assert [kind for kind in kinds if kind not in STATUS] == []
    assert domain.cases.errors.CaseNotFound in STATUS


def test_a_type_of_problem_that_there_is_not_is_itself_a_problem(ours: House) -> None:
    with ours.asking_as(None) as nobody:
        is_problem(nobody.get("/problems/nonsense"), 404, "route-not-found")


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
        "/console/%00",
        "/%00",
        "/" + "x" * 5_000,
    ],
)
def test_nothing_at_an_address_is_a_problem(ana: httpx2.Client, address: str) -> None:
    is_problem(ana.get(address), 404, "route-not-found")


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
def test_a_method_that_is_not_taken_is_told_which_are(
    ana: httpx2.Client, method: str, address: str, allowed: set[str]
) -> None:
    answer = ana.request(method, address)
    is_problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) >= allowed


@pytest.mark.parametrize("address", ["/livez", "/readyz", "/v1/cases", "/v1/queues"])
def test_head_is_get_without_its_body_or_is_refused_as_a_method(
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
def test_options_tells_the_methods_and_nothing_else(ours: House, address: str) -> None:
    with ours.asking_as(None) as nobody:
        answer = nobody.options(address)
    assert (answer.status_code, answer.content) == (204, b"")
    assert ("POST" if address == "/v1/signals" else "GET") in answer.headers["Allow"]
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_what_is_not_there_is_told_by_what_it_is(ana: httpx2.Client) -> None:
    is_problem(ana.get(f"/v1/cases/{uuid4()}"), 404, "case-not-found")
    is_problem(ana.get(f"/v1/cases/{uuid4()}/trail"), 404, "case-not-found")
    is_problem(ana.get(f"/v1/cases/{uuid4()}/packet"), 404, "case-not-found")
    is_problem(ana.get("/v1/orders/nonsense"), 404, "order-not-found")
    is_problem(ana.get("/v1/orders/nonsense/timeline"), 404, "order-not-found")
    is_problem(ana.get("/v1/queues/nonsense"), 404, "queue-not-found")
    is_problem(ana.post("/v1/queues/nonsense/claim-next"), 404, "queue-not-found")


def step(client: httpx2.Client, case: str, command: str, body: Told | None) -> httpx2.Response:
    etag = client.get(f"/v1/cases/{case}").headers["ETag"]
    return client.post(f"/v1/cases/{case}/{command}", json=body, headers={"If-Match": etag})


def test_a_command_that_does_not_fit_the_state_is_told_why(
    ana: httpx2.Client, bo: httpx2.Client
) -> None:
    case = opened(ana)
    again = {"note": "again"}
    is_problem(step(ana, case, "release", {}), 409, "case-not-yours")
    is_problem(step(ana, case, "resolve", RESOLUTION), 409, "case-not-yours")
    is_problem(step(ana, case, "reopen", again), 409, "case-not-resolved")
    assert step(ana, case, "claim", None).status_code == 200
    held = is_problem(step(bo, case, "claim", None), 409, "case-not-open")
    assert held["state"] == "claimed"
    not_bos = is_problem(step(bo, case, "release", {}), 409, "case-not-yours")
    assert not_bos["owner"] == "ana"
    is_problem(step(bo, case, "resolve", RESOLUTION), 409, "case-not-yours")
    is_problem(step(ana, case, "claim", None), 409, "case-not-open")
    assert step(ana, case, "resolve", RESOLUTION).status_code == 200
    is_problem(step(ana, case, "claim", None), 409, "case-not-open")
    is_problem(step(ana, case, "resolve", RESOLUTION), 409, "case-already-resolved")
    is_problem(step(ana, case, "release", {}), 409, "case-already-resolved")


# Name -> a body of `resolve`, and the places of its faults.
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
def test_all_faults_of_a_commands_body_are_told_with_their_places(
    ana: httpx2.Client, name: str
) -> None:
    body, wanted = RESOLUTIONS[name]
    case = opened(ana)
    etag = step(ana, case, "claim", None).headers["ETag"]
    headers = {"If-Match": etag, **JSON}
    address = f"/v1/cases/{case}/resolve"
    problem = is_problem(
        ana.post(address, content=json.dumps(body), headers=headers), 422, "invalid"
    )
    assert {fault["pointer"] for fault in problem["errors"]} == wanted
    assert all(fault["detail"] for fault in problem["errors"])


def test_a_reopening_must_say_why(ana: httpx2.Client) -> None:
    case = opened(ana)
    for body in ({}, {"note": ""}):
        problem = is_problem(step(ana, case, "reopen", body), 422, "invalid")
        assert [fault["pointer"] for fault in problem["errors"]] == ["/note"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"{} {}", b'{"note": "caf\xe9"}', b"note=x", b'{"note": ' + BEYOND_REASON + b"}"],
    ids=["broken off", "two values", "not UTF-8", "a form", "nested beyond reason"],
)
def test_a_commands_body_that_is_no_json_is_a_problem(ana: httpx2.Client, body: bytes) -> None:
    case = opened(ana)
    headers = {"If-Match": step(ana, case, "claim", None).headers["ETag"], **JSON}
    answer = ana.post(f"/v1/cases/{case}/release", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ana.get(f"/v1/cases/{case}").json()["state"] == "claimed"


def test_a_commands_body_that_is_missing_is_told_as_missing(ana: httpx2.Client) -> None:
    case = opened(ana)
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
def test_a_parameter_at_fault_is_named_as_the_client_wrote_it(
    ana: httpx2.Client, headers: dict[str, str], address: str, named: str
) -> None:
    problem = is_problem(ana.get(address, headers=headers), 400, "malformed-parameter")
    assert [fault["parameter"] for fault in problem["errors"]] == [named]


def test_an_idempotency_key_at_fault_is_named(ana: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "a b"}
    answer = ana.post("/v1/signals", json=placed(order_id()), headers=headers)
    problem = is_problem(answer, 400, "malformed-parameter")
    assert [fault["parameter"] for fault in problem["errors"]] == ["Idempotency-Key"]


def test_all_parameters_at_fault_are_named_at_once(ana: httpx2.Client) -> None:
    headers = {"Casetrail-Min-Position": "x"}
    answer = ana.get("/v1/cases?limit=0&state=closed&severity=urgent", headers=headers)
    problem = is_problem(answer, 400, "malformed-parameter")
    named = {fault["parameter"] for fault in problem["errors"]}
    assert named == {"limit", "state", "severity", "Casetrail-Min-Position"}


def test_a_fault_of_ours_is_a_problem_that_gives_nothing_away(ours: House) -> None:
    with ours.asking_as("ana") as ana, psycopg.connect(ours.dsn, autocommit=True) as connection:
        connection.execute("ALTER VIEW views.orders RENAME TO away")
        try:
            answer = ana.get("/v1/orders?tier=vip")
        finally:
            connection.execute("ALTER VIEW views.away RENAME TO orders")
        is_problem(answer, 500, "unexpected")
        for leak in ("relation", "psycopg", "Traceback", "SELECT", "views", ".py", "vip"):
            assert leak not in answer.text
        assert ana.get("/v1/orders").status_code == 200
