"""A policy is changed by two people over HTTP, and every process applies it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from domain.people import Role
from tests.api.running_service import RunningService, run_service, serve
from tests.api.signals import open_case
from tests.conftest import Databases
from tests.domain.policies import shipped

PATIENCE_SECONDS = 20.0
PEOPLE = {
    "opal": Role.OPS_MANAGER,
    "gus": Role.GOVERNANCE_OWNER,
    "gil": Role.GOVERNANCE_OWNER,
    "ada": Role.AUDITOR,
}


class PolicyService:
    """A service of two processes, with people who govern its policy."""

    def __init__(
        self, server: RunningService, other_url: str, people: dict[str, httpx2.Client]
    ) -> None:
        self.server = server
        self.other_url = other_url
        self.people = people

    def get(self, path: str, **query: str) -> Any:
        answer = self.people["ada"].get(f"/v1/policies{path}", params=query)
        answer.raise_for_status()
        return answer.json()

    def post(self, person: str, path: str, **body: Any) -> httpx2.Response:
        return self.people[person].post(f"/v1/policies{path}", json=body)

    def done(self, person: str, path: str, **body: Any) -> Any:
        answer = self.post(person, path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def governing(databases: Databases, template_database: str) -> Iterator[PolicyService]:
    with databases.new(template_database) as name, ExitStack() as stack:
        server = stack.enter_context(run_service(databases.dsn(name), time=True))
        other_url, _ = stack.enter_context(serve(databases.dsn(name)))
        people = server.service.desks.people
        clients = {}
        for person, role in PEOPLE.items():
            people.add(person, [role], datetime.now(UTC))
            server.tokens[person] = people.issue_token(person, datetime.now(UTC))
            clients[person] = stack.enter_context(server.client_as(person))
        yield PolicyService(server, other_url, clients)


def deciding(url: str) -> str:
    return str(httpx2.get(f"{url}/readyz", timeout=10).json()["policy"])


def until(found: Any) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not found():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def policy_with(version: str, low: int) -> dict[str, Any]:
    document = shipped()
    document["version"] = version
    document["priorities"]["severity"]["low"] = low
    return document


def test_an_activated_policy_decides_in_both_processes(governing: PolicyService) -> None:
    (first,) = governing.get("")["items"]
    told = governing.done("opal", "", document=policy_with("p2", 50), why="Low is too low.")
    assert told["state"] == "proposed"
    low = shipped()["priorities"]["severity"]["low"]
    assert {"where": "priorities, severity, low", "how": f"{low} → 50"} in told["differences"]
    assert told["against"] == first["version"]

    refused = governing.post("opal", "/p2/approve")
    assert refused.status_code == 403  # none of her roles has the permission
    approved = governing.done(
        "gus", f"/{told['digest']}/approve", note="Yes.", base=first["digest"]
    )
    assert approved["state"] == "approved"
    governing.done("opal", "/p2/simulate")
    active = governing.done("opal", "/p2/activate")
    assert active["state"] == "in_force"
    assert deciding(governing.server.url) == "p2"
    until(lambda: deciding(governing.other_url) == "p2")

    lines = {line["version"]: line for line in governing.get("")["items"]}
    assert lines[first["version"]]["state"] == "retired"
    assert [(act["what"], act["person"]) for act in lines["p2"]["acts"]] == [
        ("policy.proposed", "opal"),
        ("policy.approved", "gus"),
        ("policy.simulated", "opal"),
        ("policy.activated", "opal"),
    ]
    with governing.server.client_as("ana") as ana:
        trail = ana.get(f"/v1/cases/{open_case(ana)}/trail").json()
    assert trail["lines"][0]["event"]["decision"]["policy"] == "p2"


def test_every_policy_document_can_be_read_by_version_and_digest(governing: PolicyService) -> None:
    for line in governing.get("")["items"]:
        by_digest = governing.get(f"/{line['digest']}")
        assert by_digest["document"]["version"] == line["version"]
        assert by_digest == governing.get(f"/{line['version']}")
    missing = governing.people["ada"].get("/v1/policies/none")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/policy-not-found")


def test_a_refused_decision_on_a_policy_gives_the_reason(governing: PolicyService) -> None:
    governing.done("gus", "", document=policy_with("p3", 60), why="More.")
    refused = governing.post("gus", "/p3/approve")
    assert refused.status_code == 403
    told = refused.json()
    assert told["type"] == "/problems/author-may-not-decide"
    assert "gus wrote version p3" in told["detail"]
    assert told["authors"] == ["gus"]
    stale = governing.post("gil", "/p3/approve", base="00" * 32)
    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/policy-out-of-date")
    early = governing.post("gil", "/p3/activate")
    assert (early.status_code, early.json()["state"]) == (409, "proposed")
    governing.done("gil", "/p3/reject", reason="Not now.")
    governing.done("gus", "", document=policy_with("p3b", 61), why="Less.")
    assert governing.done("gus", "/p3b/withdraw", reason="No.")["state"] == "withdrawn"


def test_an_invalid_policy_is_refused_with_every_error(governing: PolicyService) -> None:
    document = policy_with("p4", 70)
    document["kinds"]["refund_due"]["bucket"] = "money"
    document["nonsense"] = 1
    refused = governing.post("opal", "", document=document, why="Better.")
    assert refused.status_code == 422
    places = {fault["pointer"] for fault in refused.json()["errors"]}
    assert places == {"/document/kinds/refund_due/bucket", "/document/nonsense"}
    reused = governing.post("opal", "", document=policy_with("p2", 71), why="Better.")
    assert (reused.status_code, reused.json()["type"]) == (409, "/problems/policy-version-reused")
    unchanged = governing.post("opal", "", document=policy_with("p5", 50), why="Same.")
    assert unchanged.json()["type"] == "/problems/policy-unchanged"


def test_a_retry_gets_the_first_response(governing: PolicyService) -> None:
    olga = governing.people["opal"]
    ask = {"document": policy_with("p6", 80), "why": "Again."}
    answers = [
        olga.post("/v1/policies", json=ask, headers={"Idempotency-Key": "p6"}) for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    governing.done("opal", "/p6/withdraw", reason="Only a try.")


def test_a_simulation_is_stored_and_can_be_read_again(governing: PolicyService) -> None:
    with governing.server.client_as("ana") as ana:
        open_case(ana)
    document = policy_with("p8", 50)
    del document["kinds"]["stock_unavailable"]
    for part in ("detect", "expect"):
        document[part] = [one for one in document[part] if one["kind"] != "stock_unavailable"]
    document["route"] = [
        one for one in document["route"] if "stock_unavailable" not in str(one.get("when"))
    ]
    governing.done("opal", "", document=document, why="Nobody needs them.")
    told = governing.done("gus", "/p8/simulate")
    assert told["against"] == "p2"
    figures = told["figures"]
    assert figures["kinds"]["stock_unavailable"]["active"] >= 1
    assert figures["kinds"]["stock_unavailable"]["proposed"] == 0
    assert figures["signals"] >= 2
    kept = governing.get("/p8")["simulations"]
    assert kept == [told]
    assert governing.get("/p8")["acts"][-1]["what"] == "policy.simulated"

    ask = {"since": told["since"], "until": told["until"]}
    lines = governing.people["gus"].post(
        "/v1/policies/p8/simulate", json=ask, headers={"Accept": "application/x-ndjson"}
    )
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    *progress, last = map(json.loads, lines.text.splitlines())
    assert progress[-1]["done_percent"] == 100
    assert last["figures"] == figures

    wrong = governing.post("gus", "/p8/simulate", since=told["until"], until=told["since"])
    assert wrong.json()["errors"][0]["pointer"] == "/since"
    unknown = governing.people["gus"].post(
        "/v1/policies/none/simulate", json={}, headers={"Accept": "application/x-ndjson"}
    )
    assert unknown.status_code == 404
    governing.done("opal", "/p8/withdraw", reason="Only a try.")


def test_a_scheduled_policy_is_activated_by_itself(governing: PolicyService) -> None:
    governing.done("opal", "", document=policy_with("p7", 90), why="From then on.")
    governing.done("gus", "/p7/simulate")
    governing.done("gus", "/p7/approve")
    starts_at = datetime.now(UTC) + timedelta(seconds=2)
    told = governing.done("gus", "/p7/activate", effective_from=starts_at.isoformat())
    assert told["state"] == "scheduled"
    assert deciding(governing.other_url) == "p2"
    until(lambda: {deciding(governing.server.url), deciding(governing.other_url)} == {"p7"})
    assert datetime.now(UTC) >= starts_at

    def acts() -> list[str]:
        return [act["what"] for act in governing.get("/p7")["acts"]]

    until(lambda: acts()[-1] == "policy.took_effect")


def test_an_emergency_policy_expires_or_is_ratified(governing: PolicyService) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=3)
    told = governing.done(
        "opal",
        "/emergency",
        document=policy_with("fire", 95),
        reason="It burns.",
        expires_at=expires_at.isoformat(),
    )
    assert (told["state"], told["against"]) == ("in_force", "p7")
    until(lambda: deciding(governing.other_url) == "fire")
    until(lambda: deciding(governing.other_url) == "p7")
    until(lambda: governing.get("/fire")["acts"][-1]["what"] == "policy.emergency_expired")
    assert governing.get("/fire")["state"] == "expired"
    governing.done("gil", "/emergency", document=policy_with("fire2", 96), reason="Still.")
    refused = governing.post("gil", "/fire2/ratify")
    assert refused.status_code == 403
    ratified = governing.done("gus", "/fire2/ratify", note="Rightly.")
    assert (ratified["state"], ratified["expires_at"]) == ("in_force", None)


def test_a_rollback_returns_its_new_version(governing: PolicyService) -> None:
    told = governing.done("opal", "/p2/rollback", reason="It was better.")
    assert (told["version"], told["state"]) == ("p2-r1", "in_force")
    compared = governing.get("/p2-r1", against="p2")
    assert compared["differences"] == [{"where": "version", "how": "p2 → p2-r1"}]


def test_open_orders_are_rechecked_after_the_rollback(governing: PolicyService) -> None:
    """The last recheck: the earlier ones were overtaken or have finished."""

    def finished() -> bool:
        recheck = governing.get("/p2-r1")["recheck"]
        return recheck is not None and recheck["finished_at"] is not None

    until(finished)
    recheck = governing.get("/p2-r1")["recheck"]
    assert recheck["done_percent"] == 100
    assert recheck["orders"] >= 1
    assert not recheck["overtaken"]
