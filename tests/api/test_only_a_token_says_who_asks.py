"""Authentication: a bearer token of ours, and nothing else, says who asks."""

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
from tests.api.running import House
from tests.api.told import cancelled, opened, order_id

# What may be read without a token: health, the meaning of problems, and the pages.
PUBLIC = {"/livez", "/readyz", "/problems/{name:str}", "/", "/docs", "/openapi.json"}
UNKNOWN = "ct_" + "A" * 43


def token_of(ours: House, name: str, **validity: float) -> str:
    with desks(ours.dsn) as working:
        until = datetime.now(UTC) + timedelta(**validity) if validity else None
        token = working.people.issue_token(name, datetime.now(UTC), until)
        ours.service.positions.wait("people", working.log.head(), 5)
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
def test_whoever_brings_no_token_of_ours_is_refused(ours: House, wrong: str) -> None:
    token = ours.tokens["ana"]
    told = wrong.format(token=token, upper=token.upper(), digest=token_digest(token))
    with ours.asking_as(None) as nobody:
        headers = [(b"Authorization", told.encode("latin-1"))] if wrong else []
        refused(nobody.get("/v1/queues", headers=headers))
        refused(nobody.post("/v1/signals", json=cancelled(order_id()), headers=headers))


def test_the_scheme_is_read_in_any_case(ours: House) -> None:
    with ours.asking_as(None) as nobody:
        for scheme in ("bearer", "BEARER"):
            headers = {"Authorization": f"{scheme} {ours.tokens['ana']}"}
            assert nobody.get("/v1/queues", headers=headers).status_code == 200


def test_a_token_in_another_place_says_nothing(ours: House) -> None:
    token = ours.tokens["ana"]
    with ours.asking_as(None) as nobody:
        refused(nobody.get(f"/v1/queues?access_token={token}&token={token}"))
        refused(nobody.get("/v1/queues", headers={"Cookie": f"token={token}; session={token}"}))
        refused(nobody.get("/v1/queues", headers={"X-Api-Key": token}))


def test_a_token_ends_when_it_expires_also_for_one_who_was_just_let_in(ours: House) -> None:
    expired, short = token_of(ours, "ana", seconds=-1), token_of(ours, "ana", seconds=2.5)
    with ours.asking_as(None) as nobody:
        refused(nobody.get("/v1/queues", headers={"Authorization": f"Bearer {expired}"}))
        headers = {"Authorization": f"Bearer {short}"}
        assert nobody.get("/v1/queues", headers=headers).status_code == 200
        until = datetime.now(UTC) + timedelta(seconds=8)
        while (answer := nobody.get("/v1/queues", headers=headers)).status_code == 200:
            assert datetime.now(UTC) < until, "the token outlived its end"
        refused(answer)


def test_all_tokens_of_a_person_are_good_beside_each_other(ours: House) -> None:
    with ours.asking_as(None) as nobody:
        for token in (ours.tokens["bo"], token_of(ours, "bo"), token_of(ours, "bo", days=1)):
            headers = {"Authorization": f"Bearer {token}"}
            assert nobody.get("/v1/queues", headers=headers).status_code == 200


def test_a_token_is_kept_only_as_its_digest(ours: House) -> None:
    with psycopg.connect(ours.dsn) as connection:
        for token in ours.tokens.values():
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


def test_the_actor_in_the_trail_is_the_tokens_person_and_nobody_else(
    ours: House, ana: httpx2.Client
) -> None:
    claims_to_be_bo = {
        "X-User": "bo",
        "X-Forwarded-User": "bo",
        "Remote-User": "bo",
        "From": "bo@example.com",
        "Casetrail-Actor": "bo",
    }
    case = opened(ana)
    headers = {"If-Match": '"3"', **claims_to_be_bo}
    answer = ana.post(f"/v1/cases/{case}/claim?person=bo&actor=bo", headers=headers)
    assert answer.json()["owner"] == "ana"
    claimed = ana.get(f"/v1/cases/{case}/trail").json()["lines"][-1]
    assert claimed["actor"]["person"] == "ana"
    assert claimed["actor"]["principal"].startswith("key:")
    assert claimed["event"]["person"] == "ana"


def test_a_body_cannot_name_the_actor(ana: httpx2.Client) -> None:
    told = cancelled(order_id())
    for name in ("actor", "person", "recorded_at"):
        assert ana.post("/v1/signals", json={**told, name: "bo"}).status_code == 422


def test_what_policy_concludes_is_not_put_down_to_whoever_sent_the_signal(
    shop: httpx2.Client,
) -> None:
    lines = shop.get(f"/v1/cases/{opened(shop)}/trail").json()["lines"]
    assert {line["actor"]["principal"] for line in lines} == {"system:policy"}
    order = lines[0]["order"]
    recorded = shop.get(f"/v1/orders/{order}/timeline").json()["lines"][0]
    assert recorded["actor"]["person"] == "shop"


def test_the_key_in_the_trail_is_that_of_the_token(ours: House) -> None:
    second = token_of(ours, "bo")
    with ours.asking_as("bo") as bo:
        bo.headers["Authorization"] = f"Bearer {second}"
        order = order_id()
        bo.post("/v1/signals", json=cancelled(order))
        (line,) = bo.get(f"/v1/orders/{order}/timeline").json()["lines"]
        assert line["actor"] == {"principal": f"key:{token_digest(second)[:12]}", "person": "bo"}


def test_only_what_is_meant_to_be_public_is_public(ours: House) -> None:
    app = create_app(ours.service)
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
    with ours.asking_as(None) as nobody:
        for route in routes:
            address = route.path_format.format(
                **dict.fromkeys(route.path_parameters, "00000000-0000-0000-0000-000000000000")
            )
            for method in route.methods - {"OPTIONS"}:
                answer = nobody.request(method, address)
                if route.path_format in opted_out:
                    assert answer.status_code != 401, address
                else:
                    refused(answer)


def test_a_person_who_is_added_is_let_in_within_a_moment(ours: House) -> None:
    with desks(ours.dsn) as working:
        working.people.add("newcomer", [Role.HANDLER], datetime.now(UTC))
        token = working.people.issue_token("newcomer", datetime.now(UTC))
    ProjectionRunner(ours.dsn, PROJECTIONS).catch_up(wait=False)
    until = datetime.now(UTC) + timedelta(seconds=5)
    with ours.asking_as(None) as nobody:
        headers = {"Authorization": f"Bearer {token}"}
        while nobody.get("/v1/queues", headers=headers).status_code != 200:
            assert datetime.now(UTC) < until
