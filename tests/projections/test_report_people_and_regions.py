"""Rows have the fields that lists filter by: regions, active grants, reviews due."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec import structs

from domain.break_glass import BreakGlassStage
from domain.cases.evidence import Evidence, EvidenceType
from domain.orders.purchase_signals import Address
from domain.people import person_stream
from domain.recorded_event import RecordedEvent
from projections.attachments import ATTACHMENTS
from projections.break_glass import BREAK_GLASS
from projections.cases import CASES
from projections.orders import ORDERS
from projections.people import PEOPLE
from projections.queue import QUEUE
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.signals import ORDER, after, placed, unavailable
from tests.projections.folding import eventful_service, rows_of

SAO_PAULO = Address(country_code="BR", country_area="SP")


@pytest.fixture(scope="module")
def lines() -> list[RecordedEvent]:
    return eventful_service().lines()


def test_the_order_and_its_cases_have_the_region() -> None:
    service = InMemoryService()
    service.take(structs.replace(placed(), ship_to=SAO_PAULO), unavailable(2), at=after(3))
    case = service.only_case("stock_unavailable")
    assert case.region == "BR-SP"
    assert rows_of(ORDERS, service.lines())[ORDER].region == "BR-SP"
    for report in (CASES, QUEUE):
        assert rows_of(report, service.lines())[case.id].region == "BR-SP"


def test_an_unknown_region_is_null() -> None:
    service = InMemoryService()
    service.take(placed(), unavailable(2), at=after(3))
    assert service.only_case("stock_unavailable").region is None
    assert rows_of(ORDERS, service.lines())[ORDER].region is None


def test_a_grant_is_listed_until_it_is_revoked_and_break_glass_is_not_listed(
    lines: list[RecordedEvent],
) -> None:
    def mia(until: str, times: int = 1) -> dict[str, list[str | None]]:
        events = [line for line in lines if line.stream == person_stream("mia")]
        ends = [n for n, line in enumerate(events) if line.type == until][times - 1]
        grants: dict[str, list[str | None]] = rows_of(PEOPLE, events[: ends + 1])[
            person_stream("mia")
        ].grants
        return grants

    lent, lasting = ["team_lead", after(24).isoformat()], ["handler", None]
    assert mia("person.granted") == {"g1": lent}
    assert mia("person.granted", 2) == {"g1": lent, "g2": lasting}
    reviews = {"g3": ["qa_analyst", None]}
    assert mia("person.grant_proposed") == {"g1": lent, "g2": lasting}
    assert mia("person.grant_confirmed") == {"g1": lent, "g2": lasting, **reviews}
    assert mia("person.grant_revoked") == {"g2": lasting, **reviews}
    # All of them take two people, so they wait for a confirmation after a return.
    assert mia("person.returned") == {}
    assert mia("person.granted", 3) == {}


def test_grants_that_wait_for_a_confirmation_are_listed_apart(lines: list[RecordedEvent]) -> None:
    row = rows_of(PEOPLE, lines)[person_stream("mia")]
    assert row.proposed == {"g2": ["handler", None], "g3": ["qa_analyst", None]}


def test_a_person_who_left_is_listed_as_left(lines: list[RecordedEvent]) -> None:
    gone = next(line for line in lines if line.type == "person.left")
    until = [line for line in lines if line.position <= gone.position]
    assert rows_of(PEOPLE, until)[gone.stream].left_at == gone.recorded_at
    assert rows_of(PEOPLE, lines)[person_stream("mia")].left_at is None


def test_a_break_glass_is_due_for_review_after_its_end(lines: list[RecordedEvent]) -> None:
    glass_events = [line for line in lines if line.type.startswith("break_glass.")]
    glass = glass_events[0].stream
    stages = [rows_of(BREAK_GLASS, glass_events[: n + 1])[glass].stage for n in range(4)]
    assert stages == [
        BreakGlassStage.ASKED,
        BreakGlassStage.OPEN,
        BreakGlassStage.REVIEW_DUE,
        BreakGlassStage.REVIEWED,
    ]
    row = rows_of(BREAK_GLASS, glass_events)[glass]
    assert (row.asked_by, row.opened_by, row.reviewed_by) == ("mia", "head", "ana")
    (other,) = rows_of(BREAK_GLASS, glass_events).keys() - {glass}
    assert isinstance(other, UUID)
    assert rows_of(BREAK_GLASS, glass_events)[other].stage == BreakGlassStage.LAPSED


def test_attached_evidence_is_listed_once_with_its_case() -> None:
    service = InMemoryService()
    service.take(placed(), unavailable(2), at=after(3))
    case = service.only_case("stock_unavailable")
    proof = Evidence(ref="dhl/pod-1", type=EvidenceType.SHIPPING_DOCUMENTATION)
    for hour in (4, 5):
        case = service.desk.attach(case.id, case.version, proof, caller("ana", after(hour))).case
    (row,) = rows_of(ATTACHMENTS, service.lines()).values()
    assert (row.case_id, row.ref, row.attached_at) == (case.id, "dhl/pod-1", after(4))
