"""Evidence that is cited and names nothing known is flagged: in the answer, the case, the trail and the audit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest

from domain.people import Role
from tests.api.adjustments import act_on_adjustment, open_paid_case, post, proposal_body
from tests.api.running_service import RunningService
from tests.api.signals import JsonObject, send, signal

NO_FILE = f"sha256:{'0' * 64}"
REMEDY = "Upload the file (POST /v1/evidence)"


@pytest.fixture(scope="module")
def auditor(server: RunningService) -> Iterator[httpx2.Client]:
    people, now = server.service.desks.people, datetime.now(UTC)
    for name, role in (("audra", Role.AUDITOR), ("fay", Role.FINANCE_APPROVER)):
        if people.known(name) is None:
            people.add(name, [role], now)
        server.tokens[name] = people.issue_token(name, now)
    with server.client_as("audra") as client:
        yield client


def resolution(*refs: str) -> JsonObject:
    return {"reason": "operational_error", "root_cause": "upstream_data", "evidence": [*refs]}


def question_7(auditor: httpx2.Client, case: str) -> JsonObject:
    answer = auditor.get("/v1/audit/questions/7", params={"case": case})
    assert answer.status_code == 200, answer.text
    found: JsonObject = answer.json()["answer"]
    return found


def piece_of(auditor: httpx2.Client, case: str, ref: str) -> JsonObject:
    (piece,) = [one for one in question_7(auditor, case)["pieces"] if one["ref"] == ref]
    return piece


def trail_of(client: httpx2.Client, case: str) -> list[str]:
    return [line["said"] for line in client.get(f"/v1/cases/{case}/trail").json()["told"]]


def test_a_ref_that_names_nothing_known_is_flagged_and_later_reads_as_recorded_later(
    server: RunningService, auditor: httpx2.Client
) -> None:
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        own = signal("warehouse.noted", case["order"], note="Seen.", source="wms", id="w-1")
        assert send(ana, own).status_code == 200
        body = {"note": "Please look.", "to_queue": case["queue"], "to_person": "bo"}
        answer = post(
            ana, case, "hand-off", {**body, "evidence": ["wms/w-1", "dhl/pod-1", NO_FILE]}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["unknown_evidence"] == ["dhl/pod-1", NO_FILE]
        assert ana.get(f"/v1/cases/{case['id']}").json()["unknown_evidence"] == [
            "dhl/pod-1",
            NO_FILE,
        ]
        said = trail_of(ana, case["id"])[-1]
        assert said.endswith(f"It cites evidence that is not known: dhl/pod-1, {NO_FILE}.")

        found = question_7(auditor, case["id"])
        pieces = {one["ref"]: one for one in found["pieces"]}
        version = answer.json()["version"]
        assert found["unchanged"] is False
        assert pieces["wms/w-1"]["standing"] == "in_the_log"
        assert pieces["wms/w-1"]["unknown_when_cited"] == []
        assert pieces["dhl/pod-1"]["standing"] == "not_found"
        assert pieces["dhl/pod-1"]["says"].startswith("not found")
        assert pieces["dhl/pod-1"]["unknown_when_cited"] == [version]
        assert pieces[NO_FILE]["standing"] == "missing"

        # The carrier's statement comes later: the flag stays.
        late = signal(
            "shipment.scanned", case["order"], status="in_transit", source="dhl", id="pod-1"
        )
        assert send(ana, late).status_code == 200
        found = question_7(auditor, case["id"])
        piece = next(one for one in found["pieces"] if one["ref"] == "dhl/pod-1")
        assert piece["standing"] == "arrived_later"
        assert piece["says"] == (
            f"not known when it was cited: it was recorded later (cited by version {version})"
        )
        assert found["unchanged"] is False


def test_a_record_of_another_system_is_attached_and_cited_and_cannot_be_checked(
    server: RunningService, auditor: httpx2.Client
) -> None:
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        record = {"ref": "jira/OPS-12", "type": "system_record"}
        attached = post(ana, case, "evidence", record).json()
        assert attached["unknown_evidence"] == []
        body = proposal_body("10.00", evidence=["jira/OPS-12"])
        proposed = post(ana, attached, "adjustments", body).json()
        assert proposed["unknown_evidence"] == []
        assert "unknown_evidence" not in proposed["adjustments"][-1]
        found = question_7(auditor, case["id"])
        piece = next(one for one in found["pieces"] if one["ref"] == "jira/OPS-12")
        assert piece["standing"] == "kept_elsewhere"
        assert piece["says"] == "not held here, cannot be checked: kept elsewhere, in jira"
        assert found["unchanged"] is None
        # As another type it is no record of a system: the ref must be known.
        statement = {"ref": "dhl/pod-9", "type": "carrier_statement"}
        flagged = post(ana, proposed, "evidence", statement).json()
        assert flagged["unknown_evidence"] == ["dhl/pod-9"]
        said = trail_of(ana, case["id"])[-1]
        assert said.endswith("dhl/pod-9. It cites evidence that is not known: dhl/pod-9.")


def test_a_file_that_was_never_uploaded_is_flagged_when_it_is_attached_and_when_it_is_cited(
    server: RunningService, auditor: httpx2.Client
) -> None:
    content = f"Signed by {uuid4()}.".encode()
    ref = f"sha256:{hashlib.sha256(content).hexdigest()}"
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        attached = post(ana, case, "evidence", {"ref": ref, "type": "photo", "size": 9})
        assert attached.status_code == 200, attached.text
        case = attached.json()
        assert case["unknown_evidence"] == [ref]
        assert case["evidence"][-1].get("size", 0) == 0  # nobody has seen the file
        assert trail_of(ana, case["id"])[-1].endswith(f"that is not known: {ref}.")
        piece = piece_of(auditor, case["id"], ref)
        assert (piece["standing"], piece["unknown_when_cited"]) == ("missing", [case["version"]])
        # That it is attached does not make it known.
        note = {"note": "See it.", "to_queue": case["queue"], "to_person": "bo", "evidence": [ref]}
        case = post(ana, case, "hand-off", note).json()
        piece = piece_of(auditor, case["id"], ref)
        assert piece["unknown_when_cited"] == [case["version"] - 1, case["version"]]

        headers = {"Content-Type": "text/plain"}
        assert ana.post("/v1/evidence", content=content, headers=headers).status_code == 200
        again = post(ana, case, "evidence", {"ref": ref, "type": "photo"}).json()
        assert again["evidence"][-1]["size"] == len(content)
        piece = piece_of(auditor, case["id"], ref)
        assert piece["standing"] == "arrived_later"
        assert again["version"] not in piece["unknown_when_cited"]


@pytest.mark.parametrize("ref", ["sha256:", "sha256:ABC", f"sha256:{'A' * 64}"])
def test_a_malformed_name_of_a_file_is_refused(server: RunningService, ref: str) -> None:
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        hand_off = {"note": "Look.", "to_queue": case["queue"], "to_person": "bo"}
        for command, body, pointer in (
            ("resolve", resolution("wms/w-1", ref), "/evidence/1"),
            ("hand-off", {**hand_off, "evidence": [ref]}, "/evidence/0"),
            ("adjustments", proposal_body("10.00", evidence=[ref]), "/evidence/0"),
            ("evidence", {"ref": ref, "type": "photo"}, "/ref"),
        ):
            refused = post(ana, case, command, body)
            assert refused.status_code == 422, command
            (error,) = refused.json()["errors"]
            assert error["pointer"] == pointer
            assert repr(ref) in error["detail"]
            assert REMEDY in error["detail"]
        assert ana.get(f"/v1/cases/{case['id']}").json()["version"] == case["version"]


def test_a_resolution_on_unknown_evidence_is_flagged(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        for task in case["tasks"]:
            case = post(ana, case, "complete-task", {"task": task["task"]}).json()
        for hold in case["holds"]:
            case = post(ana, case, "release-hold", {"hold": hold["hold"]}).json()
        resolved = post(ana, case, "resolve", resolution("carrier/none-1"))
        assert resolved.status_code == 200, resolved.text
        assert resolved.json()["unknown_evidence"] == ["carrier/none-1"]
        assert (
            "It cites evidence that is not known: carrier/none-1." in trail_of(ana, case["id"])[-1]
        )


def test_question_18_names_an_approved_adjustment_that_cites_unknown_evidence(
    server: RunningService, auditor: httpx2.Client
) -> None:
    with server.client_as("ana") as ana, server.client_as("fay") as fay:
        case = open_paid_case(server)
        body = proposal_body("300.00", evidence=["dhl/pod-3"])
        proposed = post(ana, case, "adjustments", body).json()
        assert proposed["adjustments"][-1]["unknown_evidence"] == ["dhl/pod-3"]
        approved = act_on_adjustment(fay, proposed, "approve")
        assert approved.status_code == 200, approved.text
    now = datetime.now(UTC)
    period = {"from": now - timedelta(days=1), "to": now + timedelta(days=1)}
    answer = auditor.get(
        "/v1/audit/questions/18", params={name: at.isoformat() for name, at in period.items()}
    )
    assert answer.status_code == 200, answer.text
    found = [
        one for one in answer.json()["answer"]["on_unknown_evidence"] if one["case"] == case["id"]
    ]
    assert [(one["not_found"], one["state"]) for one in found] == [(["dhl/pod-3"], "approved")]
