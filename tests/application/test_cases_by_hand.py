"""A case that a person opens is the case of its problem: rules, signals and other people join it."""

from __future__ import annotations

import pytest

from domain.cases.errors import ProblemHasCase
from domain.cases.exception_case import case_stream
from domain.cases.work_commands import OpenCase
from domain.errors import Invalid
from domain.orders.scan_status import IncidentReason
from domain.people import Actor
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.exception_signals import scan
from tests.domain.policies import small_policy
from tests.domain.signals import ORDER, after, delivered, handed_over, line, placed

LOST = {"rule": "parcel-lost", "each": "parcel", "when": {"fact": "part.lost_open", "is": True}}
ARRIVED = {"fact": "part.delivered_at", "known": True}
ASK = OpenCase(order=ORDER, kind="trouble", note="She has not got it.")


def policy() -> Rulebook:
    return small_policy(detect=[LOST], cleared_when=ARRIVED)


def two_parcels(*more: object) -> InMemoryService:
    service = InMemoryService(policy())
    service.take(
        placed(lines=(line(id="1", quantity=2),)),
        handed_over(20, id="h1", shipment="P1"),
        handed_over(21, id="h2", shipment="P2"),
        *more,  # type: ignore[arg-type]
        at=after(70),
    )
    return service


def lost(shipment: str, hours: float) -> object:
    return scan(
        hours,
        "error",
        id=f"lost-{shipment}-{hours}",
        incident=IncidentReason.CARRIER_PARCEL_LOST,
        shipment=shipment,
    )


def open_for(service: InMemoryService, *parts: str, by: str = "ana", at: float = 71):
    ask = OpenCase(order=ORDER, kind="trouble", note="She has not got it.", parts=parts)
    return service.desk.open(ask, caller(by, after(at))).case


def test_the_case_is_one_of_its_order_under_the_id_that_a_rule_would_give_it() -> None:
    service = two_parcels()
    case = open_for(service, "parcel:P1")
    assert case.id == case_stream(ORDER, "trouble", 1)
    assert service.order().cases["trouble"].case == case.id
    found = next(line for line in service.lines() if line.type == "order.problem_detected")
    assert (found.event.rule, found.event.part) == ("by-hand", "parcel:P1")  # type: ignore[union-attr]
    assert found.actor == Actor("key:ana", "ana")
    assert {*case.parts} == {"parcel:P1"}


def test_a_rule_that_finds_the_problem_joins_the_case() -> None:
    service = two_parcels()
    case = open_for(service, "parcel:P1")
    service.take(lost("P1", 72), lost("P2", 73), at=after(74))  # type: ignore[arg-type]
    (found,) = service.found()
    assert found.id == case.id
    assert {key: part.rule for key, part in found.parts.items()} == {
        "parcel:P1": "parcel-lost",
        "parcel:P2": "parcel-lost",
    }
    assert found.parts["parcel:P1"].since == after(71)
    assert found.parts["parcel:P2"].since == after(74)


def test_a_signal_that_repeats_what_was_known_neither_clears_nor_joins() -> None:
    service = two_parcels(delivered(60, shipment="P1"))
    case = open_for(service, "parcel:P1")
    assert case.parts["parcel:P1"].clear_at_opening
    again = delivered(60, id="again", shipment="P1", source="tracker")
    service.take(again, at=after(72))
    (found,) = service.found()
    assert (found.cleared, found.signals_joined) == (False, 0)


def test_the_first_scan_that_repeats_a_delivery_does_not_join() -> None:
    service = two_parcels(delivered(60, shipment="P1"))
    open_for(service, "parcel:P1")
    service.take(scan(60, "delivered", id="again", shipment="P1"), at=after(72))
    assert service.only_case("trouble").signals_joined == 0


def test_news_joins_the_case_of_a_person() -> None:
    service = InMemoryService(small_policy(detect=[LOST]))
    service.take(placed(), handed_over(20, shipment="P1"), at=after(70))
    open_for(service, "parcel:P1")
    service.take(delivered(72, shipment="P1"), at=after(73))
    service.take(delivered(72, id="again", shipment="P1", source="tracker"), at=after(74))
    (found,) = service.found()
    assert (found.cleared, found.signals_joined) == (False, 1)


def test_news_clears_the_part_of_a_person() -> None:
    service = two_parcels()
    open_for(service, "parcel:P1", "parcel:P2")
    service.take(delivered(72, shipment="P1"), at=after(73))
    (found,) = service.found()
    assert found.parts["parcel:P1"].cleared_by == "test/delivered"
    assert not found.parts["parcel:P2"].is_cleared
    assert not found.cleared
    service.take(delivered(74, id="second", shipment="P2"), at=after(75))
    (found,) = service.found()
    assert found.cleared


def test_another_part_joins_and_the_same_part_is_refused() -> None:
    service = two_parcels()
    case = open_for(service, "parcel:P1")
    joined = open_for(service, "parcel:P1", "parcel:P2", by="bo", at=72)
    assert joined.id == case.id
    assert {*joined.parts} == {"parcel:P1", "parcel:P2"}
    assert service.trail(case.id)[-2:] == ["case.part_joined", "case.note_added"]
    for parts in ((), ("parcel:P2",)):
        with pytest.raises(ProblemHasCase) as refused:
            open_for(service, *parts, by="cy", at=73)
        assert refused.value.facts == {"case": str(case.id), "state": "open"}


def test_a_case_of_a_rule_takes_a_part_of_a_person() -> None:
    service = two_parcels(lost("P1", 69))
    (case,) = service.found()
    joined = open_for(service, "parcel:P2")
    assert joined.id == case.id
    assert joined.parts["parcel:P2"].rule == "by-hand"


@pytest.mark.parametrize(
    ("parts", "pointer", "detail"),
    [
        (("parcel:P3",), "/parts/0", "no part parcel:P3; its parts are: line:1, parcel:P1"),
        (("parcel:P1", "parcel:P1"), "/parts/1", "parcel:P1 is named twice"),
    ],
)
def test_an_unknown_part_is_refused_with_the_known_ones(
    parts: tuple[str, ...], pointer: str, detail: str
) -> None:
    service = two_parcels()
    with pytest.raises(Invalid) as refused:
        open_for(service, *parts)
    (fault,) = refused.value.faults
    assert fault.pointer == pointer
    assert detail in fault.detail
    assert service.found() == []


def test_signals_of_another_process_do_not_get_lost() -> None:
    service = two_parcels()
    other = service.another_process()
    other.take(lost("P2", 70.5), at=after(70.6))  # type: ignore[arg-type]
    case = open_for(service, "parcel:P1")
    assert {*case.parts} == {"parcel:P1", "parcel:P2"}
    other.take(lost("P1", 72), at=after(73))  # type: ignore[arg-type]
    (found,) = service.found()
    assert found.parts["parcel:P1"].rule == "parcel-lost"
