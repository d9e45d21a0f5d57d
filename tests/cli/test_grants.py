"""casetrail people grant | revoke-grant | leave | return | same-as | list | review: without a service."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import Casetrail

QUEUE = "refund_validation"


@pytest.fixture(scope="module")
def start_time() -> datetime:
    return datetime.now(UTC)


def done(casetrail: Casetrail, *words: object) -> str:
    ran = casetrail("people", *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_roles_are_granted_revoked_and_listed_as_of_any_time(
    casetrail: Casetrail, start_time: datetime
) -> None:
    done(casetrail, "add", "olga", "--role", "ops_manager")
    done(casetrail, "add", "mia", "--role", "auditor")
    done(casetrail, "add", "mia2", "--role", "auditor")
    scope = ("--queue", QUEUE, "--region", "BR", "--until", "2999-01-01")
    told = done(
        casetrail, "grant", "mia", "--role", "finance_approver", *scope, "--reason", "She pays."
    )
    assert told.splitlines() == [
        "mia has grant g2: finance_approver",
        "It is listed as unconfirmed until another person runs: casetrail people confirm mia g2",
    ]
    then = datetime.now(UTC)
    done(casetrail, "revoke-grant", "mia", "g1", "--reason", "Not any more.")
    told = done(casetrail, "same-as", "mia", "mia2", "--reason", "She said so.")
    assert told == "one person: mia, mia2\n"
    done(casetrail, "leave", "mia2", "--reason", "Her last day.")
    done(casetrail, "return", "mia", "--reason", "She is back.")

    now = json.loads(done(casetrail, "review", "--json"))
    assert [(x["person"], x["grant"]["grant"], x["grant"]["lives"]) for x in now] == [
        ("mia", "g1", False),
        ("mia", "g2", True),
        ("mia2", "g1", False),
        ("olga", "g1", True),
    ]
    given = now[1]["grant"]
    assert (given["queues"], given["regions"], given["reason"], given["granted_by"]) == (
        [QUEUE],
        ["BR"],
        "She pays.",
        "system:operator",
    )
    before = json.loads(done(casetrail, "review", "--json", "--at", then.isoformat()))
    assert [x["grant"]["lives"] for x in before] == [True] * 4
    assert json.loads(done(casetrail, "review", "--json", "--at", start_time.isoformat())) == []
    people = json.loads(done(casetrail, "list", "--json"))
    assert [(p["name"], p["roles"], p["known_as"]) for p in people] == [
        ("mia", ["finance_approver"], ["mia", "mia2"]),
        ("mia2", [], ["mia", "mia2"]),
        ("olga", ["ops_manager"], ["olga"]),
    ]
    for table in (done(casetrail, "review"), done(casetrail, "list")):
        assert "olga" in table
    assert "She pays." in done(casetrail, "review")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["grant", "nobody", "--role", "handler", "--reason", "x"], "nobody"),
        (["grant", "olga", "--role", "handler"], "--reason"),
        (["grant", "olga", "--role", "handler", "--reason", ""], "/reason"),
        (["grant", "olga", "--role", "handler", "--reason", "x", "--queue", "no"], "/queues/0"),
        (["grant", "olga", "--role", "handler", "--reason", "x", "--region", "X"], "/regions/0"),
        (
            ["grant", "olga", "--role", "handler", "--reason", "x", "--until", "soon"],
            "not a time such as",
        ),
        (["revoke-grant", "olga", "g9", "--reason", "x"], "g9"),
        (["return", "olga", "--reason", "x"], "olga"),
        (["review", "--at", "yesterday"], "--at"),
    ],
)
def test_errors_are_plain(casetrail: Casetrail, words: list[str], told: str) -> None:
    ran = casetrail("people", *words)
    assert ran.returncode == 2, ran.stdout
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr
