"""A refused request leaves a record: who asked, which route, for want of which permission, and how often. The
record never holds what was sent, and does not grow with the number of requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import httpx2
import msgspec
import pytest

from api.http.concurrency import NEEDS
from api.http.service import service
from api.routes import VERSIONED
from application.log.caller import operator_caller
from application.people.access_refusals import MOST_KINDS
from domain.access_refusals import AccessRefused, access_stream
from domain.grants import GrantRole, LinkPersonName
from domain.people import Role
from domain.principals import KeyScope
from domain.recorded_event import RecordedEvent
from tests.api.running_service import RunningService, outside_settings, run_service
from tests.api.signals import order_id, placed, send, unavailable
from tests.conftest import Databases
from tests.intact_logs import assert_log_is_intact

SECRET = "nobody-may-see-this"


def recorded(server: RunningService, person: str) -> list[AccessRefused]:
    """What is recorded of the person, after all that waits is recorded."""
    server.service.access_refusals.record(everything=True)
    lines = server.service.desks.log.read(0, 100_000)
    events = [line.event for line in lines if isinstance(line.event, AccessRefused)]
    return [event for event in events if event.by.person == person]


def is_of(line: RecordedEvent, person: str) -> bool:
    return isinstance(line.event, AccessRefused) and line.event.by.person == person


def counts(events: list[AccessRefused]) -> dict[tuple[str, str, str, str], int]:
    found: dict[tuple[str, str, str, str], int] = {}
    for event in events:
        for one in event.refused:
            key = (one.method, one.route, one.permission, one.problem)
            found[key] = found.get(key, 0) + one.count
    return found


def add_person(server: RunningService, name: str, *roles: Role) -> httpx2.Client:
    people, now = server.service.desks.people, datetime.now(UTC)
    people.add(name, roles, now)
    server.tokens[name] = people.issue_token(name, now)
    return server.client_as(name)


@pytest.fixture(scope="module")
def scoped(server: RunningService) -> Iterator[httpx2.Client]:
    """A handler of one queue."""
    desk, now = server.service.desks.people, datetime.now(UTC)
    queue = "refund_validation"
    desk.add("sam", [], now)
    ask = GrantRole(role=Role.TEAM_LEAD, queues=(queue,), reason="Theirs.")
    desk.give("sam", ask, [queue], operator_caller(now))
    server.tokens["sam"] = desk.issue_token("sam", now)
    with server.client_as("sam") as client:
        yield client


def test_a_thousand_varied_requests_leave_a_handful_of_events(server: RunningService) -> None:
    with add_person(server, "mallory", Role.HANDLER) as mallory:
        for number in range(1_000):
            name = f"{SECRET}-{uuid4()}"
            answer = (
                mallory.get(f"/v1/people/{name}?at={name}")
                if number % 2
                else mallory.post(f"/v1/people/{name}/leave", json={"reason": name})
            )
            assert answer.status_code == 403
    events = recorded(server, "mallory")
    assert 1 <= len(events) <= 5
    assert counts(events) == {
        ("GET", "/v1/people/{name}", "people.read", "not-permitted"): 500,
        ("POST", "/v1/people/{name}/leave", "people.manage", "not-permitted"): 500,
    }
    for event in events:
        assert SECRET.encode() not in msgspec.json.encode(event)
        assert [(one.grant, one.role) for one in event.grants] == [("g1", Role.HANDLER)]
        assert event.by.principal.startswith("key:")
        assert all(one.first_at <= one.last_at for one in event.refused)
        assert event.others == 0


def test_the_first_refusal_is_recorded_without_being_asked_for(server: RunningService) -> None:
    with add_person(server, "soon", Role.HANDLER) as soon:
        assert soon.get("/v1/people").status_code == 403
    log = server.service.desks.log
    ends_at = time.monotonic() + 20
    while not (found := [x for x in log.read(0, 100_000) if is_of(x, "soon")]):
        assert time.monotonic() < ends_at
        time.sleep(0.1)
    (line,) = found
    assert isinstance(line.event, AccessRefused)
    assert line.actor.principal == "system:service"
    assert line.stream == access_stream(line.event.by.principal, line.recorded_at)


def test_a_read_out_of_scope_is_recorded_and_one_of_nothing_is_not(
    server: RunningService, ana: httpx2.Client, scoped: httpx2.Client
) -> None:
    order = order_id()
    told = send(ana, placed(order), unavailable(order)).json()["items"]
    case = next(one["case"] for item in told for one in item.get("cases", ()))
    for path in (f"/v1/cases/{uuid4()}", "/v1/queues/no_such_queue", f"/v1/orders/{uuid4()}"):
        assert scoped.get(path).status_code == 404
    assert not counts(recorded(server, "sam"))
    assert scoped.get(f"/v1/cases/{case}").status_code == 404
    assert scoped.get("/v1/queues/allocation_failure_review").status_code == 404
    claim = scoped.post(f"/v1/cases/{case}/claim", headers={"If-Match": '"1"'})
    assert claim.status_code == 404
    assert scoped.get(f"/v1/orders/{order}").status_code == 200, "its scope is a queue"
    events = recorded(server, "sam")
    found = counts(events)
    assert found["GET", "/v1/cases/{case_id}", "cases.read", "case-not-found"] == 1
    assert found["POST", "/v1/cases/{case_id}/claim", "cases.read", "case-not-found"] == 1
    assert found["GET", "/v1/queues/{queue}", "cases.read", "queue-not-found"] == 1
    assert case not in msgspec.json.encode(events).decode()
    assert events[-1].grants[0].queues == ("refund_validation",)


def test_an_agent_and_the_limits_of_its_key_are_named(server: RunningService) -> None:
    desks, now = server.service.desks, datetime.now(UTC)
    add_person(server, "olive", Role.OPS_MANAGER).close()
    desks.principals_desk.register_agent("olive", "copilot", now)
    limits = KeyScope(permissions=frozenset({"cases.read", "people.manage"}))
    server.tokens["copilot"] = desks.people.issue_token("olive", now, agent="copilot", scope=limits)
    with server.client_as("copilot") as copilot:
        assert copilot.post("/v1/people", json={}).status_code == 403
        assert copilot.get("/v1/people").status_code == 403
    (event,) = recorded(server, "olive")
    assert counts([event]) == {
        ("POST", "/v1/people", "people.manage", "principal-not-permitted"): 1,
        ("GET", "/v1/people", "people.read", "principal-not-permitted"): 1,
    }
    assert (event.by.via, event.grants[0].role) == (("copilot",), Role.OPS_MANAGER)
    assert event.key_permissions == ("cases.read", "people.manage")


def test_a_failed_authentication_and_a_refusal_by_a_duty_are_not_counted_again(
    server: RunningService,
) -> None:
    waiting = server.service.access_refusals.waiting
    headers = {"Authorization": "Bearer ct_unknown"}
    assert httpx2.get(f"{server.url}/v1/people", headers=headers).status_code == 401
    assert server.service.access_refusals.waiting == waiting


def test_refused_requests_are_listed_by_principal_and_day(
    server: RunningService, ana: httpx2.Client
) -> None:
    names = [f"listed{n}" for n in range(5)]
    for n, name in enumerate(names):
        with add_person(server, name, Role.HANDLER) as client:
            for _ in range(n + 1):
                assert client.get(f"/v1/people/{SECRET}").status_code == 403
            assert client.get("/v1/people").status_code == 403
            recorded(server, name)
            assert client.get("/v1/people").status_code == 403
            recorded(server, name)
    found, address = [], "/v1/audit/refusals?limit=2"
    while True:
        page = ana.get(address)
        assert page.status_code == 200, page.text
        assert SECRET not in page.text
        found += page.json()["items"]
        if page.json()["next"] is None:
            break
        address = page.links["next"]["url"]
    assert [one["position"] for one in found] == sorted({one["position"] for one in found})
    listed = [one for one in found if one["persons"][:1] and one["persons"][0] in names]
    assert [one["persons"] for one in listed] == [[name] for name in names]
    for n, one in enumerate(listed):
        assert (one["count"], one["others"], one["grants"][0]["role"]) == (n + 3, 0, "handler")
        assert one["day"] == f"{datetime.now(UTC):%Y-%m-%d}"
        assert {(kind["route"], kind["count"]) for kind in one["refused"]} == {
            ("/v1/people/{name}", n + 1),
            ("/v1/people", 2),
        }
    (own,) = ana.get("/v1/audit/refusals?person=listed3").json()["items"]
    assert own == listed[3]
    # One person under two names.
    ask = LinkPersonName(other="listed3", reason="One.")
    server.service.desks.people.same_as("listed1", ask, operator_caller(datetime.now(UTC)))
    assert [
        one["persons"] for one in ana.get("/v1/audit/refusals?person=listed3").json()["items"]
    ] == [["listed1"], ["listed3"]]
    assert ana.get("/v1/audit/refusals?person=nobody").status_code == 404
    assert ana.get("/v1/audit/refusals?persn=ana").status_code == 400
    assert ana.get("/v1/audit/refusals?cursor=x").status_code == 400


def test_only_who_reads_people_lists_refused_requests(
    server: RunningService, ana: httpx2.Client, scoped: httpx2.Client
) -> None:
    with add_person(server, "curious", Role.HANDLER) as curious:
        refused = curious.get("/v1/audit/refusals")
    assert (refused.status_code, refused.json()["permission"]) == (403, "people.read")
    assert counts(recorded(server, "curious")) == {
        ("GET", "/v1/audit/refusals", "people.read", "not-permitted"): 1
    }
    assert scoped.get("/v1/audit/refusals").status_code == 403, "their role is for one queue"
    assert ana.get("/v1/audit/refusals").status_code == 200


def test_what_waits_is_recorded_when_the_service_ends(
    databases: Databases, template_database: str
) -> None:
    with databases.new(template_database) as name:
        dsn = databases.dsn(name)
        with run_service(dsn) as running, running.client_as("bo") as bo:
            for _ in range(7):
                assert bo.get("/v1/people").status_code == 403
        with service(dsn, outside_settings(dsn)) as again:
            lines = again.desks.log.read(0, 100_000)
            events = [x.event for x in lines if isinstance(x.event, AccessRefused)]
            assert again.access_refusals.waiting == 0
        assert sum(event.count for event in events) == 7
        assert_log_is_intact(dsn)


def test_more_kinds_are_counted_than_there_are_routes() -> None:
    assert sum(NEEDS in handler.opt for handler in VERSIONED) * 2 < MOST_KINDS
