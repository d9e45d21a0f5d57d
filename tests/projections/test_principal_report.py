"""A row for each key, login, agent and delegation: person, scope, start and end."""

from __future__ import annotations

from application.log import streams
from application.people.people_desk import PeopleDesk, token_digest
from domain.people import Role, token_stream
from domain.principals import agent_stream, delegation_stream, login_name, login_stream
from projections.principals import PRINCIPALS, PrincipalRow
from tests.application.in_memory_service import InMemoryService
from tests.domain.signals import after, unavailable
from tests.projections.folding import act_for_others, rows_of

ISSUER = "https://id.example"


def rows(service: InMemoryService) -> dict[object, PrincipalRow]:
    return rows_of(PRINCIPALS, service.lines())


def test_every_key_login_agent_and_delegation_has_a_row_with_its_end() -> None:
    service = InMemoryService()
    people = PeopleDesk(service.log, streams.people(service.log))
    people.add("ana", [Role.HANDLER], after(0))
    act_for_others(service)
    service.take(unavailable(), at=after(4))
    found = rows(service)
    assert len(found) == 5
    assert {row.person for row in found.values()} == {"ana"}

    agent = found[agent_stream("triage")]
    assert (agent.kind, agent.principal, agent.since) == ("agent", "triage", after(1))
    assert (agent.ended_at, agent.reason) == (after(2), "Replaced.")

    lasting = found[login_stream(ISSUER, "a-1")]
    assert (lasting.kind, lasting.issuer, lasting.subject) == ("login", ISSUER, "a-1")
    assert (lasting.principal, lasting.agent) == (login_name(ISSUER, "a-1"), None)
    assert lasting.ended_at is None
    assert found[login_stream(ISSUER, "t-1")].agent == "triage"
    assert found[login_stream(ISSUER, "t-1")].ended_at == after(2)

    delegate = found[delegation_stream("ana", "bo")]
    assert (delegate.kind, delegate.principal) == ("delegate", "bo")
    assert (delegate.until, delegate.ended_at) == (after(48), after(2))

    (key,) = [row for row in found.values() if row.kind == "key"]
    assert (key.agent, key.until, key.ended_at) == ("triage", after(24), after(2))
    assert (key.permissions, key.queues, key.regions) == (
        ["cases.read"],
        ["payment_hold_review"],
        ["BR"],
    )


def test_an_unrestricted_key_says_so_and_is_found_by_its_stream() -> None:
    service = InMemoryService()
    people = PeopleDesk(service.log, streams.people(service.log))
    people.add("ana", [Role.HANDLER], after(0))
    token = people.issue_token("ana", after(1))
    (row,) = rows(service).values()
    assert row.stream == token_stream(token_digest(token))
    assert row.principal == f"key:{token_digest(token)[:12]}"
    assert (row.permissions, row.queues, row.regions, row.until) == (None, None, None, None)
