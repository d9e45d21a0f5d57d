"""Authentication: only a valid bearer token identifies the caller."""

from datetime import UTC, datetime, timedelta

import httpx2
import psycopg
import pytest
from litestar.routes import HTTPRoute

from api.app import create_app
from api.composition import desks
from application.people.people_desk import token_digest
from domain.people import Role
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.api.running_service import RunningService
from tests.api.signals import cancelled, open_case, order_id

# Open without a token: health, problem types, and the pages.
PUBLIC = {"/livez", "/readyz", "/problems/{name:str}", "/", "/docs", "/openapi.json"}
PUBLIC |= {"/v1/sources/{source:str}/webhook"}  # open by its signature
UNKNOWN = "ct_" + "A" * 43


def token_of(server: RunningService, name: str, **validity: float) -> str:
    with desks(server.dsn) as working:
        until = datetime.now(UTC) + timedelta(**validity) if validity else None
        token = working.people.issue_token(name, datetime.now(UTC), until)
        server.service.positions.wait("people", working.log.head(), 5)
    return token


def refused(answer: httpx2.Response) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json()["type"] == "/problems/not-authenticated"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "Bearer",
        f"Bearer {UNKNOWN}",
        f"Basic {UNKNOWN}",
        "Basic YW5hOmFuYQ==",
        "{token}",
        "Token {token}",
        "Bearer:{token}",
        "Bearer {token}x",
        "Bearer x{token}",
        "Bearer {upper}",
        "Bearer ct_",
        "Bearer ct_\xff\xfe",
        "Bearer ct_' OR '1'='1",
        "Bearer ct_%",
        "Bearer {token} {token}",
        "Bearer {digest}",
        "Bearer ct_{digest}",
    ],
)
def test_a_request_without_a_valid_token_is_refused(server: RunningService, wrong: str) -> None:
    token = server.tokens["ana"]
    told = wrong.format(token=token, upper=token.upper(), digest=token_digest(token))
    with server.client_as(None) as nobody:
        headers = [(b"Authorization", told.encode("latin-1"))] if wrong else []
        refused(nobody.get("/v1/queues", headers=headers))
        refused(nobody.post("/v1/signals", json=cancelled(order_id()), headers=headers))


def test_the_scheme_is_case_insensitive(server: RunningService) -> None:
    with server.client_as(None) as nobody:
        for scheme in ("bearer", "BEARER"):
            headers = {"Authorization": f"{scheme} {server.tokens['ana']}"}
            assert nobody.get("/v1/queues", headers=headers).status_code == 200


def test_a_token_outside_the_header_is_ignored(server: RunningService) -> None:
    token = server.tokens["ana"]
    with server.client_as(None) as nobody:
        refused(nobody.get(f"/v1/queues?access_token={token}&token={token}"))
        refused(nobody.get("/v1/queues", headers={"Cookie": f"token={token}; session={token}"}))
        refused(nobody.get("/v1/queues", headers={"X-Api-Key": token}))


def test_an_expired_token_is_refused_even_if_it_was_cached(server: RunningService) -> None:
    expired, short = token_of(server, "ana", seconds=-1), token_of(server, "ana", seconds=2.5)
    with server.client_as(None) as nobody:
        refused(nobody.get("/v1/queues", headers={"Authorization": f"Bearer {expired}"}))
        headers = {"Authorization": f"Bearer {short}"}
        assert nobody.get("/v1/queues", headers=headers).status_code == 200
        until = datetime.now(UTC) + timedelta(seconds=8)
        while (answer := nobody.get("/v1/queues", headers=headers)).status_code == 200:
            assert datetime.now(UTC) < until, "the token outlived its end"
        refused(answer)


def test_a_person_can_have_several_tokens(server: RunningService) -> None:
    with server.client_as(None) as nobody:
        for token in (server.tokens["bo"], token_of(server, "bo"), token_of(server, "bo", days=1)):
            headers = {"Authorization": f"Bearer {token}"}
            assert nobody.get("/v1/queues", headers=headers).status_code == 200


