"""Grants are changed by one person for another, with a reason, and take effect within seconds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest

from domain.people import Role
from infrastructure.reports.people_directory import PeopleDirectory
from tests.api.running_service import RunningService
from tests.api.signals import JsonObject, in_future, open_case

SOON_SECONDS = 10
QUEUE = "allocation_failure_review"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def olga(server: RunningService) -> Iterator[httpx2.Client]:
    people, now = server.service.desks.people, datetime.now(UTC)
    people.add("otto", [Role.OPS_MANAGER], now)
    server.tokens["otto"] = people.issue_token("otto", now)
    with server.client_as("olga") as client:
        yield client


@pytest.fixture
def mia(server: RunningService, olga: httpx2.Client) -> str:
    """A new person without a role."""
    name = f"mia{next(_numbers)}"
    assert olga.post("/v1/people", json={"name": name}).status_code == 200
    server.tokens[name] = server.service.desks.people.issue_token(name, datetime.now(UTC))
    return name


def give_role(
    server: RunningService, name: str, role: str = "handler", **facts: object
) -> JsonObject:
    """Olga gives a role, and otto confirms it if it takes two people."""
    ask = {"role": role, "reason": "Theirs.", **facts}
    with server.client_as("olga") as olga, server.client_as("otto") as otto:
        answer = olga.post(f"/v1/people/{name}/grants", json=ask)
        assert answer.status_code == 200, answer.text
        given = answer.json()["grants"][-1]
        if given["status"] == "proposed":
            answer = otto.post(f"/v1/people/{name}/grants/{given['grant']}/confirm")
            assert answer.status_code == 200, answer.text
    told: JsonObject = answer.json()
    return told


def becomes_true(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + SOON_SECONDS
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def test_a_grant_takes_effect_and_ends_within_seconds(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    with server.client_as(mia) as her:
        assert her.get("/v1/me").status_code == 403
        grant = give_role(server, mia)["grants"][-1]
        assert (grant["granted_by"], grant["reason"], grant["lives"]) == ("olga", "Theirs.", True)
        assert becomes_true(lambda: her.get("/v1/cases").status_code == 200)
        assert her.get("/v1/me").json()["grants"] == [grant]
        revoked = olga.post(
            f"/v1/people/{mia}/grants/{grant['grant']}/revoke", json={"reason": "Not any more."}
        ).json()
        assert revoked["permissions"] == []
        assert (revoked["grants"][0]["lives"], revoked["grants"][0]["revoked_by"]) == (
            False,
            "olga",
        )
        assert becomes_true(lambda: her.get("/v1/cases").status_code == 403)


def test_one_manager_alone_cannot_make_an_approver(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    ask = {"role": "finance_approver", "reason": "She approves."}
    given = olga.post(f"/v1/people/{mia}/grants", json=ask).json()
    assert (given["permissions"], given["grants"][0]["status"]) == ([], "proposed")
    refused = olga.post(f"/v1/people/{mia}/grants/g1/confirm")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/another-person-needed")

    def waiting() -> list[tuple[str, str]]:
        items = olga.get("/v1/grants", params={"status": "proposed", "limit": 200}).json()["items"]
        return [(one["person"], one["grant"]["grant"]) for one in items]

    assert (mia, "g1") in waiting()
    with server.client_as(mia) as her, server.client_as("otto") as otto:
        assert her.get("/v1/me").status_code == 403
        confirmed = otto.post(f"/v1/people/{mia}/grants/g1/confirm").json()["grants"][0]
        assert (confirmed["granted_by"], confirmed["confirmed_by"]) == ("olga", "otto")
        assert (confirmed["status"], confirmed["lives"]) == ("active", True)
        assert becomes_true(lambda: her.get("/v1/me").status_code == 200)
        again = otto.post(f"/v1/people/{mia}/grants/g1/confirm")
        assert (again.status_code, again.json()["state"]) == (409, "active")
    assert (mia, "g1") not in waiting()


def test_a_proposed_grant_is_rejected_with_a_reason_or_withdrawn(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    ask = {"role": "handler", "reason": "She helps."}
    for _ in "12":
        olga.post(f"/v1/people/{mia}/grants", json=ask)
    with server.client_as("otto") as otto:
        assert otto.post(f"/v1/people/{mia}/grants/g1/reject", json={}).status_code == 422
        otto.post(f"/v1/people/{mia}/grants/g1/reject", json={"reason": "No more people."})
        theirs = {"reason": "Not mine."}
        assert otto.post(f"/v1/people/{mia}/grants/g2/withdraw", json=theirs).status_code == 403
    done = olga.post(f"/v1/people/{mia}/grants/g2/withdraw", json={"reason": "A mistake."}).json()
    assert [(one["status"], one["revoked_for"]) for one in done["grants"]] == [
        ("rejected", "No more people."),
        ("withdrawn", "A mistake."),
    ]


def test_a_grant_ends_at_its_time(server: RunningService, olga: httpx2.Client, mia: str) -> None:
    give_role(server, mia, until=in_future(seconds=1.5))
    with server.client_as(mia) as her:
        assert becomes_true(lambda: her.get("/v1/cases").status_code == 200)
        end = datetime.now(UTC) + timedelta(seconds=2)
        while datetime.now(UTC) < end:
            time.sleep(0.1)
        assert her.get("/v1/cases").status_code == 403


def test_a_person_who_left_is_refused_until_they_return(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    give_role(server, mia)
    with server.client_as(mia) as her:
        assert becomes_true(lambda: her.get("/v1/cases").status_code == 200)
        left = olga.post(f"/v1/people/{mia}/leave", json={"reason": "Her last day."}).json()
        assert (left["left_for"], left["permissions"]) == ("Her last day.", [])
        assert becomes_true(lambda: her.get("/v1/cases").status_code == 401)
        assert olga.get(f"/v1/people/{mia}").json()["grants"]
        back = olga.post(f"/v1/people/{mia}/return", json={"reason": "She is back."}).json()
        assert [one["status"] for one in back["grants"]] == ["proposed"]
        with server.client_as("otto") as otto:
            assert otto.post(f"/v1/people/{mia}/grants/g1/confirm").status_code == 200
        assert becomes_true(lambda: her.get("/v1/cases").status_code == 200)


def test_nobody_grants_a_role_to_themselves(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    ask = {"role": "finance_approver", "reason": "I pay."}
    refused = olga.post("/v1/people/olga/grants", json=ask)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/another-person-needed")
    olga.post(f"/v1/people/{mia}/same-as", json={"other": "olga", "reason": "It is me."})
    assert olga.get("/v1/people/olga").json()["known_as"] == sorted({mia, "olga"})
    assert olga.post(f"/v1/people/{mia}/grants", json=ask).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("people", {"name": "olga"}, 409),
        ("people", {"name": "Olga"}, 422),
        ("people/nobody/grants", {"role": "handler", "reason": "x"}, 404),
        ("people/shop/grants", {"role": "king", "reason": "x"}, 422),
        ("people/shop/grants", {"role": "handler", "reason": ""}, 422),
        ("people/shop/grants", {"role": "handler"}, 422),
        ("people/shop/grants", {"role": "handler", "reason": "x", "queues": ["nowhere"]}, 422),
        ("people/shop/grants", {"role": "handler", "reason": "x", "regions": ["Brazil"]}, 422),
        (
            "people/shop/grants",
            {"role": "handler", "reason": "x", "until": "2020-01-01T00:00:00Z"},
            422,
        ),
        (
            "people/shop/grants",
            {"role": "handler", "reason": "x", "until": "2999-01-01T00:00:00"},
            422,
        ),
        ("people/shop/grants/g9/revoke", {"reason": "x"}, 404),
        ("people/shop/return", {"reason": "x"}, 409),
        ("people/shop/same-as", {"other": "shop", "reason": "x"}, 422),
        ("people/shop/same-as", {"other": "nobody", "reason": "x"}, 404),
    ],
)
def test_an_impossible_grant_is_refused(
    server: RunningService, olga: httpx2.Client, path: str, body: JsonObject, status: int
) -> None:
    before = server.service.desks.log.head()
    assert olga.post(f"/v1/{path}", json=body).status_code == status
    people = [
        line
        for line in server.service.desks.log.read(before, 200)
        if line.type.startswith("person.")
    ]
    assert people == []


def test_a_retry_gets_the_first_response_and_makes_one_grant(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    ask = {"role": "auditor", "reason": "Theirs."}
    first, again = (olga.post(f"/v1/people/{mia}/grants", json=ask, headers=key) for _ in "12")
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(olga.get(f"/v1/people/{mia}").json()["grants"]) == 1


def test_grants_are_answered_as_of_a_time(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    before = datetime.now(UTC)
    give_role(server, mia)
    then = {"at": before.isoformat()}
    assert olga.get(f"/v1/people/{mia}", params=then).json()["grants"] == []
    assert len(olga.get(f"/v1/people/{mia}").json()["grants"]) == 1
    assert olga.get(f"/v1/people/{mia}", params={"at": "2020-01-01T00:00:00Z"}).status_code == 404
    assert olga.get(f"/v1/people/{mia}", params={"at": "2020-01-01T00:00:00"}).status_code == 400


def test_an_access_review_lists_every_grant_in_pages(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    for role in ("handler", "auditor", "team_lead"):
        give_role(server, mia, role)
    whole = olga.get("/v1/access-review", params={"limit": 200}).json()["items"]
    walked: list[JsonObject] = []
    address: str | None = "/v1/access-review?limit=2"
    while address is not None:
        page = olga.get(address)
        walked += page.json()["items"]
        address = page.links["next"]["url"] if "next" in page.links else None
    assert walked == whole
    mine = [line["grant"] for line in whole if line["person"] == mia]
    assert [grant["role"] for grant in mine] == ["handler", "auditor", "team_lead"]
    assert {line["person"] for line in whole} >= {"ana", "bo", "carla", "olga", "shop", mia}
    empty = olga.get("/v1/access-review", params={"at": "2020-01-01T00:00:00Z"}).json()
    assert empty["items"] == []
    names = [one["name"] for one in olga.get("/v1/people?limit=200").json()["items"]]
    assert names == sorted(names)
    assert mia in names


def test_who_could_have_acted_is_answered_for_a_case_as_of_a_time(
    server: RunningService, olga: httpx2.Client, ana: httpx2.Client, mia: str
) -> None:
    case = open_case(ana)
    before = datetime.now(UTC)
    give_role(server, mia, queues=[QUEUE])
    asked = {"permission": "cases.work", "case": case}
    now = olga.get("/v1/eligible", params=asked).json()
    assert (now["queue"], now["region"]) == (QUEUE, None)
    found = {one["person"]: [g["grant"] for g in one["grants"]] for one in now["items"]}
    assert found[mia] == ["g1"]
    assert "shop" not in found
    then = olga.get("/v1/eligible", params={**asked, "at": before.isoformat()}).json()
    assert mia not in {one["person"] for one in then["items"]}
    by_queue = {"permission": "cases.work", "queue": "refund_validation"}
    elsewhere = olga.get("/v1/eligible", params=by_queue).json()
    assert mia not in {one["person"] for one in elsewhere["items"]}
    for wrong in ({}, {"queue": QUEUE, "case": case}):
        ask = {"permission": "cases.work", **wrong}
        assert olga.get("/v1/eligible", params=ask).status_code == 400
    early = {**asked, "at": "2020-01-01T00:00:00Z"}
    assert olga.get("/v1/eligible", params=early).status_code == 404


def test_an_escalation_finds_only_persons_with_a_current_grant(
    server: RunningService, olga: httpx2.Client, mia: str
) -> None:
    """An escalation notifies only people who have the role now."""

    def analysts() -> tuple[str, ...]:
        return PeopleDirectory(server.service.desks.datastore).with_role("qa_analyst")

    give_role(server, mia, "qa_analyst", until=in_future(seconds=6))
    assert becomes_true(lambda: analysts() == (mia,))
    olga.post(f"/v1/people/{mia}/leave", json={"reason": "Gone."})
    assert becomes_true(lambda: analysts() == ())
    olga.post(f"/v1/people/{mia}/return", json={"reason": "Back."})
    with server.client_as("otto") as otto:
        otto.post(f"/v1/people/{mia}/grants/g1/confirm")
    assert becomes_true(lambda: analysts() == (mia,))
    assert becomes_true(lambda: analysts() == ())


def test_break_glass_needs_two_persons_and_a_third_reviews_it(
    server: RunningService, olga: httpx2.Client, ana: httpx2.Client, mia: str
) -> None:
    give_role(server, mia, queues=["refund_validation"])
    case = open_case(ana)
    with server.client_as(mia) as her, server.client_as("carla") as carla:
        assert becomes_true(lambda: her.get("/v1/me").status_code == 200)
        assert her.get(f"/v1/cases/{case}").status_code == 404
        ask = {"role": "handler", "case": case, "minutes": 5, "reason": "He waits at the counter."}
        asked = her.post("/v1/break-glass", json=ask).json()
        address = f"/v1/break-glass/{asked['id']}"
        assert her.post(f"{address}/open").status_code == 403
        opening = ana.post(f"{address}/open").json()
        assert (opening["stage"], opening["opened_by"]) == ("open", "ana")
        assert becomes_true(lambda: her.get(f"/v1/cases/{case}").status_code == 200)
        etag = {"If-Match": her.get(f"/v1/cases/{case}").headers["ETag"]}
        assert her.post(f"/v1/cases/{case}/notes", json={"note": "Here."}, headers=etag).is_success
        line = ana.get(f"/v1/cases/{case}/trail").json()["lines"][-1]
        assert line["actor"]["under"] == f"break-glass:{asked['id']}"
        assert her.post(f"{address}/close").json()["stage"] == "review_due"
        assert becomes_true(lambda: her.get(f"/v1/cases/{case}").status_code == 404)
        due = {"stage": "review_due", "limit": 200}
        assert becomes_true(
            lambda: (
                asked["id"]
                in [
                    x["break_glass"]
                    for x in carla.get("/v1/break-glass", params=due).json()["items"]
                ]
            )
        )
        assert her.post("/v1/break-glass", json=ask).json()["due"] == [asked["id"]]
        judge = {"justified": True, "findings": "He was helped."}
        assert ana.post(f"{address}/review", json=judge).status_code == 403
        done = carla.post(f"{address}/review", json=judge)
        assert (done.status_code, done.json()["reviewed_by"]) == (200, "carla")
        assert carla.post(f"{address}/review", json=judge).status_code == 409
        # She has a duty in this case by now, so another person would have to ask for it.
        again = her.post("/v1/break-glass", json=ask)
        assert again.json()["type"] == "/problems/break-glass-of-the-involved"
        other = {"role": "handler", "queue": "refund_validation", "minutes": 5, "reason": "Again."}
        assert her.post("/v1/break-glass", json=other).status_code == 200
