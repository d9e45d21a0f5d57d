"""Question 7 says what was checked of each piece of evidence; unread evidence is never called unchanged."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest
from click.testing import CliRunner
from msgspec import structs

from api.cli import casetrail
from api.routes.questions.cases import Stored
from application.audit.evidence import check_evidence
from domain.cases.events import Resolved
from domain.orders.order import order_stream
from domain.people import Role
from infrastructure.evidence_store import EvidenceStore
from infrastructure.postgres.datastore import connect
from infrastructure.settings import EVIDENCE, KEYS
from tests.api.running_service import RunningService, outside_settings
from tests.api.signals import RESOLUTION, JsonObject, open_case, order_id
from tests.survival.programs import eventually
from tests.tampering import without_triggers


def open_case_by_hand(client: httpx2.Client) -> str:
    """Open a case by hand: it has no evidence yet."""
    order = order_id()
    open_case(client, order=order)
    asked = {"order": order, "kind": "refund_due", "note": "The customer called."}
    case: str = client.post("/v1/cases", json=asked).json()["id"]
    return case


def attach(
    client: httpx2.Client, case: str, ref: str, title: str = "", kind: str = "photo"
) -> None:
    headers = {"If-Match": client.get(f"/v1/cases/{case}").headers["ETag"]}
    body = {"ref": ref, "type": kind, "title": title}
    done = client.post(f"/v1/cases/{case}/evidence", json=body, headers=headers)
    assert done.status_code == 200, done.text


def upload(client: httpx2.Client, content: bytes) -> str:
    kind = {"Content-Type": "text/plain"}
    ref: str = client.post("/v1/evidence", content=content, headers=kind).json()["ref"]
    return ref


def file_of(server: RunningService, ref: str) -> Path:
    digest = ref.removeprefix("sha256:")
    return evidence_folder(server) / "sha256" / digest[:2] / digest


def evidence_folder(server: RunningService) -> Path:
    return Path(urlsplit(outside_settings(server.dsn).place).path).with_name("evidence")


def asked(client: httpx2.Client, case: str) -> JsonObject:
    answer = client.get("/v1/audit/questions/7", params={"case": case})
    assert answer.status_code == 200, answer.text
    found: JsonObject = answer.json()["answer"]
    return found


def told(server: RunningService, case: str) -> tuple[int, str]:
    """The exit status of the command and its text in one line."""
    environment = {
        **os.environ,
        "DATABASE_URL": server.dsn,
        KEYS: outside_settings(server.dsn).place,
        EVIDENCE: str(evidence_folder(server)),
        "COLUMNS": "400",
    }
    ran = CliRunner().invoke(casetrail, ["audit", "ask", "7", "--case", case], env=environment)
    return ran.exit_code, " ".join(ran.stdout.split())


def test_a_case_without_evidence_says_that_there_is_none(
    server: RunningService, ana: httpx2.Client
) -> None:
    case = open_case_by_hand(ana)
    answer = asked(ana, case)
    assert (answer["unchanged"], answer["pieces"]) == (None, [])
    assert answer["says"] == "The case cites no evidence."
    status, said = told(server, case)
    assert status == 0
    assert "The case cites no evidence, so nothing was checked." in said


def test_a_case_without_a_decision_reports_nothing_seen(ana: httpx2.Client) -> None:
    answer = ana.get("/v1/audit/questions/5", params={"case": open_case_by_hand(ana)}).json()[
        "answer"
    ]
    assert answer == {"unchanged": None, "decisions": []}


def test_evidence_kept_elsewhere_is_reported_unchecked_with_its_place(
    server: RunningService, ana: httpx2.Client
) -> None:
    case = open_case_by_hand(ana)
    attach(ana, case, "dhl/pod-1", "Signed [by hand]", "system_record")
    answer = asked(ana, case)
    (piece,) = answer["pieces"]
    assert answer["unchanged"] is None
    assert answer["says"] == "Pieces of evidence: 1; 1 not checked (kept elsewhere)."
    assert (piece["standing"], piece["where"]) == ("kept_elsewhere", "dhl")
    assert piece["says"] == "not held here, cannot be checked: kept elsewhere, in dhl"
    status, said = told(server, case)
    assert status == 0
    assert "cannot be checked: kept elsewhere, in dhl" in said
    assert "Signed [by hand]" in said
    assert "unchanged:" not in said


def test_a_file_is_reported_unchanged_changed_or_missing(
    server: RunningService, ana: httpx2.Client
) -> None:
    case, content = open_case_by_hand(ana), uuid4().bytes
    ref = upload(ana, content)
    attach(ana, case, ref)
    stored = file_of(server, ref)

    def found() -> tuple[bool | None, str, str | None]:
        answer = asked(ana, case)
        (piece,) = answer["pieces"]
        assert piece["where"] == "the evidence store"
        assert piece["says"].startswith(f"{piece['standing']}: ")
        return answer["unchanged"], piece["standing"], piece["sha256"]

    assert found() == (True, "unchanged", hashlib.sha256(content).hexdigest())
    assert told(server, case)[0] == 0
    stored.chmod(0o600)
    stored.write_bytes(b"other bytes")
    assert found() == (False, "changed", hashlib.sha256(b"other bytes").hexdigest())
    assert told(server, case)[0] == 1
    stored.unlink()
    assert found() == (False, "missing", None)
    status, said = told(server, case)
    assert status == 1
    assert "missing: the evidence store has no such file" in said


def test_one_unchecked_piece_leaves_the_result_undecided(
    server: RunningService, ana: httpx2.Client
) -> None:
    case = open_case_by_hand(ana)
    attach(ana, case, upload(ana, uuid4().bytes))
    assert asked(ana, case)["unchanged"] is True
    attach(ana, case, "dhl/pod-2", kind="system_record")
    answer = asked(ana, case)
    assert answer["unchanged"] is None
    assert answer["says"] == ("Pieces of evidence: 2; 1 unchanged, 1 not checked (kept elsewhere).")


def test_a_marker_without_an_erasure_in_the_log_does_not_explain_a_missing_file(
    server: RunningService, ana: httpx2.Client
) -> None:
    case = open_case_by_hand(ana)
    ref = upload(ana, uuid4().bytes)
    attach(ana, case, ref)
    assert EvidenceStore(str(evidence_folder(server))).erase(ref)
    answer = asked(ana, case)
    assert (answer["unchanged"], answer["pieces"][0]["standing"]) == (False, "missing")


def test_an_erased_file_is_not_reported_missing(server: RunningService, ana: httpx2.Client) -> None:
    order = order_id()
    case = open_case(ana, order=order)
    ref = upload(ana, uuid4().bytes)
    attach(ana, case, ref)
    for command, body in (("claim", None), ("resolve", {**RESOLUTION, "evidence": [ref]})):
        headers = {"If-Match": ana.get(f"/v1/cases/{case}").headers["ETag"]}
        done = ana.post(f"/v1/cases/{case}/{command}", json=body, headers=headers)
        assert done.status_code == 200, done.text
    people = server.service.desks.people
    people.add("petra", [Role.PRIVACY_OFFICER], datetime.now(UTC))
    server.tokens["petra"] = people.issue_token("petra", datetime.now(UTC))
    with server.client_as("petra") as petra:
        who = {"customer": f"c-{order}", "basis": "objection"}
        done = petra.post("/v1/personal-data/erasures", json=who)
    assert done.status_code == 200, done.text
    eventually("the file is erased", lambda: not file_of(server, ref).exists(), within=20)
    answer = asked(ana, case)
    answer["pieces"] = [piece for piece in answer["pieces"] if piece["ref"] == ref]
    (piece,) = answer["pieces"]
    assert (answer["unchanged"], piece["standing"]) == (None, "erased")
    assert piece["says"] == "not checked: erased with its customer's data"


@pytest.mark.parametrize("ref", ["sha256:../../keys", "sha256:", f"sha256:{'AB' * 32}"])
def test_a_reference_that_is_not_a_digest_is_refused_and_reads_no_file(
    server: RunningService, ana: httpx2.Client, ref: str
) -> None:
    case = open_case(ana)
    answers = []
    for command, body in (
        ("claim", None),
        ("resolve", {**RESOLUTION, "evidence": [ref]}),
        ("resolve", RESOLUTION),
    ):
        headers = {"If-Match": ana.get(f"/v1/cases/{case}").headers["ETag"]}
        answers.append(ana.post(f"/v1/cases/{case}/{command}", json=body, headers=headers))
    assert [answer.status_code for answer in answers] == [200, 422, 200]
    (error,) = answers[1].json()["errors"]
    assert error["pointer"] == "/evidence/0"
    # A log from before this check may cite it.
    lines = server.service.desks.log.trail(UUID(case))
    resolved = lines[-1].event
    assert isinstance(resolved, Resolved)
    cited = structs.replace(resolved.resolution, evidence=(ref,))
    older = structs.replace(lines[-1], event=structs.replace(resolved, resolution=cited))
    with connect(server.dsn) as connection:
        stored = Stored(EvidenceStore(str(evidence_folder(server))), connection)
        found = check_evidence([*lines[:-1], older], [], stored)
    by = {one.ref: one for one in found.pieces}
    assert (by[ref].standing, by[ref].sha256) == ("missing", None)


@pytest.mark.parametrize("suffix", ["", ".erased"])
def test_a_file_that_cannot_be_read_is_reported_with_the_error(
    server: RunningService, ana: httpx2.Client, suffix: str
) -> None:
    case = open_case_by_hand(ana)
    ref, other = upload(ana, uuid4().bytes), upload(ana, uuid4().bytes)
    attach(ana, case, ref)
    attach(ana, case, other)
    stored = file_of(server, ref)
    stored.unlink()
    loop = stored.with_name(stored.name + suffix)
    loop.symlink_to(loop)
    answer = asked(ana, case)
    by = {piece["ref"]: piece for piece in answer["pieces"]}
    assert by[other]["standing"] == "unchanged"
    if suffix:
        assert by[ref]["standing"] == "missing"
        return
    assert (answer["unchanged"], by[ref]["standing"]) == (None, "unreadable")
    assert by[ref]["says"].startswith("not checked: cannot be read: ")
    assert answer["says"] == ("Pieces of evidence: 2; 1 unchanged, 1 not checked (cannot be read).")
    status, said = told(server, case)
    assert status == 0
    assert "not checked: cannot be read: " in said


def test_a_position_that_the_log_lacks_is_not_as_recorded(
    server: RunningService, ana: httpx2.Client
) -> None:
    open_case(ana)
    store = EvidenceStore(str(evidence_folder(server)))
    with connect(server.dsn) as connection:
        stored = Stored(store, connection)
        head = server.service.desks.log.head()
        assert (stored.is_as_recorded(head), stored.is_as_recorded(head + 1_000)) == (True, None)
        lines = server.service.desks.log.trail(UUID(open_case(ana)))
        order = server.service.desks.log.trail(order_stream(lines[0].order or ""))
        gone = [structs.replace(line, position=line.position + 1_000_000) for line in order]
        report = check_evidence(lines, gone, stored)
    (piece,) = report.pieces
    assert (report.unchanged, piece.standing) == (False, "missing")
    assert piece.says == f"missing: the log has no event at position {piece.position}"


def test_a_signal_is_unchanged_only_if_its_digest_matches_its_leaf(
    server: RunningService, ana: httpx2.Client
) -> None:
    case = open_case(ana)
    answer = asked(ana, case)
    (piece,) = answer["pieces"]
    assert (answer["unchanged"], piece["standing"]) == (True, "in_the_log")
    assert piece["where"] == f"the log, position {piece['position']}"
    with connect(server.dsn) as connection, without_triggers(connection):
        ((state,),) = connection.execute(
            "UPDATE stored_events SET state = state || ' '::bytea WHERE notification_id = %s "
            "RETURNING substr(state, 1, length(state) - 1)",
            (piece["position"],),
        ).fetchall()
    answer = asked(ana, case)
    assert (answer["unchanged"], answer["pieces"][0]["standing"]) == (False, "changed")
    with connect(server.dsn) as connection, without_triggers(connection):
        connection.execute(
            "UPDATE stored_events SET state = %s WHERE notification_id = %s",
            (state, piece["position"]),
        )
