"""A case, an order or a queue out of scope gets the response of a missing one, on every route and for every
role; no list shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from litestar.handlers import HTTPRouteHandler

from api.http.concurrency import NEEDS
from api.routes import VERSIONED
from application.log.caller import operator_caller
from domain.cases.exception_case import case_stream
from domain.grants import GrantRole
from domain.people import Role
from domain.permissions import ROLE_PERMISSIONS, SCOPED_PERMISSIONS, Permission
from tests.api.running_service import RunningService
from tests.api.signals import (
    RESOLUTION,
    JsonObject,
    cancelled,
    captured,
    order_id,
    placed,
    send,
    unavailable,
)

OWN_QUEUE, OTHER_QUEUE = "allocation_failure_review", "refund_validation"
BRAZIL = {
    "country_code": "BR",
    "country_area": "SP",
    "city": "São Paulo",
    "postal_code": "01310-100",
    "street_address": "Av. Paulista 1",
    "name": "Ana",
}
PORTUGAL = {
    "country_code": "PT",
    "city": "Lisboa",
    "postal_code": "1100-148",
    "street_address": "Rua Augusta 1",
    "name": "Ana",
}
NOTE = {"note": "Mine."}
BODIES: dict[str, JsonObject | None] = {
    "claim": None,
    "release": {},
    "hand-off": {"note": "Yours.", "to_queue": OTHER_QUEUE},
    "wait": {"dependency": "carrier", "party": "dhl"} | NOTE,
    "resume": {},
    "notes": NOTE,
    "evidence": {"ref": "dhl/pod-1", "type": "carrier_statement"},
    "tasks": {"title": "Tell her"},
    "complete-task": {"task": 1},
    "drop-task": {"task": 1} | NOTE,
    "holds": {"what": "refund", "reason": "other"},
    "release-hold": {"hold": 1} | NOTE,
    "escalate": NOTE,
    "reterm": NOTE,
    "links": {"link": "duplicate_of", "case": str(uuid4())},
    "declare-error": {"about": 1, "reason": "incorrect_data"} | NOTE,
    "resolve": RESOLUTION,
    "reopen": NOTE,
    "adjustments": {
        "kind": "refund",
        "amount": {"amount": "1.00", "currency": "EUR"},
        "reason": "damaged",
    },
    "approve": {"digest": "ab" * 32},
    "reject": {"digest": "ab" * 32, "reason": "No."},
    "withdraw": {"reason": "No."},
    "execute": {"digest": "ab" * 32},
}
"""The body for each command on a case; add new commands here."""


def path_of(handler: HTTPRouteHandler) -> str:
    return "/v1" + next(iter(handler.paths))


def is_read(handler: HTTPRouteHandler) -> bool:
    return "GET" in handler.http_methods


OF_CASES = [handler for handler in VERSIONED if "{case_id:uuid}" in path_of(handler)]


@pytest.fixture(scope="module")
def cases(server: RunningService) -> dict[str, JsonObject]:
    """One case in scope, and others that differ by queue or region."""
    found: dict[str, JsonObject] = {}
    with server.client_as("ana") as ana:
        for name, ship_to in {"own": BRAZIL, "other region": PORTUGAL, "no region": None}.items():
            order = order_id()
            where = {"ship_to": ship_to} if ship_to else {}
            told = send(ana, placed(order, **where), unavailable(order))
            found[name] = case_of(ana, told, "stock_unavailable")
        order = order_id()
        told = send(ana, placed(order, ship_to=BRAZIL), captured(order), cancelled(order))
        found["other queue"] = case_of(ana, told, "refund_due")
        for one in found.values():
            etag = {"If-Match": f'"{one["version"]}"'}
            task = {"title": f"Look at {one['order']}"}
            assert ana.post(f"/v1/cases/{one['id']}/tasks", json=task, headers=etag).is_success
            one["version"] += 1
        head = {"Casetrail-Min-Position": str(ana.get("/v1/events?limit=1").json()["head"])}
        for report in ("cases", "queues", "orders", "views/sla", "views/tasks"):
            assert ana.get(f"/v1/{report}", headers=head).is_success
    assert (found["own"]["queue"], found["own"]["region"]) == (OWN_QUEUE, "BR-SP")
    assert (found["other region"]["queue"], found["other region"]["region"]) == (OWN_QUEUE, "PT")
    assert (found["no region"]["queue"], found["no region"]["region"]) == (OWN_QUEUE, None)
    assert (found["other queue"]["queue"], found["other queue"]["region"]) == (OTHER_QUEUE, "BR-SP")
    return found


def case_of(client: httpx2.Client, told: httpx2.Response, kind: str) -> JsonObject:
    cases = [case for item in told.json()["items"] for case in item.get("cases", ())]
    found = next(case["case"] for case in cases if case["kind"] == kind)
    view: JsonObject = client.get(f"/v1/cases/{found}").json()
    return view


@pytest.fixture(scope="module")
def scoped(server: RunningService) -> Iterator[dict[Role, httpx2.Client]]:
    """One person for each role, scoped to one queue and Brazil."""
    desk, now = server.service.desks.people, datetime.now(UTC)
    clients = {}
    for role in Role:
        name = f"scoped-{role.value.replace('_', '-')}"
        desk.add(name, [], now)
        ask = GrantRole(role=role, queues=(OWN_QUEUE,), regions=("BR",), reason="Theirs.")
        desk.give(name, ask, [OWN_QUEUE], operator_caller(now))
        token = desk.issue_token(name, now)
        clients[role] = httpx2.Client(
            base_url=server.url,
            # Else an answer differs from another one by the id that was made for its request.
            headers={"Authorization": f"Bearer {token}", "X-Request-Id": "same"},
            timeout=20,
        )
    yield clients
    for client in clients.values():
        client.close()


def asked(
    client: httpx2.Client, handler: HTTPRouteHandler, case: str, version: int
) -> httpx2.Response:
    path = path_of(handler).replace("{case_id:uuid}", case).replace("{digest:str}", "0" * 64)
    path = path.replace("{adjustment_id:uuid}", str(uuid4())).replace("{version:int}", "1")
    if is_read(handler):
        return client.get(path, params={"from": "1"} if path.endswith("/diff") else {})
    body = BODIES[path.rpartition("/")[2]]
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"If-Match": f'"{version}"', "Content-Type": "application/json"}
    headers["Idempotency-Key"] = str(uuid4())
    return client.post(path, content=content, headers=headers)


def told_by(answer: httpx2.Response, case: str) -> tuple[int, str, dict[str, str]]:
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "content-length")}
    return answer.status_code, answer.text.replace(case, "CASE"), headers


def test_this_file_tries_every_command_on_a_case() -> None:
    commands = {path_of(h).rpartition("/")[2] for h in OF_CASES if not is_read(h)}
    assert commands == BODIES.keys()


@pytest.mark.parametrize("where", ["other queue", "other region", "no region"])
@pytest.mark.parametrize("role", list(Role))
def test_a_case_out_of_scope_gets_the_response_of_a_missing_one(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject], role: Role, where: str
) -> None:
    client, case = scoped[role], cases[where]
    for handler in OF_CASES:
        unknown = str(uuid4())
        there = told_by(asked(client, handler, case["id"], case["version"]), case["id"])
        nowhere = told_by(asked(client, handler, unknown, case["version"]), unknown)
        assert there == nowhere, path_of(handler)
        may = handler.opt[NEEDS] in ROLE_PERMISSIONS[role]
        assert there[0] == (404 if may else 403), path_of(handler)
        assert "etag" not in there[2]


PAST = (
    *("?version=1", "?version=99", "?as_of=2101-01-01T00:00:00Z", "?as_of=2001-01-01T00:00:00Z"),
    *("/diff?from=1&to=2", "/diff?from=99", "/packet?known_at=2001-01-01T00:00:00Z"),
    *("/packet?as_of=2101-01-01T00:00:00Z", "/reperformance"),
)


@pytest.mark.parametrize("where", ["other queue", "other region", "no region"])
def test_the_past_of_a_case_out_of_scope_gets_404(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject], where: str
) -> None:
    client, case, order = scoped[Role.AUDITOR], cases[where]["id"], cases[where]["order"]
    for asked_for in PAST:
        unknown = str(uuid4())
        there = told_by(client.get(f"/v1/cases/{case}{asked_for}"), case)
        nowhere = told_by(client.get(f"/v1/cases/{unknown}{asked_for}"), unknown)
        assert there == nowhere, asked_for
        assert there[0] == 404, asked_for
        assert "casetrail-past" not in there[2]
    if where == "other queue":
        return  # the scope of an order is its region alone
    for asked_for in ("as_of", "known_at"):
        moment = f"?{asked_for}=2101-01-01T00:00:00Z"
        there = told_by(client.get(f"/v1/orders/{order}{moment}"), order)
        assert there == told_by(client.get(f"/v1/orders/o-unknown{moment}"), "o-unknown")
        assert there[0] == 404


@pytest.mark.parametrize("role", list(Role))
def test_a_case_in_scope_is_found(
    server: RunningService,
    scoped: dict[Role, httpx2.Client],
    cases: dict[str, JsonObject],
    role: Role,
) -> None:
    """Commands name an old version, so that all of them are refused for the same reason."""
    client, case = scoped[role], cases["own"]
    for handler in OF_CASES:
        answer = asked(client, handler, case["id"], case["version"] - 1)
        may = handler.opt[NEEDS] in ROLE_PERMISSIONS[role]
        expected = (200 if is_read(handler) else 412) if may else 403
        if "{digest:str}" in path_of(handler) and may:
            assert answer.json()["type"] == "/problems/packet-not-found"
        elif "{adjustment_id:uuid}" in path_of(handler) and is_read(handler) and may:
            assert answer.json()["type"] == "/problems/adjustment-not-found"
        elif path_of(handler).endswith("/receipt") and may:
            assert answer.json()["type"] == "/problems/receipt-not-ready"
        elif path_of(handler).endswith("/links") and may:
            assert answer.status_code == 404  # the other case, which does not exist
        else:
            assert answer.status_code == expected, (path_of(handler), answer.text)


@pytest.mark.parametrize("role", list(Role))
def test_no_list_shows_what_is_out_of_scope(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject], role: Role
) -> None:
    hidden = [cases[where]["id"] for where in ("other queue", "other region", "no region")]
    hidden += [cases[where]["order"] for where in ("other region", "no region")]
    lists = [h for h in VERSIONED if is_read(h) and "{" not in path_of(h)]
    for handler in lists:
        answer = scoped[role].get(path_of(handler), params={"limit": 200})
        if answer.status_code == 400:  # it has no limit parameter, or needs others
            answer = scoped[role].get(path_of(handler))
        may = handler.opt[NEEDS] in ROLE_PERMISSIONS[role] & SCOPED_PERMISSIONS
        assert (answer.status_code != 403) == may, path_of(handler)
        for one in hidden:
            assert one not in answer.text, path_of(handler)
    if Permission.READ_CASES in ROLE_PERMISSIONS[role]:
        for address in ("cases", f"queues/{OWN_QUEUE}", "views/sla", "views/tasks", "orders"):
            shown = scoped[role].get(f"/v1/{address}", params={"limit": 200})
            assert cases["own"]["order"] in shown.text, address


def test_pages_are_full_and_counts_include_only_the_scope(
    server: RunningService, scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    client = scoped[Role.HANDLER]
    (queue,) = client.get("/v1/queues").json()["items"]
    shown = client.get(f"/v1/queues/{OWN_QUEUE}", params={"limit": 200}).json()["items"]
    assert queue["queue"] == OWN_QUEUE
    assert queue["open"] == len([line for line in shown if line["person"] is None])
    page = client.get("/v1/cases", params={"limit": 1}).json()
    assert [case["region"] for case in page["items"]] == ["BR-SP"]
    flow = client.get("/v1/views/flow").json()
    orders = client.get("/v1/orders", params={"limit": 200}).json()["items"]
    assert flow["orders"] == len(orders) > 0


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.INTEGRATOR])
def test_a_queue_out_of_scope_gets_the_response_of_a_missing_one(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject], role: Role
) -> None:
    client = scoped[role]
    for handler in VERSIONED:
        if "{queue:str}" not in path_of(handler):
            continue
        answers = []
        for queue in (OTHER_QUEUE, "nowhere"):
            path = path_of(handler).replace("{queue:str}", queue)
            body = {"title": "x", "owner": "ana", "action": 1, "note": "x"}
            headers = {"If-Match": '"1"'}
            answer = (
                client.get(path)
                if is_read(handler)
                else client.post(path)
                if path.endswith("claim-next")
                else client.post(path, json=body_of(path, body), headers=headers)
            )
            answers.append((answer.status_code, answer.text.replace(queue, "QUEUE")))
        assert answers[0] == answers[1], path_of(handler)
        may = handler.opt[NEEDS] in ROLE_PERMISSIONS[role]
        assert answers[0][0] == (404 if may else 403), path_of(handler)


def body_of(path: str, values: JsonObject) -> JsonObject:
    fields = {"actions": ["title"], "complete-action": ["action"], "owner": ["owner"]}
    return {name: values[name] for name in fields[path.rpartition("/")[2]]}


def test_a_queue_plan_needs_access_to_the_whole_queue(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    """A plan shows the number of cases in the queue, for all regions."""
    answer = scoped[Role.TEAM_LEAD].get(f"/v1/queues/{OWN_QUEUE}/recovery")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/queue-not-found")


def test_an_unknown_queue_is_answered_with_those_in_scope_only(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    for queue in ("nowhere", OTHER_QUEUE):
        told = scoped[Role.TEAM_LEAD].get(f"/v1/queues/{queue}").json()
        assert told["detail"] == f"no queue {queue}; known are: {OWN_QUEUE}"


def test_an_order_of_another_region_gets_404(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    client = scoped[Role.HANDLER]
    for of in ("", "/timeline"):
        unknown = client.get(f"/v1/orders/nowhere{of}")
        for where in ("other region", "no region"):
            order = cases[where]["order"]
            answer = client.get(f"/v1/orders/{order}{of}")
            assert answer.status_code == 404
            assert answer.text.replace(order, "nowhere") == unknown.text
        assert client.get(f"/v1/orders/{cases['own']['order']}{of}").status_code == 200


def test_an_order_omits_its_cases_of_other_queues(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    other = cases["other queue"]
    for of in ("", "/timeline"):
        answer = scoped[Role.HANDLER].get(f"/v1/orders/{other['order']}{of}")
        assert answer.status_code == 200
        shown = answer.json()
        assert other["id"] not in (shown["cases"].values() if not of else streams_in(shown))


def streams_in(timeline: dict[str, Any]) -> set[str]:
    return {line["stream"] for line in timeline["lines"]}


def test_the_feed_needs_access_to_everything(scoped: dict[Role, httpx2.Client]) -> None:
    refused = scoped[Role.AUDITOR].get("/v1/events")
    assert (refused.status_code, refused.json()["permission"]) == (403, "log.read")
    assert "only within a scope" in refused.json()["detail"]


def test_claim_next_offers_what_is_in_scope(
    server: RunningService, cases: dict[str, JsonObject]
) -> None:
    desk, now = server.service.desks.people, datetime.now(UTC)
    desk.add("porto", [], now)
    ask = GrantRole(role=Role.HANDLER, regions=("PT",), reason="Portugal.")
    desk.give("porto", ask, (), operator_caller(now))
    headers = {"Authorization": f"Bearer {desk.issue_token('porto', now)}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=20) as porto:
        first = porto.post(f"/v1/queues/{OWN_QUEUE}/claim-next")
        assert (first.status_code, first.json()["region"]) == (200, "PT")
        assert porto.post(f"/v1/queues/{OWN_QUEUE}/claim-next").status_code == 204


def test_a_case_cannot_be_handed_to_a_person_without_access(
    server: RunningService, cases: dict[str, JsonObject]
) -> None:
    other = cases["other queue"]
    with server.client_as("ana") as ana:
        version = ana.get(f"/v1/cases/{other['id']}").json()["version"]
        for person in ("scoped-handler", "nobody-at-all", "shop"):
            answer = ana.post(
                f"/v1/cases/{other['id']}/hand-off",
                json={"note": "Yours.", "to_person": person},
                headers={"If-Match": f'"{version}"'},
            )
            assert answer.status_code == 422
            assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/to_person"]


def test_a_person_cannot_open_a_case_that_they_cannot_read(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    client = scoped[Role.HANDLER]
    ask = {"order": cases["own"]["order"], "kind": "refund_due", "note": "She called."}
    refused = client.post("/v1/cases", json=ask)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/queue")
    opened = client.post("/v1/cases", json={**ask, "queue": OWN_QUEUE})
    assert (opened.status_code, opened.json()["queue"]) == (200, OWN_QUEUE)
    for order in (cases["other region"]["order"], "nowhere"):
        unseen = client.post("/v1/cases", json={**ask, "order": order, "queue": OWN_QUEUE})
        assert unseen.status_code == 404
        assert unseen.json()["detail"].replace(order, "O") == "no order O in the shop default"


def test_a_file_needs_access_to_a_case_that_has_it(
    server: RunningService, scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    client = scoped[Role.HANDLER]
    with server.client_as("ana") as ana:
        for where, expected in (("own", 200), ("other region", 404)):
            stored = ana.post(
                "/v1/evidence", content=where.encode(), headers={"Content-Type": "text/plain"}
            )
            address = stored.headers["Location"]
            case = cases[where]["id"]
            ana_sees = ana.get(f"/v1/cases/{case}")
            assert client.get(address).status_code == 404  # not attached yet
            done = ana.post(
                f"/v1/cases/{case}/evidence",
                json={"ref": stored.json()["ref"], "type": "carrier_statement"},
                headers={"If-Match": ana_sees.headers["ETag"]},
            )
            seen = {"Casetrail-Min-Position": done.headers["Casetrail-Position"]}
            assert client.get(address, headers=seen).status_code == expected


def test_a_guessed_case_id_gets_404(
    scoped: dict[Role, httpx2.Client], cases: dict[str, JsonObject]
) -> None:
    """A case's id can be derived from its order and kind; that gives no access."""
    order = cases["other region"]["order"]
    case = str(case_stream(order, "stock_unavailable", 1))
    assert case == cases["other region"]["id"]
    assert scoped[Role.AUDITOR].get(f"/v1/cases/{case}").status_code == 404


def test_the_timeline_of_an_order_names_no_case_out_of_scope(
    server: RunningService, scoped: dict[Role, httpx2.Client], ana: httpx2.Client
) -> None:
    """The order has two cases: one in each queue."""
    order = order_id()
    signals = (placed(order, ship_to=BRAZIL), captured(order), unavailable(order))
    own = case_of(ana, send(ana, *signals), "stock_unavailable")
    other = case_of(ana, send(ana, cancelled(order)), "refund_due")
    assert (own["queue"], other["queue"]) == (OWN_QUEUE, OTHER_QUEUE)
    everything = ana.get(f"/v1/orders/{order}/timeline").text
    assert own["id"] in everything
    assert other["id"] in everything
    seen = scoped[Role.HANDLER].get(f"/v1/orders/{order}/timeline")
    assert seen.status_code == 200, seen.text
    assert own["id"] in seen.text
    assert other["id"] not in seen.text
    found = [line["event"] for line in seen.json()["lines"]]
    kinds = {event["kind"] for event in found if event["type"] == "order.problem_detected"}
    assert kinds == {"stock_unavailable"}
