"""A command that names something unknown is told the names that there are, or those that are close."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.people import Role
from tests.api.adjustments import open_paid_case, post, proposal_body
from tests.api.running_service import RunningService
from tests.api.signals import JsonObject, open_case, order_id, placed, send

QUEUES = ("refund_validation", "payment_hold_review", "new_order_review")


def words_of(answer: Any) -> str:
    """The detail of a problem, or of its errors."""
    assert answer.status_code in (404, 409, 422), answer.text
    told = answer.json()
    return " ".join([told["detail"], *(one["detail"] for one in told.get("errors", ()))])


@pytest.mark.parametrize(
    ("command", "body", "words"),
    [
        (
            "hand-off",
            {"note": "Yours.", "to_queue": "refund_validaton"},
            ["no queue refund_validaton", "did you mean refund_validation?", *QUEUES],
        ),
        (
            "hand-off",
            {"note": "Yours.", "to_person": "anna"},
            ["no person anna; did you mean ana?"],
        ),
        (
            "resolve",
            {"reason": "refundet", "root_cause": "carier", "evidence": ["a/1"]},
            ["did you mean refunded", "reshipped", "did you mean carrier?", "warehouse"],
        ),
        ("wait", {"dependency": "carier", "party": "dhl"}, ["did you mean carrier?", "customer"]),
        (
            "adjustments",
            proposal_body(reason="cancelt", kind="refunt"),
            ["did you mean cancelled?", "did you mean refund?", "store_credit"],
        ),
        ("adjustments", proposal_body(payment="pi_x"), ["no payment pi_x", "known are: "]),
        ("adjustments", proposal_body(parts=["parcel:P9"]), ["no part parcel:P9"]),
        ("holds", {"what": "shipment", "reason": "frod"}, ["high_risk_of_fraud"]),
    ],
)
def test_a_command_on_a_case_lists_what_there_is(
    server: RunningService, command: str, body: JsonObject, words: list[str]
) -> None:
    with server.client_as("ana") as ana:
        told = words_of(post(ana, open_paid_case(server), command, body))
        for word in words:
            assert word in told, told


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "delivery_lat"}, ["did you mean delivery_late", "stock_unavailable"]),
        ({"queue": "nowhere"}, ["no queue nowhere; known are: ", *QUEUES]),
    ],
)
def test_a_case_that_is_opened_by_hand(
    server: RunningService, wrong: JsonObject, words: list[str]
) -> None:
    with server.client_as("ana") as ana:
        order = order_id()
        assert send(ana, placed(order)).status_code == 200
        body = {"order": order, "kind": "delivery_late", "note": "They called.", **wrong}
        told = words_of(ana.post("/v1/cases", json=body))
        for word in words:
            assert word in told, told


@pytest.mark.parametrize(
    "address", ["/v1/queues/nowhere", "/v1/queues/nowhere/claim-next", "/v1/views/nowhere/stream"]
)
def test_an_unknown_queue_or_report_is_answered_with_those_that_exist(
    server: RunningService, address: str
) -> None:
    with server.client_as("ana") as ana:
        answer = ana.post(address) if address.endswith("claim-next") else ana.get(address)
        told = words_of(answer)
        known = ["queue", "sla"] if "views" in address else [*QUEUES]
        assert all(name in told for name in ("nowhere", *known)), told


def test_people_with_similar_names_are_named(server: RunningService) -> None:
    people, now = server.service.desks.people, datetime.now(UTC)
    if people.known("ada") is None:
        people.add("ada", [Role.GOVERNANCE_OWNER], now)
        server.tokens["ada"] = people.issue_token("ada", now)
    with server.client_as("ada") as ada:
        assert "did you mean ana?" in words_of(ada.get("/v1/people/anna"))
        grant = {"role": "handler", "queues": ["refund_validaton"], "reason": "New."}
        told = words_of(ada.post("/v1/people/ana/grants", json=grant))
        assert "did you mean refund_validation?" in told


def test_an_order_without_a_payment_says_what_to_do(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case = ana.get(f"/v1/cases/{open_case(ana)}").json()
        case = post(ana, case, "claim").json()
        told = words_of(post(ana, case, "adjustments", proposal_body("1.00")))
        assert "no payment was captured" in told
        assert "send the signal payment.captured first" in told
