"""casetrail people: scoped keys, their list and revocation; logins, agents and delegates."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.api.issuer_server import SigningKey, actor_chain, serve_issuer
from tests.api.running_service import run_reports, serve
from tests.cli.conftest import Casetrail, CompletedCommand


def ran(casetrail: Casetrail, *words: object) -> str:
    done: CompletedCommand = casetrail("people", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(casetrail: Casetrail, *words: object) -> str:
    done: CompletedCommand = casetrail("people", *words)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def listed(casetrail: Casetrail, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(ran(casetrail, "tokens", name, "--json"))
    return rows


@pytest.fixture
def people(casetrail: Casetrail, database: str) -> None:
    for name in ("ana", "bo"):
        casetrail("people", "add", name, "--role", "handler")  # the first test adds them


def test_a_key_is_issued_listed_and_revoked(
    people: None, casetrail: Casetrail, database: str
) -> None:
    ran(casetrail, "agent", "ana", "triage")
    narrow = ("--permission", "cases.read", "--queue", "payment_hold_review", "--region", "BR")
    token = ran(casetrail, "token", "ana", "--agent", "triage", *narrow, "--expires-in", "30d")
    (row,) = [row for row in listed(casetrail, "ana") if row["kind"] == "key"]
    assert (row["person"], row["agent"]) == ("ana", "triage")
    assert (row["permissions"], row["queues"], row["regions"]) == (
        ["cases.read"],
        ["payment_hold_review"],
        ["BR"],
    )
    until = datetime.fromisoformat(row["until"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < until <= timedelta(days=30)
    assert row["ended_at"] is None
    table = ran(casetrail, "tokens", "ana")
    assert row["principal"] in table
    assert token not in table
    assert token not in json.dumps(row)
    headers = {"Authorization": f"Bearer {token}"}
    with serve(database) as (url, _):
        me = httpx2.get(f"{url}/v1/me", headers=headers).json()
        assert (me["principal"], me["agents"]) == (row["principal"], ["triage"])
    assert "ana" in ran(casetrail, "revoke", row["principal"], "--reason", "Found in a chat.")
    ran(casetrail, "revoke", row["principal"].removeprefix("key:"), "--reason", "Once more.")
    (row,) = [row for row in listed(casetrail, "ana") if row["kind"] == "key"]
    assert (row["reason"], row["ended_at"] is None) == ("Found in a chat.", False)
    with serve(database) as (url, _):
        assert httpx2.get(f"{url}/v1/me", headers=headers).status_code == 401


def test_a_key_is_revoked_while_a_worker_runs(
    people: None, casetrail: Casetrail, database: str
) -> None:
    with serve(database) as (url, service), run_reports(database):
        token = ran(casetrail, "token", "bo")
        headers = {"Authorization": f"Bearer {token}"}
        service.positions.wait("principals", service.desks.log.head(), 5)
        principal = httpx2.get(f"{url}/v1/me", headers=headers).json()["principal"]
        ran(casetrail, "revoke", principal, "--reason", "A test.")
        assert [row["principal"] for row in listed(casetrail, "bo") if row["ended_at"]] == [
            principal
        ]


def test_logins_and_delegates_take_effect_at_once(
    people: None, casetrail: Casetrail, database: str
) -> None:
    with serve_issuer(SigningKey("ES256", "1")) as issuer:
        for name in ("ana", "bo"):
            ran(casetrail, "link", name, "--issuer", issuer.name, "--subject", f"{name}-1")
        until = datetime.now(UTC) + timedelta(days=2)
        ran(casetrail, "delegate", "ana", "bo", "--until", until.isoformat(), "--reason", "Away.")
        acted = issuer.token("ana-1", act=actor_chain("bo-1"))
        with serve(database, issuers=[issuer.issuer()]) as (url, _):

            def ask() -> httpx2.Response:
                return httpx2.get(f"{url}/v1/me", headers={"Authorization": f"Bearer {acted}"})

            assert ask().json()["delegate"] == "bo"
        assert {row["kind"] for row in listed(casetrail, "ana")} >= {"login", "delegate"}
        ran(casetrail, "end-delegation", "ana", "bo", "--reason", "Back.")
        with serve(database, issuers=[issuer.issuer()]) as (url, _):
            assert ask().status_code == 403
        ran(casetrail, "unlink", "--issuer", issuer.name, "--subject", "ana-1", "--reason", "Left.")
        ended = {row["reason"] for row in listed(casetrail, "ana") if row["ended_at"]}
        assert {"Back.", "Left."} <= ended


def test_errors_are_plain(people: None, casetrail: Casetrail) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    ran(casetrail, "agent", "bo", "bos")
    for words, said in (
        (("token", "nobody"), "nobody"),
        (("token", "ana", "--agent", "bos"), "bos"),
        (("token", "ana", "--permission", "everything"), "everything"),
        (("token", "ana", "--queue", "Not A Queue"), "queues"),
        (("token", "ana", "--expires-in", "soon"), "span"),
        (("token", "ana", "--expires-in", "30"), "write a number with m, h or d, for example 90m"),
        (("token", "ana", "--expires-in", "99999d"), "span"),
        (("revoke", "key:000000000000", "--reason", "x"), "No key key:000000000000. List keys"),
        (("revoke", "key:000000000000"), "--reason"),
        (("agent", "ana", "bos"), "already"),
        (("agent", "ana", "No Name"), "name"),
        (("retire", "nothing", "--reason", "x"), "nothing"),
        (("link", "nobody", "--issuer", "https://x", "--subject", "1"), "nobody"),
        (("link", "ana", "--issuer", "https://x", "--subject", "a\nb"), "subject"),
        (("unlink", "--issuer", "https://x", "--subject", "2", "--reason", "x"), "nobody"),
        (("delegate", "ana", "bo", "--until", "2020-01-01", "--reason", "x"), "future"),
        (("delegate", "ana", "ana", "--until", soon, "--reason", "x"), "must be another person"),
        (("delegate", "ana", "bo", "--until", "tomorrow", "--reason", "x"), "time"),
        (("end-delegation", "bo", "ana", "--reason", "x"), "ana"),
    ):
        assert said in refused(casetrail, *words), words
