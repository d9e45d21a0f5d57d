"""A case and its order as of a version, a record time and an event time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import (
    JsonObject,
    ago,
    captured,
    open_case,
    order_id,
    placed,
    send,
    unavailable,
    version_of,
)


def act(
    client: httpx2.Client, case: str, command: str, body: JsonObject | None = None
) -> JsonObject:
    etag = {"If-Match": f'"{version_of(client, case)}"'}
    answer = client.post(f"/v1/cases/{case}/{command}", json=body, headers=etag)
    assert answer.is_success, answer.text
    view: JsonObject = answer.json()
    return view


def test_a_past_version_of_a_case_equals_its_response_at_the_time(ana: httpx2.Client) -> None:
    case = open_case(ana)
    then = [ana.get(f"/v1/cases/{case}").json()]
    then.append(act(ana, case, "claim"))
    then.append(act(ana, case, "notes", {"note": "Asked them."}))
    then.append(act(ana, case, "wait", {"dependency": "carrier", "party": "dhl"}))
    times = [line["recorded_at"] for line in ana.get(f"/v1/cases/{case}/trail").json()["lines"]]
    for view in then:
        version = view["version"]
        by_version = ana.get(f"/v1/cases/{case}", params={"version": version})
        by_time = ana.get(f"/v1/cases/{case}", params={"as_of": times[version - 1]})
        assert by_version.json() == view == by_time.json()
        assert "ETag" not in by_version.headers
        assert by_version.headers["Casetrail-Past"] == f"version={version}, of={len(times)}"
    first = ana.get(f"/v1/cases/{case}", params={"version": 1}).json()
    assert (first["state"], first["queue"], first["priority"]) == ("open", None, None)


def test_a_case_read_at_two_times_is_that_of_the_earlier_one(ana: httpx2.Client) -> None:
    case = open_case(ana)
    then = act(ana, case, "claim")
    later = act(ana, case, "notes", {"note": "Asked them."})
    lines = ana.get(f"/v1/cases/{case}/trail").json()["lines"]
    claimed, noted = (lines[view["version"] - 1]["recorded_at"] for view in (then, later))
    for asked in (
        {"known_at": claimed},
        {"as_of": claimed, "known_at": noted},
        {"as_of": noted, "known_at": claimed},
    ):
        told = ana.get(f"/v1/cases/{case}", params=asked)
        assert told.json() == then, asked
        assert told.headers["Casetrail-Past"] == f"version={then['version']}, of={len(lines)}"
    assert ana.get(f"/v1/cases/{case}", params={"known_at": noted}).json() == later


@pytest.mark.parametrize(
    ("asked", "status", "problem"),
    [
        ({"version": 0}, 422, "no-such-version"),
        ({"version": 99}, 422, "no-such-version"),
        ({"as_of": "2001-01-01T00:00:00Z"}, 404, "case-not-found"),
        ({"as_of": "2001-01-01T00:00:00"}, 400, "malformed-parameter"),
        ({"version": 1, "as_of": "2101-01-01T00:00:00Z"}, 400, "malformed-parameter"),
        ({"version": 1, "known_at": "2101-01-01T00:00:00Z"}, 400, "malformed-parameter"),
        ({"known_at": "2001-01-01T00:00:00Z"}, 404, "case-not-found"),
        ({"known_at": "2001-01-01T00:00:00"}, 400, "malformed-parameter"),
        ({"asof": "2101-01-01T00:00:00Z"}, 400, "malformed-parameter"),
    ],
)
def test_an_invalid_past_is_refused(
    ana: httpx2.Client, asked: JsonObject, status: int, problem: str
) -> None:
    answer = ana.get(f"/v1/cases/{open_case(ana)}", params=asked)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")


@pytest.fixture
def late(ana: httpx2.Client) -> tuple[str, str, datetime]:
    """An order whose payment was reported an hour late, and a time before that report."""
    order = order_id()
    told = send(
        ana, placed(order, event_time=ago(hours=5)), unavailable(order, event_time=ago(hours=4))
    )
    case = told.json()["items"][-1]["cases"][0]["case"]
    before = datetime.now(UTC)
    send(ana, captured(order, "12.00", event_time=ago(hours=3)))
    return order, case, before


def facts_of(client: httpx2.Client, order: str, **asked: datetime) -> dict[str, object]:
    params = {name: moment.isoformat() for name, moment in asked.items()}
    answer = client.get(f"/v1/orders/{order}", params=params)
    assert answer.status_code == 200, answer.text
    return {fact["fact"]: fact["value"] for fact in answer.json()["facts"]}


def test_facts_are_read_by_event_time_and_by_record_time(
    ana: httpx2.Client, late: tuple[str, str, datetime]
) -> None:
    order, _, before = late
    now = datetime.now(UTC)
    paid = "payment.received"
    assert facts_of(ana, order)[paid] is True
    assert facts_of(ana, order, known_at=before)[paid] is False
    assert facts_of(ana, order, as_of=now - timedelta(hours=2))[paid] is True
    assert facts_of(ana, order, as_of=now - timedelta(hours=3.5))[paid] is False
    earlier = facts_of(ana, order, as_of=now - timedelta(hours=2), known_at=before)
    assert earlier[paid] is False
    nothing = ana.get(f"/v1/orders/{order}", params={"as_of": "2001-01-01T00:00:00Z"})
    assert (nothing.status_code, nothing.json()["type"]) == (404, "/problems/order-not-found")


def test_a_packet_is_read_as_it_was_known(
    ana: httpx2.Client, late: tuple[str, str, datetime]
) -> None:
    _, case, before = late
    address = f"/v1/cases/{case}/packet"
    now = ana.get(address).json()
    then = ana.get(address, params={"known_at": before.isoformat()}).json()
    known, before_it = ({one["fact"]: one["value"] for one in p["now"]} for p in (now, then))
    assert (known["payment.received"], before_it["payment.received"]) == (True, False)
    assert "milestones.paid_at" in {*known} - {*before_it}
    assert [one["kind"] for one in now["cases"]] >= [one["kind"] for one in then["cases"]]
    assert all(one["age_seconds"] < 60 for one in then["now"])
    happened = (datetime.now(UTC) - timedelta(hours=4.5)).isoformat()
    early = ana.get(address, params={"as_of": happened}).json()
    assert {one["sources"][0] for one in early["now"]} == {then["now"][0]["sources"][0]}
    assert early["digest"] == now["digest"]


def test_a_diff_has_sentences_and_values(ana: httpx2.Client) -> None:
    case = open_case(ana)
    before = ana.get(f"/v1/cases/{case}").json()
    act(ana, case, "claim")
    after = act(ana, case, "evidence", {"ref": "dhl/pod-1", "type": "carrier_statement"})
    address = f"/v1/cases/{case}/diff"
    told = ana.get(address, params={"from": before["version"], "to": after["version"]}).json()
    changed = {change["place"]: change for change in told["case"]}
    assert changed["/state"]["how"] == "state: open → claimed"
    assert (changed["/owner"]["before"], changed["/owner"]["after"]) == (before["owner"], "ana")
    assert changed["/evidence/dhl~1pod-1"]["how"].startswith("evidence, dhl/pod-1: new, ref dhl")
    differing = {name for name in before if before[name] != after[name]}
    assert {place.split("/")[1] for place in changed} == differing
    assert (told["packet"], told["before"]["version"]) == ([], before["version"])
    times = {"from": told["before"]["recorded_at"], "to": told["after"]["recorded_at"]}
    assert ana.get(address, params=times).json() == told
    back = ana.get(address, params={"from": after["version"], "to": before["version"]}).json()
    assert {c["place"] for c in back["case"]} == changed.keys()
    wrong = ana.get(address, params={"from": "yesterday"})
    assert (wrong.status_code, wrong.json()["type"]) == (400, "/problems/malformed-parameter")


def test_the_past_of_an_unknown_case_gets_404(server: RunningService, ana: httpx2.Client) -> None:
    for asked in ("?version=1", "/diff?from=1", "/packet?known_at=2101-01-01T00:00:00Z"):
        answer = ana.get(f"/v1/cases/{uuid4()}{asked}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/case-not-found")
