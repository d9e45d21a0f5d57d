"""The row of a person has the roles and the token digests, each with its end."""

from __future__ import annotations

from application.log import streams
from application.people.people_desk import PeopleDesk, token_digest
from domain.people import Role, person_stream
from projections.people import PEOPLE
from tests.application.in_memory_service import InMemoryService
from tests.domain.signals import after, unavailable
from tests.projections.folding import rows_of


def test_a_person_has_roles_and_token_digests_only() -> None:
    service = InMemoryService()
    desk = PeopleDesk(service.log, streams.people(service.log))
    desk.add("ana", [Role.HANDLER, Role.AUDITOR], after(0))
    desk.add("bo", [], after(1))
    lasting = desk.issue_token("ana", after(2))
    ending = desk.issue_token("ana", after(3), expires_at=after(24))
    service.take(unavailable(), at=after(4))

    rows = rows_of(PEOPLE, service.lines())

    assert rows.keys() == {person_stream("ana"), person_stream("bo")}
    ana = rows[person_stream("ana")]
    assert (ana.name, ana.grants, ana.added_at) == (
        "ana",
        {"g1": ["handler", None], "g2": ["auditor", None]},
        after(0),
    )
    assert ana.tokens == {token_digest(lasting): None, token_digest(ending): after(24).isoformat()}
    assert rows[person_stream("bo")].tokens == {}
