"""What the API, the questions and a repeated decision say of a case about a source."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from msgspec import structs

from application.audit.evidence import EvidenceStatus, check_evidence
from application.log.event_log import Write
from application.policy.reperformance import Reperformance, ReperformedDecision
from domain.cases.events import Detected
from domain.policy.decision import Verdict
from tests.api.running_service import RunningService
from tests.sources.coded import Coded
from tests.sources.senders import WIDER, add, change_mapping, order_number, scan, send
from tests.sources.watched import MONDAY


def cases(client: httpx2.Client, answer: httpx2.Response) -> list[dict[str, Any]]:
    found = client.get(
        "/v1/cases",
        params={"kind": "unknown_code"},
        headers={
            "Casetrail-Min-Position": answer.headers["Casetrail-Position"],
            "Prefer": "wait=10",
        },
    )
    assert found.status_code == 200, found.text
    items: list[dict[str, Any]] = found.json()["items"]
    return items


def get(client: httpx2.Client, path: str, **query: str) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_case_about_a_code_is_read_and_mended(
    server: RunningService, olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "mended", owner="order_desk")
    answer = send(sender, "mended", scan(order_number(), "LOST"), "scan", "m-1")
    (row,) = cases(olga, answer)
    assert (row["kind"], row["owner"], row["order_id"]) == ("unknown_code", "order_desk", "")
    path = f"/v1/cases/{row['case_id']}"
    view = get(olga, path)
    assert view["about"] == {"source": "mended", "table": "states", "code": "LOST"}
    packet = get(olga, f"{path}/packet")
    known = {one["fact"]: one["value"] for one in packet["now"]}
    assert known == {one["fact"]: one["value"] for one in packet["decided_on"]}
    assert (known["source.name"], known["code.code"]) == ("mended", "LOST")
    assert packet["cases"] == []
    trail = get(olga, f"{path}/trail")["told"]
    assert trail[0]["said"] == (
        "Detected unknown code of `LOST` from mended (not in states): by the rule no-mapping-reads-it."
    )
    assert [one["fact"] for one in packet["now"]][-1] == "remedy"
    change_mapping(olga, otto, "mended", WIDER)
    again = olga.post("/v1/sources/mended/read-again", json={})
    assert again.json()["not_understood"] == 0
    (row,) = cases(olga, again)
    assert (row["state"], row["reason"]) == ("resolved", "source_cleared")
    told = [one["said"] for one in get(olga, f"{path}/trail")["told"]]
    assert "shows: the problem is gone." in told[-2]
    redone = get(olga, f"{path}/reperformance")
    assert [one for one in redone["decisions"] if one["differs"]] == []
    assert len(redone["decisions"]) == 4


def test_the_evidence_of_a_resolved_case_is_its_packet(coded: Coded) -> None:
    (lost,) = coded.scan("shop", "LOST")
    coded.choose("shop", WIDER)
    coded.read_again("shop", lost)
    (case,) = coded.cases("unknown_code")
    lines = coded.desks.log.trail(case.id)
    (piece,) = check_evidence(lines, [], _AsRecorded()).pieces
    assert piece.standing is EvidenceStatus.IN_THE_LOG
    assert piece.ref == f"packet:{case.packet}"


class _AsRecorded:
    """What is recorded is as it was recorded, and no file is stored."""

    def current_digest(self, ref: str) -> str | None:
        return None

    def is_erased(self, ref: str) -> bool:
        return False

    def is_as_recorded(self, position: int) -> bool | None:
        return True


def _redone(coded: Coded, case: UUID) -> list[ReperformedDecision]:
    return Reperformance(coded.desks.log, coded.desks.policy.cited).reperform_case(case)


@pytest.mark.parametrize("fact", ["source.deliveries", "source.made_up"])
def test_a_decision_that_does_not_rest_on_its_packet_differs(coded: Coded, fact: str) -> None:
    """A trail that was written by something else than the watch."""
    coded.send_for_weeks("shop", MONDAY, 20, 20, 20, 20)
    coded.look(MONDAY)
    (case,) = coded.cases()
    log, lines = coded.desks.log, coded.desks.log.trail(case.id)
    detected = lines[0].event
    assert isinstance(detected, Detected)
    assert [one for one in _redone(coded, case.id) if one.differs] == []
    forged = Verdict(fact, "at_least 10 % of 20", 1, False)
    decision = structs.replace(detected.decision, verdicts=(forged,))
    events = [structs.replace(detected, decision=decision), *(one.event for one in lines[1:])]
    other = uuid4()
    log.append(
        [
            Write(
                stream=other,
                kind="case",
                expected=0,
                events=[(lines[0].actor, event) for event in events],
                recorded_at=lines[0].recorded_at,
                cause=lines[0].cause or "",
                order=case.order,
            )
        ]
    )
    (differs,) = [one for one in _redone(coded, other) if one.differs]
    assert differs.type == "case.detected"
    assert f"{fact} was 1" in str(differs.differs)
