"""Adjustments over HTTP, from proposal to execution, with the refusals on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import httpx2
import psycopg
import pytest

from application.log.caller import operator_caller
from domain.grants import ChangePersonStatus, LinkPersonName
from domain.people import Role
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.api.adjustments import act_on_adjustment, open_paid_case, post, proposal_body
from tests.api.running_service import RunningService
from tests.api.signals import JsonObject, cancelled, captured, order_id, placed, refunded, send

As = Callable[[str], httpx2.Client]


@pytest.fixture
def by(server: RunningService) -> As:
    return server.client_as


def test_store_credit_needs_three_persons(server: RunningService, by: As) -> None:
    case = open_paid_case(server)
    with by("ana") as ana, by("olga") as olga, by("fay") as fay:
        case = post(ana, case, "adjustments", proposal_body(kind="store_credit")).json()
        one = case["adjustments"][0]
        assert (case["state"], one["state"], one["requirement"]["rule"]) == (
            "pending_approval",
            "proposed",
            "one-approver",
        )
        case = act_on_adjustment(olga, case, "approve").json()
        assert (case["state"], case["adjustments"][0]["state"]) == ("claimed", "approved")
        answer = act_on_adjustment(fay, case, "execute", reference="credit-1")
        assert answer.status_code == 200, answer.text
        one = answer.json()["adjustments"][0]
        assert (one["state"], one["reference"], one["executed_by"]) == (
            "executed",
            "credit-1",
            ["fay"],
        )
        duties = {name: held["duty"] for name, held in answer.json()["duties"].items()}
        assert duties == {"ana": "review", "olga": "approve", "fay": "execute"}


def test_a_refusal_names_the_rule_and_the_act_and_is_recorded(
    server: RunningService, by: As
) -> None:
    case = open_paid_case(server)
    with by("carla") as carla, by("ana") as ana:
        case = post(carla, case, "notes", {"note": "Pay it."}).json()
        case = post(ana, case, "adjustments", proposal_body("200.00")).json()
        refused = act_on_adjustment(carla, case, "approve")
        told = refused.json()
        assert (refused.status_code, told["type"]) == (403, "/problems/duty-conflict")
        assert (told["rule"], told["act"], told["held"]) == (
            "one-duty-per-person",
            "case.note_added",
            "review",
        )
        assert told["version"] == case["version"] - 1
        again = carla.get(f"/v1/cases/{case['id']}").json()
        assert (again["version"], again["state"]) == (case["version"], "pending_approval")
        (tried,) = carla.get(f"/v1/cases/{case['id']}/trail").json()["refused"]
        assert (tried["actor"]["person"], tried["event"]["rule"], tried["event"]["earlier"]) == (
            "carla",
            "one-duty-per-person",
            told["version"],
        )


def test_the_database_itself_refuses_a_second_duty(server: RunningService, by: As) -> None:
    case = open_paid_case(server)
    with by("ana") as ana:
        post(ana, case, "adjustments", proposal_body())
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        found = connection.execute(
            "SELECT person, duty FROM duties WHERE case_id = %s", (case["id"],)
        ).fetchall()
        assert found == [("ana", "review")]
        with pytest.raises(psycopg.errors.UniqueViolation, match="another duty"):
            connection.execute(
                "SELECT append_events(duty_cases => ARRAY[%s]::uuid[], "
                "duty_persons => ARRAY['ana'], duties_taken => ARRAY['approve'])",
                (case["id"],),
            )


def test_the_inbox_shows_what_i_may_approve_and_why_not(server: RunningService, by: As) -> None:
    case = open_paid_case(server)
    with by("ana") as ana, by("olga") as olga, by("carla") as carla:
        answer = post(ana, case, "adjustments", proposal_body("300.00"))
        head = {"Casetrail-Min-Position": answer.headers["Casetrail-Position"]}

        def found(client: httpx2.Client) -> JsonObject:
            items: list[JsonObject] = []
            address: str | None = "/v1/approvals?limit=100"
            while address:
                page = client.get(address, headers=head)
                items += page.json()["items"]
                address = page.links.get("next", {}).get("url")
            return next(one for one in items if one["case"] == case["id"])

        assert (found(olga)["may_approve"], found(olga)["why_not"]) == (True, [])
        mine = found(ana)
        assert [why["rule"] for why in mine["why_not"]] == ["one-duty-per-person", "within-limit"]
        assert mine["why_not"][0]["version"] is not None
        assert [why["rule"] for why in found(carla)["why_not"]] == ["within-limit"]


def test_a_bulk_approval_has_a_result_for_each_adjustment(server: RunningService, by: As) -> None:
    cases = [open_paid_case(server) for _ in range(2)]
    with by("ana") as ana, by("olga") as olga:
        asked = [post(ana, case, "adjustments", proposal_body()).json() for case in cases]
        items = [
            {
                "case": c["id"],
                "adjustment": c["adjustments"][0]["id"],
                "digest": c["adjustments"][0]["digest"],
            }
            for c in asked
        ]
        items.append({**items[0], "digest": "ab" * 32})
        headers = {"Idempotency-Key": str(uuid4())}
        answer = olga.post("/v1/approvals", json={"items": items}, headers=headers)
        told = answer.json()["items"]
        assert [one["outcome"] for one in told] == ["approved", "approved", "refused"]
        assert told[2]["problem"]["type"] == "/problems/adjustment-not-pending"
        again = olga.post("/v1/approvals", json={"items": items}, headers=headers)
        assert (again.content, again.headers["Idempotent-Replayed"]) == (answer.content, "true")


def test_an_adjustment_needs_an_idempotency_key(server: RunningService, by: As) -> None:
    case = open_paid_case(server)
    with by("ana") as ana:
        headers = {"If-Match": f'"{case["version"]}"'}
        answer = ana.post(
            f"/v1/cases/{case['id']}/adjustments", json=proposal_body(), headers=headers
        )
        assert (answer.status_code, answer.json()["type"]) == (428, "/problems/key-required")
        key = str(uuid4())
        first = post(ana, case, "adjustments", proposal_body(), key)
        again = post(ana, case, "adjustments", proposal_body(), key)
        assert (again.content, again.status_code) == (first.content, 200)


def test_a_refund_without_a_payment_provider_says_how_to_connect_one(
    server: RunningService, by: As
) -> None:
    case = open_paid_case(server)
    with by("ana") as ana, by("olga") as olga, by("fay") as fay:
        case = post(ana, case, "adjustments", proposal_body()).json()
        case = act_on_adjustment(olga, case, "approve").json()
        answer = act_on_adjustment(fay, case, "execute")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-payment-provider")


def test_an_adjustment_lapses_when_a_fact_changes_that_it_rests_on(
    server: RunningService, by: As
) -> None:
    case = open_paid_case(server)
    with by("ana") as ana, by("olga") as olga, by("fay") as fay:
        case = post(ana, case, "adjustments", proposal_body("300.00", kind="store_credit")).json()
        case = act_on_adjustment(olga, case, "approve").json()
        send(ana, cancelled(case["order"], reason="again"))  # says nothing new
        now = ana.get(f"/v1/cases/{case['id']}").json()
        assert now["adjustments"][0]["state"] == "approved"
        send(ana, refunded(case["order"], "1.00"))
        now = ana.get(f"/v1/cases/{case['id']}").json()
        assert (now["adjustments"][0]["state"], now["adjustments"][0]["ended"]) == (
            "lapsed",
            "facts",
        )
        answer = act_on_adjustment(fay, now, "execute", reference="credit-2")
        assert answer.json()["type"] == "/problems/adjustment-not-pending"


def test_an_adjustment_of_lines_has_their_value_and_gives_each_piece_once(
    server: RunningService, by: As
) -> None:
    case = open_paid_case(server)
    body = {"kind": "refund", "reason": "cancelled", "lines": [{"sku": "tea"}]}
    with by("ana") as ana:
        case = post(ana, case, "adjustments", body).json()
        one = case["adjustments"][0]
        assert (one["amount"]["amount"], one["lines"][0]["quantity"]) == ("600.00", 1)
        again = post(ana, case, "adjustments", {**body, "kind": "store_credit"})
        assert (again.status_code, again.json()["type"]) == (409, "/problems/more-than-line")
        assert (again.json()["given_pieces"], again.json()["left"]) == (1, "0.00")


def test_a_line_of_several_pieces_without_its_quantity_is_refused(
    server: RunningService, by: As
) -> None:
    order = order_id()
    bought = placed(order, "300.00")
    lines = [{**line, "quantity": 2} for line in bought["lines"]]
    with by("ana") as ana:
        told = send(ana, {**bought, "lines": lines}, captured(order, "600.00"), cancelled(order))
        found = [case for item in told.json()["items"] for case in item.get("cases", ())]
        case = next(one["case"] for one in found if one["kind"] == "refund_due")
        case = post(ana, ana.get(f"/v1/cases/{case}").json(), "claim").json()
        body = {"kind": "refund", "reason": "cancelled", "lines": [{"sku": "tea"}]}
        refused = post(ana, case, "adjustments", body)
        assert refused.status_code == 422
        assert refused.json()["errors"] == [
            {
                "pointer": "/lines/0/quantity",
                "detail": "say for how many pieces: the order has 2 of them",
            }
        ]
        body["lines"][0]["quantity"] = 1  # type: ignore[index]
        one = post(ana, case, "adjustments", body).json()["adjustments"][0]
        assert one["amount"]["amount"] == "300.00"


def test_the_adjustments_of_one_customer_count_together(server: RunningService, by: As) -> None:
    customer = f"c-{uuid4().hex[:8]}"
    first = open_paid_case(server, customer=customer)
    second = open_paid_case(server, customer=customer)
    with by("ana") as ana, by("carla") as carla:
        post(ana, first, "adjustments", proposal_body("200.00"))
        case = post(ana, second, "adjustments", proposal_body("200.00")).json()
        assert case["adjustments"][0]["requirement"]["counted"] == "400.00"
        refused = act_on_adjustment(carla, case, "approve").json()
        assert (refused["rule"], refused["limit"], refused["counted"]) == (
            "within-limit",
            "250",
            "400.00",
        )


def new_person(server: RunningService, role: Role) -> str:
    """Add a person with this role; their token is in `server.tokens`."""
    name, now = f"p-{uuid4().hex[:8]}", datetime.now(UTC)
    server.service.desks.people.add(name, [role], now)
    server.tokens[name] = server.service.desks.people.issue_token(name, now)
    return name


def test_two_accounts_found_to_be_one_person_are_reported(server: RunningService, by: As) -> None:
    approver = new_person(server, Role.OPS_MANAGER)
    case = open_paid_case(server)
    with by("ana") as ana, by(approver) as other:
        case = post(ana, case, "adjustments", proposal_body(kind="store_credit")).json()
        case = act_on_adjustment(other, case, "approve").json()
    worker = new_person(server, Role.HANDLER)
    desks, now = server.service.desks, datetime.now(UTC)
    with by(worker) as another:
        case = post(another, case, "notes", {"note": "As I said."}).json()
    ask = LinkPersonName(other=worker, reason="The same payroll number.")
    desks.people.same_as(approver, ask, operator_caller(now))
    ProjectionRunner(server.dsn, PROJECTIONS).catch_up(wait=False)
    head = str(desks.log.head())
    with by("ana") as ana:
        ana.get("/v1/views/people", headers={"Casetrail-Min-Position": head})
        for _ in range(100):
            if desks.conflicts.look(datetime.now(UTC)):
                break
        told = ana.get(f"/v1/cases/{case['id']}").json()
        assert sorted([approver, worker]) in told["conflicts"]
    assert desks.conflicts.look(datetime.now(UTC)) == 0
    # From here on they are one person: a duty of one account also counts for the other.
    with by(worker) as another:
        refused = post(another, told, "notes", {"note": "And again."})
    assert refused.json()["type"] == "/problems/duty-conflict"


def test_a_grant_that_has_just_ended_approves_nothing(server: RunningService, by: As) -> None:
    approver = new_person(server, Role.OPS_MANAGER)
    case = open_paid_case(server)
    with by("ana") as ana, by(approver) as other:
        assert other.get("/v1/me").is_success  # and is cached
        case = post(ana, case, "adjustments", proposal_body(kind="store_credit")).json()
        people, by_hand = server.service.desks.people, operator_caller(datetime.now(UTC))
        people.revoke(approver, "g1", ChangePersonStatus(reason="Moved on."), by_hand)
        refused = act_on_adjustment(other, case, "approve")
        assert refused.status_code in (401, 403), refused.text
        case = ana.get(f"/v1/cases/{case['id']}").json()
        assert case["adjustments"][0]["state"] == "proposed"


def test_who_could_have_acted_is_answered_as_of_that_time(server: RunningService, by: As) -> None:
    case = open_paid_case(server)
    with by("ana") as ana, by("olga") as olga, by("carla") as carla:
        case = post(ana, case, "adjustments", proposal_body(kind="store_credit")).json()
        one = case["adjustments"][0]
        before = datetime.now(UTC).isoformat()
        case = act_on_adjustment(olga, case, "approve").json()
        late = new_person(server, Role.FINANCE_APPROVER)

        def told(at: str | None, duty: str) -> dict[str, list[str]]:
            """Each person, with the rules that forbid them to act."""
            address = f"/v1/cases/{case['id']}/adjustments/{one['id']}/who-could"
            asked = {"duty": duty} | ({"at": at} if at else {})
            answer = carla.get(address, params=asked)
            assert answer.status_code == 200, answer.text
            people = answer.json()["people"]
            assert all(p["could"] is (not p["why_not"]) for p in people)
            return {p["person"]: [why["rule"] for why in p["why_not"]] for p in people}

        then = told(before, "approve")
        assert (then["olga"], then["fay"], then["carla"]) == ([], [], ["within-limit"])
        assert then["ana"] == ["one-duty-per-person", "within-limit"]
        assert then["bo"][0] == "permission"
        assert late not in then
        assert told(None, "approve")["olga"] == ["approvers-are-different-people"]
        now = told(None, "execute")
        assert (now["olga"], now["fay"], now[late]) == (
            ["permission", "one-duty-per-person"],
            [],
            [],
        )
