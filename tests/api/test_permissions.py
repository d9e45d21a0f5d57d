"""Every route names its permission, roles have permissions, and everything else is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from litestar import Litestar
from litestar import get as plain_get
from litestar.handlers import HTTPRouteHandler

from api.app import create_app, require_guarded_routes
from api.http.concurrency import NEEDS, PUBLIC
from api.http.errors import RouteUnguarded
from api.routes import UNVERSIONED, VERSIONED
from domain.people import Role
from domain.permissions import ROLE_PERMISSIONS, Permission, permissions_of, roles_with
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.api.running_service import RunningService

GUARDED = [handler for handler in VERSIONED if NEEDS in handler.opt]


@pytest.fixture(scope="module")
def by_role(server: RunningService) -> Iterator[dict[Role, httpx2.Client]]:
    """One person for each role, with only that role."""
    desks, now = server.service.desks, datetime.now(UTC)
    clients = {}
    for role in Role:
        name = f"only-{role.value.replace('_', '-')}"
        desks.people.add(name, [role], now)
        token = desks.people.issue_token(name, now)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        clients[role] = httpx2.Client(base_url=server.url, headers=headers, timeout=20)
    ProjectionRunner(server.dsn, PROJECTIONS).catch_up(wait=False)
    yield clients
    for client in clients.values():
        client.close()


def asked(client: httpx2.Client, handler: HTTPRouteHandler) -> httpx2.Response:
    """Send a request that the route refuses as invalid or answers with nothing found."""
    path = "/v1" + next(iter(handler.paths))
    for parameter, value in {
        "{case_id:uuid}": str(uuid4()),
        "{delivery:uuid}": str(uuid4()),
        "{adjustment_id:uuid}": str(uuid4()),
        "{queue:str}": "no_such_queue",
        "{order_id:str}": "no-such-order",
        "{digest:str}": "sha256:" + "0" * 64,
        "{view:str}": "no_such_view",
        "{name:str}": "no-such-person",
        "{grant:str}": "g1",
        "{review:str}": "r1",
        "{version:int}": "1",
        "{position:int}": "1",
        "{break_glass:uuid}": str(uuid4()),
    }.items():
        path = path.replace(parameter, value)
    method = "GET" if "GET" in handler.http_methods else "POST"
    return client.request(method, path, content=b"[" if method == "POST" else b"")


@pytest.mark.parametrize("role", list(Role))
def test_each_route_admits_only_roles_with_its_permission(
    by_role: dict[Role, httpx2.Client], role: Role
) -> None:
    let_in = {h.handler_name for h in GUARDED if asked(by_role[role], h).status_code != 403}
    may = {h.handler_name for h in GUARDED if h.opt[NEEDS] in ROLE_PERMISSIONS[role]}
    assert let_in == may


def test_each_role_has_its_permissions() -> None:
    sends = {role for role in Role if Permission.SEND_SIGNALS in ROLE_PERMISSIONS[role]}
    works = {role for role in Role if Permission.WORK_CASES in ROLE_PERMISSIONS[role]}
    leads = {role for role in Role if Permission.MANAGE_BACKLOG in ROLE_PERMISSIONS[role]}
    assert sends == {Role.INTEGRATOR}
    assert works == {Role.HANDLER, Role.EXCEPTION_SPECIALIST, Role.TEAM_LEAD, Role.OPS_MANAGER}
    assert leads == {Role.TEAM_LEAD, Role.OPS_MANAGER}
    changes = {Permission.SEND_SIGNALS, Permission.WORK_CASES, Permission.MANAGE_BACKLOG}
    assert not changes & ROLE_PERMISSIONS[Role.AUDITOR]
    assert ROLE_PERMISSIONS.keys() == set(Role)
    assert permissions_of([]) == frozenset()
    assert permissions_of([Role.HANDLER, Role.INTEGRATOR]) >= {
        Permission.WORK_CASES,
        Permission.SEND_SIGNALS,
    }


def test_a_refusal_names_the_permission_and_the_roles_that_have_it(
    by_role: dict[Role, httpx2.Client],
) -> None:
    refused = by_role[Role.AUDITOR].post("/v1/queues/refund_validation/claim-next")
    told = refused.json()
    assert (refused.status_code, told["type"]) == (403, "/problems/not-permitted")
    assert told["permission"] == "cases.work"
    assert set(told["roles"]) == set(roles_with(Permission.WORK_CASES))
    assert told["detail"] == (
        "only-auditor has no role with the permission cases.work; these roles have it: "
        "handler, exception_specialist, team_lead, ops_manager"
    )


def test_me_returns_the_person_and_their_permissions(by_role: dict[Role, httpx2.Client]) -> None:
    for role, client in by_role.items():
        me = client.get("/v1/me").json()
        assert me["roles"] == [role]
        assert me["person"] == f"only-{role.value.replace('_', '-')}"
        assert me["principal"].startswith("key:")
        assert set(me["permissions"]) == set(ROLE_PERMISSIONS[role])
        assert [(grant["role"], grant["lives"]) for grant in me["grants"]] == [(role, True)]


def test_only_public_routes_are_open_without_a_token(server: RunningService) -> None:
    with server.client_as(None) as nobody:
        assert {asked(nobody, handler).status_code for handler in GUARDED} == {401}
    open_to_all = {h.handler_name for h in (*VERSIONED, *UNVERSIONED) if h.opt.get(PUBLIC)}
    assert open_to_all == {"livez", "readyz", "explain_problem", "take_webhook"}


def test_a_route_without_a_permission_stops_the_start(server: RunningService) -> None:
    @plain_get("/open", sync_to_thread=False)
    def forgotten() -> dict[str, Any]:
        return {}

    @plain_get("/wrong", sync_to_thread=False, opt={NEEDS: "anything"})
    def misspelt() -> dict[str, Any]:
        return {}

    for handler in (forgotten, misspelt):
        with pytest.raises(RouteUnguarded, match=handler.handler_name):
            require_guarded_routes(Litestar([handler]))
    create_app(server.service)
