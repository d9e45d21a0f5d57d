"""Tasks and holds over HTTP: what the policy requires, who does it, and what is on hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from tests.api.running_service import RunningService
from tests.api.signals import order_id, send, signal


def open_address_case(client: httpx2.Client) -> dict[str, Any]:
    """Open an `address_problem` case and return it."""
    told = send(client, signal("address.checked", order_id(), verdict="invalid"))
    (touched,) = told.json()["items"][0]["cases"]
    found: dict[str, Any] = client.get(f"/v1/cases/{touched['case']}").json()
    return found


def act(client: httpx2.Client, case: dict[str, Any], command: str, **body: Any) -> Any:
    headers = {"If-Match": f'"{case["version"]}"'}
    return client.post(f"/v1/cases/{case['id']}/{command}", json=body, headers=headers)


def test_a_case_with_open_tasks_or_holds_cannot_be_resolved(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case = open_address_case(ana)
        (task,), (hold,) = case["tasks"], case["holds"]
        assert (task["task"], task["owner"], task["state"]) == (1, "order_desk", "open")
        assert (hold["what"], hold["released_at"]) == ("fulfilment", None)

        case = act(ana, case, "claim").json()
        done = {
            "reason": "operational_error",
            "root_cause": "upstream_data",
            "evidence": ["storefront/1"],
        }
        refused = act(ana, case, "resolve", **done)
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/steps-open"
        assert (refused.json()["tasks"], refused.json()["holds"]) == ([1], [1])

        case = act(ana, case, "tasks", title="Write to her", owner="ana").json()
        case = act(ana, case, "drop-task", task=2, note="She called.").json()
        case = act(ana, case, "complete-task", task=1).json()
        again = act(ana, case, "complete-task", task=1)
        assert (again.status_code, again.json()["type"]) == (409, "/problems/task-not-open")
        case = act(ana, case, "release-hold", hold=1, note="The address is right.").json()
        not_ours = act(ana, case, "release-hold", hold=1, note="Again.")
        assert (not_ours.status_code, not_ours.json()["type"]) == (409, "/problems/hold-not-ours")
        case = act(ana, case, "resolve", **done).json()
        assert case["state"] == "resolved"
        assert [task["state"] for task in case["tasks"]] == ["done", "dropped"]


def test_tasks_are_listed_by_owner_and_due_time(server: RunningService) -> None:
    with server.client_as("bo") as bo:
        case = open_address_case(bo)
        tomorrow, day_after = (datetime.now(UTC).date() + timedelta(days=n) for n in (1, 2))
        by_noon, later = f"{tomorrow}T12:00:00Z", f"{day_after}T12:00:00+01:00"
        for title, due_at in (("Later", later), ("By noon", by_noon), ("Some time", None)):
            told = {"title": title, "owner": "bo", "action": "check"}
            answer = act(bo, case, "tasks", **told, **({"due_at": due_at} if due_at else {}))
            case = answer.json()
        seen = {"Casetrail-Min-Position": answer.headers["Casetrail-Position"]}
        listed = bo.get("/v1/views/tasks?owner=bo&limit=2", headers=seen)
        page = listed.json()
        assert [one["title"] for one in page["items"]] == ["By noon", "Later"]
        assert page["items"][0]["due_at"] == by_noon
        rest = bo.get(listed.links["next"]["url"]).json()["items"]
        assert [(one["title"], one["due_at"]) for one in rest] == [("Some time", None)]
        assert bo.get("/v1/views/tasks?owner=bo&overdue=true").json()["items"] == []


def test_a_case_cannot_be_handed_to_an_unknown_person(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case = open_address_case(ana)
        refused = act(ana, case, "hand-off", to_person="nobody.at.all", note="Yours.")
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/to_person"
