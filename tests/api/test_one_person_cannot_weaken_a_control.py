"""Attacks of one operations manager on the policy, to pay a refund that nobody else approves.

Each tries to reach the same end by another road: a policy that approves up to 100,000 by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from application.log.caller import operator_caller
from domain.grants import GrantRole, LinkPersonName
from domain.people import Role
from tests.api.adjustments import open_paid_case, post, proposal_body
from tests.api.running_service import RunningService
from tests.domain.policies import shipped

BY_POLICY = {"rule": "everything-by-policy", "by_policy": True, "up_to": "100000"}
PEOPLE = {
    "gus": Role.GOVERNANCE_OWNER,
    "gil": Role.GOVERNANCE_OWNER,
    "gina": Role.GOVERNANCE_OWNER,
    "nora": Role.OPS_MANAGER,
}


class Office:
    """The people who change the policy of a running service."""

    def __init__(self, server: RunningService, clients: dict[str, httpx2.Client]) -> None:
        self.server = server
        self.clients = clients

    def ask(self, person: str, path: str, **body: Any) -> httpx2.Response:
        return self.clients[person].post(f"/v1/policies{path}", json=body)

    def done(self, person: str, path: str, **body: Any) -> Any:
        answer = self.ask(person, path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def change(self, document: dict[str, Any]) -> None:
        """Two people change the policy: nora proposes, gus approves."""
        version = document["version"]
        self.done("nora", "", document=document, why="Agreed.")
        self.done("nora", f"/{version}/simulate")
        self.done("gus", f"/{version}/approve")
        self.done("nora", f"/{version}/activate")


@pytest.fixture(scope="module")
def office(server: RunningService) -> Iterator[Office]:
    people = server.service.desks.people
    with ExitStack() as stack:
        for person, role in PEOPLE.items():
            people.add(person, [role], datetime.now(UTC))
            server.tokens[person] = people.issue_token(person, datetime.now(UTC))
        yield Office(
            server, {one: stack.enter_context(server.client_as(one)) for one in ("olga", *PEOPLE)}
        )


def paying(version: str) -> dict[str, Any]:
    """The shipped policy, with a band that approves everything by itself."""
    document = shipped()
    document["version"] = version
    document["approvals"]["bands"].insert(0, BY_POLICY)
    return document


def strict(version: str, low: int = 10) -> dict[str, Any]:
    document = shipped()
    document["version"] = version
    document["priorities"]["severity"]["low"] = low
    return document


def require_person_for_refund(office: Office) -> None:
    """Olga proposes 9,000: policy must not approve it."""
    case = open_paid_case(office.server, "9000.00")
    with office.server.client_as("ana") as ana:
        case = post(ana, case, "release", {"note": "Olga takes it."}).json()
    with office.server.client_as("olga") as olga:
        case = post(olga, case, "claim").json()
        case = post(olga, case, "adjustments", proposal_body("9000.00")).json()
    assert case["adjustments"][0]["state"] == "proposed"


def require_refusal(answer: httpx2.Response, *pointers: str) -> None:
    assert answer.status_code == 403, answer.text
    told = answer.json()
    assert told["type"] == "/problems/change-needs-approval"
    assert [fault["pointer"] for fault in told["errors"]] == [*pointers]
    assert "casetrail policy propose" in told["detail"]


def test_an_emergency_change_cannot_let_the_policy_approve_a_refund(office: Office) -> None:
    refused = office.ask("olga", "/emergency", document=paying("fire"), reason="It burns.")
    require_refusal(refused, "/document/approvals")
    require_person_for_refund(office)


def test_a_rollback_cannot_let_the_policy_approve_a_refund(office: Office) -> None:
    office.change(paying("lax"))
    office.change(strict("strict"))
    refused = office.ask("olga", "/lax/rollback", reason="It was better.")
    require_refusal(refused, "/document/approvals")
    require_person_for_refund(office)


def test_an_emergency_change_is_compared_with_what_two_people_approved(office: Office) -> None:
    """Two steps of one person are still steps of one person."""
    document = strict("step1", 20)
    document["kinds"]["duplicate_order"]["automation"] = "blocked"
    office.done("olga", "/emergency", document=document, reason="Stop them.")
    document = paying("step2")
    refused = office.ask("olga", "/emergency", document=document, reason="Go on.")
    require_refusal(refused, "/document/approvals")
    # Another proposal cannot take the emergency change along, unseen by its approver.
    office.done("nora", "", document={**document, "version": "step3"}, why="Better.")
    refused = office.ask("gus", "/step3/approve")
    assert refused.json()["type"] == "/problems/policy-state-wrong"
    assert "step1 is an emergency change" in refused.json()["detail"]
    # Olga may end her own emergency change: two people approved what comes back.
    assert office.done("olga", "/strict/rollback", reason="Done.")["state"] == "in_force"
    # But an emergency change that nobody ratified does not return by a rollback.
    refused = office.ask("olga", "/step1/rollback", reason="Again.")
    assert (refused.status_code, refused.json()["state"]) == (409, "retired")
    assert "nobody ratified" in refused.json()["detail"]


def test_a_policy_needs_a_recent_simulation_against_the_policy_in_force(office: Office) -> None:
    office.done("nora", "", document=strict("next", 30), why="Better.")
    office.done("gus", "/next/approve")
    refused = office.ask("nora", "/next/activate")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/simulation-missing")
    assert "run `casetrail policy simulate next`" in refused.json()["detail"]
    now = datetime.now(UTC).isoformat()
    for period in (
        {"since": "2018-01-01T00:00:00Z", "until": "2018-03-01T00:00:00Z"},
        {"since": now[:11] + "00:00:00Z"},
    ):
        office.done("nora", "/next/simulate", **period)
        assert office.ask("nora", "/next/activate").status_code == 409
    office.done("nora", "/next/simulate")
    assert office.done("nora", "/next/activate")["state"] == "in_force"


def test_an_author_who_turns_out_to_be_the_approver_cannot_be_the_second_person(
    office: Office,
) -> None:
    office.done("gil", "", document=strict("twice", 40), why="Better.")
    office.done("gil", "/twice/simulate")
    office.done("gina", "/twice/approve")
    office.server.service.desks.people.same_as(
        "gil",
        LinkPersonName(other="gina", reason="One person."),
        operator_caller(datetime.now(UTC)),
    )
    refused = office.ask("olga", "/twice/activate")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/author-may-not-decide")
    office.done("gus", "/twice/reject", reason="Once more.")


def test_a_person_with_grants_for_some_queues_cannot_route_cases_there(office: Office) -> None:
    """Else a team lead of one queue could bring any case into it, and approve there."""
    document = strict("routes", 50)
    assert document["route"][0]["queue"] != "new_order_review"
    document["route"][0]["queue"] = "new_order_review"
    grant = GrantRole(role=Role.TEAM_LEAD, queues=("new_order_review",), reason="One queue.")
    people = office.server.service.desks.people
    people.give("olga", grant, [*document["queues"]], operator_caller(datetime.now(UTC)))
    ask = {"document": document, "reason": "Too many refunds."}
    refused = office.ask("olga", "/emergency", **ask)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/routes-own-grants")
    assert refused.json()["queues"] == ["new_order_review"]
    assert office.done("nora", "/emergency", **ask)["state"] == "in_force"
