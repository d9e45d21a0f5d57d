"""Each decision has a receipt, which both verifiers and a tool of others check without this service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from domain.people import Role
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.receipts import KEEP_SECONDS, Receipts
from infrastructure.transparency.signing_keys import open_cosigner
from infrastructure.verifier.receipts import parse_receipt, verify_receipt
from infrastructure.verifier.trust_policy import NO_WITNESS, TrustPolicy, single_witness
from tests.api.adjustments import (
    act_on_adjustment,
    open_paid_case,
    post,
    proposal_body,
    propose_on_new_case,
)
from tests.api.running_service import RunningService
from tests.api.signals import RESOLUTION, JsonObject, open_case, order_id, placed, send, signal
from tests.domain.policies import shipped
from tests.infrastructure.bundles import NODE, verify_with_node, verify_with_python
from tests.other_verifiers import verify_with_aics_tlog
from tests.tampering import without_triggers
from tests.witness_checkpoints import open_checkpoints


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    return open_checkpoints(tmp_path_factory.mktemp("receipts"))


@pytest.fixture(scope="module")
def sign(server: RunningService, checkpoints: Checkpoints) -> Callable[[], None]:
    """Make a checkpoint, and wait until the service looks for it."""

    def make() -> None:
        with connect(server.dsn) as connection:
            checkpoints.make(connection)
        time.sleep(KEEP_SECONDS)

    return make


@pytest.fixture
def trust(checkpoints: Checkpoints) -> TrustPolicy:
    return NO_WITNESS.with_logs([checkpoints.signer.key])


def event_of(envelope: bytes) -> JsonObject:
    found: JsonObject = json.loads(envelope)["event"]
    return found


@pytest.fixture
def client(server: RunningService) -> Iterator[Callable[[str], httpx2.Client]]:
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(server.client_as(name))


def decide(
    server: RunningService, kind: str, client: Callable[[str], httpx2.Client]
) -> tuple[httpx2.Response, httpx2.Client]:
    """A decision of this kind: its answer, and the client of the person who made it."""
    if kind in ("approved", "rejected"):
        name, more = ("approve", {}) if kind == "approved" else ("reject", {"reason": "No."})
        fay = client("fay")
        return act_on_adjustment(fay, propose_on_new_case(server), name, **more), fay
    if kind == "proposed":
        ana = client("ana")
        return post(ana, open_paid_case(server), "adjustments", proposal_body()), ana
    if kind == "executed":
        case = propose_on_new_case(server, kind="store_credit")
        approved = act_on_adjustment(client("fay"), case, "approve").json()
        finn = client("finn")
        return act_on_adjustment(finn, approved, "execute", reference="sc-1"), finn
    if kind == "resolved":
        ana = client("ana")
        place = f"/v1/cases/{open_case(ana)}"
        etag = ana.get(place).headers["ETag"]
        claimed = ana.post(f"{place}/claim", headers={"If-Match": etag})
        headers = {"If-Match": claimed.headers["ETag"]}
        return ana.post(f"{place}/resolve", json=RESOLUTION, headers=headers), ana
    if kind == "policy activated":
        return activate_policy(server, client)
    if kind == "erased":
        order, message = order_id(), {"channel": "email", "summary": "I am Erika."}
        assert send(client("ana"), signal("customer.message_received", order, **message)).is_success
        petra = client(employ(server, Role.PRIVACY_OFFICER))
        ask = {"order": order, "basis": "objection"}
        return petra.post("/v1/personal-data/erasures", json=ask), petra
    name, olga = f"p{uuid4().hex[:8]}", client("olga")
    assert olga.post("/v1/people", json={"name": name}).status_code == 200
    grant = {"role": "auditor", "reason": "New."}
    return olga.post(f"/v1/people/{name}/grants", json=grant), olga


def employ(server: RunningService, role: Role) -> str:
    """A new person with this role, who has a token."""
    people, now = server.service.desks.people, datetime.now(UTC)
    name = f"{role[:4]}{uuid4().hex[:8]}"
    people.add(name, [role], now)
    server.tokens[name] = people.issue_token(name, now)
    return name


def activate_policy(
    server: RunningService, client: Callable[[str], httpx2.Client]
) -> tuple[httpx2.Response, httpx2.Client]:
    """The activation of a new policy that two people decided on."""
    olga, owner = client("olga"), client(employ(server, Role.GOVERNANCE_OWNER))
    document = shipped()
    document["version"] = "receipts"
    document["priorities"]["severity"]["low"] += 1
    ask = {"document": document, "why": "Low is too low."}
    assert olga.post("/v1/policies", json=ask).status_code == 200
    for by, act in ((owner, "approve"), (olga, "simulate")):
        answer = by.post(f"/v1/policies/receipts/{act}", json={})
        assert answer.status_code == 200, answer.text
    return olga.post("/v1/policies/receipts/activate", json={}), olga


TYPES = {
    "proposed": "case.adjustment_proposed",
    "approved": "case.adjustment_approved",
    "rejected": "case.adjustment_rejected",
    "executed": "case.adjustment_executed",
    "resolved": "case.resolved",
    "granted": "person.granted",
    "policy activated": "policy.activated",
    "erased": "privacy.erasure_ordered",
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_decision_has_a_receipt_that_anybody_can_check(
    server: RunningService,
    sign: Callable[[], None],
    checkpoints: Checkpoints,
    client: Callable[[str], httpx2.Client],
    tmp_path: Path,
    kind: str,
) -> None:
    answer, by = decide(server, kind, client)
    assert answer.status_code == 200, answer.text
    place = answer.headers["Casetrail-Receipt"]
    position = int(answer.headers["Casetrail-Position"])
    assert place == f"/v1/receipts/{position}"
    sign()
    receipt = by.get(place)
    assert receipt.status_code == 200, receipt.text
    assert receipt.headers["Content-Disposition"].endswith(f'"{position}.tlog-proof"')
    envelope = by.get(f"{place}/envelope").content
    parsed = parse_receipt(receipt.content)
    assert parsed.extra == envelope
    assert event_of(envelope)["type"] == TYPES[kind]
    file = tmp_path / "r.tlog-proof"
    file.write_bytes(receipt.content)
    key = checkpoints.signer.key.text
    told = verify_with_python("receipt", file, key)
    assert (told["verified"], told["position"], told["faults"]) == (True, position, [])
    if NODE is not None:
        assert verify_with_node("receipt", file, key) == told
        assert verify_with_node("receipt", file, "--key", key) == told
    assert verify_with_aics_tlog(tmp_path, parsed, key)["ok"]


def test_a_receipt_is_there_as_soon_as_the_event_is_signed(
    server: RunningService, sign: Callable[[], None], ana: httpx2.Client, trust: TrustPolicy
) -> None:
    position = send(ana, placed(order_id())).headers["Casetrail-Position"]
    early = ana.get(f"/v1/receipts/{position}")
    assert early.status_code == 409
    told = early.json()
    assert told["type"].endswith("receipt-not-ready")
    assert "is not signed yet" in told["detail"]
    assert "within 3 seconds" in told["detail"]
    assert early.headers["Retry-After"] == "3"
    with server.client_as("ana") as waiting:
        answers: list[httpx2.Response] = []
        headers = {"Prefer": "wait=20"}
        thread = threading.Thread(
            target=lambda: answers.append(waiting.get(f"/v1/receipts/{position}", headers=headers))
        )
        started = time.monotonic()
        thread.start()
        time.sleep(0.5)
        sign()
        thread.join()
    assert answers[0].status_code == 200
    assert time.monotonic() - started < 10
    assert verify_receipt(answers[0].content, trust).position == int(position)
    short = ana.get(f"/v1/receipts/{int(position) + 10_000}", headers={"Prefer": "wait=1"})
    assert short.status_code == 404


def test_a_position_that_the_caller_may_not_read_is_like_a_missing_one(
    server: RunningService,
    sign: Callable[[], None],
    ana: httpx2.Client,
    client: Callable[[str], httpx2.Client],
) -> None:
    """mia may not read the log: only her own acts, and cases in her scope."""
    people, now = server.service.desks.people, datetime.now(UTC)
    people.add("mia", [Role.HANDLER], now)
    server.tokens["mia"] = people.issue_token("mia", now)
    mia = client("mia")
    case = open_paid_case(server)["id"]
    lines = ana.get(f"/v1/cases/{case}/trail").json()["lines"]
    feed = ana.get("/v1/events?after=0&limit=200").json()["items"]
    foreign = next(line["position"] for line in feed if line["event"]["type"] == "person.added")
    etag = {"If-Match": mia.get(f"/v1/cases/{case}").headers["ETag"]}
    note = mia.post(f"/v1/cases/{case}/notes", json={"note": "Mine."}, headers=etag)
    own = note.headers["Casetrail-Receipt"]
    sign()
    for place in ("", "/envelope"):
        assert mia.get(f"/v1/receipts/{lines[0]['position']}{place}").status_code == 200
        assert mia.get(f"{own}{place}").status_code == 200
        hidden = mia.get(f"/v1/receipts/{foreign}{place}")
        missing = mia.get(f"/v1/receipts/{10**9}{place}")
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["type"] == missing.json()["type"]
        assert ana.get(f"/v1/receipts/{foreign}{place}").status_code == 200
    for wrong in ("0", "-1", "x", str(2**62 + 1), "1" * 30):
        assert ana.get(f"/v1/receipts/{wrong}").status_code in (400, 404), wrong
    assert ana.get("/v1/receipts/1?cosigend=false").status_code == 400


def test_each_version_of_a_case_has_a_receipt(
    server: RunningService, sign: Callable[[], None], bo: httpx2.Client, trust: TrustPolicy
) -> None:
    case = open_paid_case(server)
    sign()
    for version in range(1, case["version"] + 1):
        answer = bo.get(f"/v1/cases/{case['id']}/events/{version}/receipt")
        assert answer.status_code == 200
        envelope = parse_receipt(answer.content).extra
        assert envelope is not None
        assert json.loads(envelope)["stream"] == case["id"]
        assert json.loads(envelope)["version"] == version
        assert verify_receipt(answer.content, trust).verified
    for version in (0, case["version"] + 1):
        answer = bo.get(f"/v1/cases/{case['id']}/events/{version}/receipt")
        assert answer.status_code == 422
    assert bo.get(f"/v1/cases/{uuid4()}/events/1/receipt").status_code == 404


def test_a_receipt_waits_for_the_quorum_unless_told_otherwise(
    server: RunningService,
    sign: Callable[[], None],
    checkpoints: Checkpoints,
    trust: TrustPolicy,
    ana: httpx2.Client,
    tmp_path: Path,
) -> None:
    position = int(send(ana, placed(order_id())).headers["Casetrail-Position"])
    sign()
    witness = open_cosigner(tmp_path / "witness")
    policy = single_witness(witness.key).with_logs([checkpoints.signer.key])
    before, server.service.receipts = (
        server.service.receipts,
        Receipts(server.service.desks.datastore, policy, checkpoints.opened),
    )
    try:
        waits = ana.get(f"/v1/receipts/{position}")
        assert waits.status_code == 409
        assert "not cosigned by the quorum" in waits.json()["detail"]
        signed = ana.get(f"/v1/receipts/{position}?cosigned=false")
        assert verify_receipt(signed.content, trust).verified
        assert not verify_receipt(signed.content, policy).verified
        with connect(server.dsn) as connection:
            note = checkpoints.outside.latest()
            assert note is not None
            text = note.decode().partition("\n\n")[0] + "\n"
            size = int(text.split("\n")[1])
            add = "INSERT INTO checkpoint_signatures (size, signed_by, line) VALUES (%s, %s, %s)"
            # A line that others wrote into the table does not count.
            forged = witness.cosignature(text.replace("casetrail", "casetrai1"), 1_700_000_000)
            connection.execute(add, (size, witness.key.text, forged))
            time.sleep(KEEP_SECONDS)
            assert ana.get(f"/v1/receipts/{position}").status_code == 409
            with without_triggers(connection):
                connection.execute("DELETE FROM checkpoint_signatures")
            line = witness.cosignature(text, 1_700_000_000)
            connection.execute(add, (size, witness.key.text, line))
        time.sleep(KEEP_SECONDS)
        cosigned = ana.get(f"/v1/receipts/{position}")
        assert [one.at for one in verify_receipt(cosigned.content, policy).cosigned] == [
            1_700_000_000
        ]
    finally:
        server.service.receipts = before


def test_an_altered_event_has_no_receipt(
    server: RunningService, sign: Callable[[], None], ana: httpx2.Client
) -> None:
    position = int(send(ana, placed(order_id())).headers["Casetrail-Position"])
    sign()
    select = "SELECT state FROM stored_events WHERE notification_id = %s"
    update = "UPDATE stored_events SET state = %s WHERE notification_id = %s"
    with connect(server.dsn) as connection, without_triggers(connection):
        ((state,),) = connection.execute(select, (position,)).fetchall()
        connection.execute(update, (bytes(state) + b" ", position))
        try:
            answer = ana.get(f"/v1/receipts/{position}")
        finally:
            connection.execute(update, (state, position))
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("log-not-as-signed")
    assert ana.get(f"/v1/receipts/{position}").status_code == 200