def test_only_the_digest_of_a_token_is_stored(server: RunningService) -> None:
    with psycopg.connect(server.dsn) as connection:
        for token in server.tokens.values():
            secret = token.removeprefix("ct_").encode()
            found = connection.execute(
                "SELECT count(*) FROM stored_events WHERE position(%s in state) > 0", (secret,)
            ).fetchone()
            assert found == (0,)
            found = connection.execute(
                "SELECT count(*) FROM views.people p WHERE p::text LIKE %s",
                (f"%{secret.decode()}%",),
            ).fetchone()
            assert found == (0,)


def test_the_actor_in_the_trail_is_the_person_of_the_token(
    server: RunningService, ana: httpx2.Client
) -> None:
    claims_to_be_bo = {
        "X-User": "bo",
        "X-Forwarded-User": "bo",
        "Remote-User": "bo",
        "From": "bo@example.com",
        "Casetrail-Actor": "bo",
    }
    case = open_case(ana)
    headers = {"If-Match": '"3"', **claims_to_be_bo}
    address = f"/v1/cases/{case}/claim"
    assert ana.post(f"{address}?person=bo&actor=bo", headers=headers).status_code == 400
    answer = ana.post(address, headers=headers)
    assert answer.json()["owner"] == "ana"
    claimed = ana.get(f"/v1/cases/{case}/trail").json()["lines"][-1]
    assert claimed["actor"]["person"] == "ana"
    assert claimed["actor"]["principal"].startswith("key:")
    assert claimed["event"]["person"] == "ana"


def test_a_body_cannot_name_the_actor(ana: httpx2.Client) -> None:
    told = cancelled(order_id())
    for name in ("actor", "person", "recorded_at"):
        assert ana.post("/v1/signals", json={**told, name: "bo"}).status_code == 422


def test_conclusions_of_policy_are_not_attributed_to_the_sender_of_the_signal(
    shop: httpx2.Client,
) -> None:
    lines = shop.get(f"/v1/cases/{open_case(shop)}/trail").json()["lines"]
    assert {line["actor"]["principal"] for line in lines} == {"system:policy"}
    order = lines[0]["order"]
    recorded = shop.get(f"/v1/orders/{order}/timeline").json()["lines"][0]
    assert recorded["actor"]["person"] == "shop"


def test_the_trail_names_the_key_of_the_token(server: RunningService) -> None:
    second = token_of(server, "bo")
    with server.client_as("bo") as bo:
        bo.headers["Authorization"] = f"Bearer {second}"
        order = order_id()
        bo.post("/v1/signals", json=cancelled(order))
        (line,) = bo.get(f"/v1/orders/{order}/timeline").json()["lines"]
        assert line["actor"] == {"principal": f"key:{token_digest(second)[:12]}", "person": "bo"}


def test_only_the_public_pages_need_no_token(server: RunningService) -> None:
    app = create_app(server.service)
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    opted_out = {
        route.path_format
        for route in routes
        for handler in route.route_handlers
        if handler.opt.get("public")
    }
    assert {path for path in opted_out if not path.startswith("/console")} == {
        path.replace(":str", "") for path in PUBLIC
    }
    with server.client_as(None) as nobody:
        for route in routes:
            address = route.path_format.format(
                **{
                    name: "1" if parameter.type is int else "00000000-0000-0000-0000-000000000000"
                    for name, parameter in route.path_parameters.items()
                }
            )
            for method in route.methods - {"OPTIONS"}:
                answer = nobody.request(method, address)
                if route.path_format in opted_out:
                    assert answer.status_code != 401, address
                else:
                    refused(answer)


def test_a_new_person_is_admitted_within_a_moment(server: RunningService) -> None:
    with desks(server.dsn) as working:
        working.people.add("newcomer", [Role.HANDLER], datetime.now(UTC))
        token = working.people.issue_token("newcomer", datetime.now(UTC))
    ProjectionRunner(server.dsn, PROJECTIONS).catch_up(wait=False)
    until = datetime.now(UTC) + timedelta(seconds=5)
    with server.client_as(None) as nobody:
        headers = {"Authorization": f"Bearer {token}"}
        while nobody.get("/v1/queues", headers=headers).status_code != 200:
            assert datetime.now(UTC) < until
