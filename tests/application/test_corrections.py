"""A statement that is retracted or replaced is as if it had never been made, in any order of arrival."""

from __future__ import annotations

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason
from domain.orders.purchase_signals import OrderEdited
from domain.orders.shipment_signals import ShipmentLost
from domain.orders.signal_body import Promise
from domain.orders.signals import Signal
from tests.application.in_memory_service import InMemoryService, caller
from tests.application.orders_with_parts import rules_over_parts
from tests.domain.signals import (
    WEEK_AFTER,
    after,
    approved,
    captured,
    delivered,
    placed,
    promising,
    shipping_by,
    signal_fields,
    taken_back,
    unavailable,
)

AUTOMATIC = rules_over_parts(stock_unavailable={"automation": "automatic"})
REVIEW = rules_over_parts(stock_unavailable={"automation": "review"})
NOW = after(300)


def lost(hours: float = 30, id: str = "lost", **more: Any) -> ShipmentLost:
    return ShipmentLost(**signal_fields(hours, id, shipment="P1", **more))


def edited(hours: float, id: str = "edited", **more: Any) -> OrderEdited:
    return OrderEdited(**signal_fields(hours, id, **more))


def amounts(*signals: Signal) -> set[str]:
    """What is captured after these signals, for every order of their arrival."""
    found = set()
    for arrival in permutations(signals):
        service = InMemoryService()
        for signal in arrival:
            service.take(signal, at=NOW)
        found.add(str(service.order().facts.payment.captured))
    return found


def problems(*signals: Signal, at: datetime = NOW) -> set[tuple[tuple[str, str], ...]]:
    """The open problems after these signals, for every order of their arrival."""
    found = set()
    for arrival in permutations(signals):
        service = InMemoryService(REVIEW)
        for signal in arrival:
            service.take(signal, at=at)
        found.add(tuple(sorted(service.open_problems())))
    return found


# What counts.

FIVE = captured(1, "5.00", id="five")
SEVEN = captured(2, "7.00", id="seven", replaces="five")
NINE = captured(3, "9.00", id="nine", replaces="five")


def test_a_retracted_statement_does_not_count() -> None:
    assert amounts(placed(), FIVE, taken_back(2, "five")) == {"0"}


def test_only_the_source_itself_can_retract_its_statement() -> None:
    theirs = replace(taken_back(2, "five"), source="other")
    assert amounts(placed(), FIVE, theirs) == {"5.00"}


def test_a_replacement_counts_for_what_it_replaces() -> None:
    assert amounts(placed(), FIVE, SEVEN) == {"7.00"}


def test_a_replacement_counts_although_the_statement_never_came() -> None:
    assert amounts(placed(), SEVEN) == {"7.00"}


def test_of_two_replacements_the_later_counts() -> None:
    assert amounts(placed(), FIVE, SEVEN, NINE) == {"9.00"}


def test_the_earlier_replacement_counts_if_the_later_is_retracted() -> None:
    assert amounts(placed(), FIVE, SEVEN, NINE, taken_back(4, "nine")) == {"7.00"}


def test_a_retracted_retraction_leaves_the_statement_as_it_was() -> None:
    again = taken_back(3, "taken-back", id="after-all")
    assert amounts(placed(), FIVE, taken_back(2, "five"), again) == {"5.00"}


def test_a_retracted_replacement_leaves_the_statement_as_it_was() -> None:
    assert amounts(placed(), FIVE, SEVEN, taken_back(4, "seven")) == {"5.00"}


def test_a_circle_of_replacements_counts_as_if_none_were_named() -> None:
    one, other = replace(FIVE, replaces="seven"), SEVEN
    assert amounts(placed(), one, other) == {"12.00"}


# What follows for cases.


def unavailable_case(service: InMemoryService) -> ExceptionCase:
    return service.only_case("stock_unavailable")


def test_an_automatic_kind_resolves_when_its_statement_is_retracted() -> None:
    service = InMemoryService(AUTOMATIC)
    service.take(placed(), unavailable(), at=after(3))
    assert unavailable_case(service).state == "open"
    service.take(taken_back(4, "unavailable"), at=after(5))
    case = unavailable_case(service)
    assert (case.state, case.resolved_at) == ("resolved", after(5))
    assert case.resolution is not None
    assert case.resolution.reason is ResolutionReason.SOURCE_CORRECTED
    assert case.resolution.evidence == ("test/taken-back",)
    assert service.events(case.id, "case.signal_joined")[-1].corrected is True


def test_an_automatic_kind_resolves_when_its_statement_is_replaced_by_a_harmless_one() -> None:
    service = InMemoryService(AUTOMATIC)
    service.take(placed(), unavailable(), at=after(3))
    service.take(approved(4, id="not-so", replaces="unavailable"), at=after(5))
    case = unavailable_case(service)
    assert case.resolution is not None
    assert case.resolution.reason is ResolutionReason.SOURCE_CORRECTED
    assert case.resolution.evidence == ("test/not-so",)


def test_a_person_decides_on_a_case_that_was_worked_although_its_kind_is_automatic() -> None:
    service = InMemoryService(AUTOMATIC)
    service.take(placed(), unavailable(), at=after(3))
    case = unavailable_case(service)
    service.desk.claim(case.id, case.version, caller("ana", after(4)))
    service.take(taken_back(4, "unavailable"), at=after(5))
    case = unavailable_case(service)
    assert (case.state, case.cleared, case.person) == ("claimed", True, "ana")
    assert case.parts["line:kettle"].corrected
    service.tick(after(2000))
    assert not unavailable_case(service).is_resolved


def test_a_person_decides_on_a_cleared_case_of_a_kind_for_review() -> None:
    service = InMemoryService(REVIEW)
    service.take(placed(), unavailable(), at=after(3))
    service.take(taken_back(4, "unavailable"), at=after(5))
    case = unavailable_case(service)
    assert (case.state, case.cleared) == ("open", True)
    assert case.parts["line:kettle"].cleared_by == "test/taken-back"
    assert case.parts["line:kettle"].corrected


def test_a_correction_clears_only_what_it_corrects() -> None:
    service = InMemoryService(REVIEW)
    second = unavailable(3, id="second")
    service.take(placed(), unavailable(), second, at=after(4))
    service.take(taken_back(5, "unavailable"), at=after(6))
    assert not unavailable_case(service).cleared
    service.take(taken_back(6, "second", id="second-too"), at=after(7))
    assert unavailable_case(service).cleared


def test_the_problem_is_open_again_when_the_retraction_is_retracted() -> None:
    for rulebook in (AUTOMATIC, REVIEW):
        service = InMemoryService(rulebook)
        service.take(placed(), unavailable(), at=after(3))
        service.take(taken_back(4, "unavailable"), at=after(5))
        service.take(taken_back(5, "taken-back", id="after-all"), at=after(6))
        case = unavailable_case(service)
        assert (case.state, case.cleared) == ("open", False)


def test_an_order_that_was_never_delivered_is_late_after_all() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), delivered(60), at=after(61))
    service.tick(after(260))
    assert service.found() == []
    service.take(taken_back(61, "delivered"), at=after(270))
    case = service.only_case("delivery_late")
    assert (case.state, case.deadline, case.detected_at) == ("open", after(252), after(252))
    assert case.opened_at == after(270)


def test_an_order_is_late_again_when_the_delivery_that_cleared_it_is_retracted() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(260))
    service.take(delivered(60), at=after(270))
    assert service.only_case("delivery_late").state == "resolved"
    service.take(taken_back(61, "delivered"), at=after(280))
    case = service.only_case("delivery_late")
    assert (case.state, case.cleared, case.deadline) == ("open", False, after(252))


LATER = Promise(delivery_date=WEEK_AFTER)
DUE_LATER = after(252 + 7 * 24)


def test_an_edit_that_moves_the_promise_moves_the_deadline_and_clears_the_case() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(260))
    service.take(edited(100, promise=LATER), at=after(270))
    case = service.only_case("delivery_late")
    assert (case.state, case.cleared) == ("resolved", True)
    assert service.due() == {service.lines()[0].stream: DUE_LATER}
    service.tick(DUE_LATER)
    case = service.only_case("delivery_late")
    assert (case.state, case.deadline, case.reopened) == ("open", DUE_LATER, 1)


def test_an_edit_that_is_retracted_leaves_the_first_promise() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), edited(100, promise=LATER), at=after(110))
    service.tick(after(260))
    assert service.found() == []
    service.take(taken_back(101, "edited"), at=after(270))
    case = service.only_case("delivery_late")
    assert (case.state, case.deadline) == ("open", after(252))


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ((placed(), approved(), lost()), (("lost", "parcel:P1"),)),
        ((placed(), approved(), lost(), taken_back(31, "lost")), ()),
        (
            (placed(), approved(), lost(), taken_back(31, "lost"), taken_back(32, "taken-back", id="again")),
            (("lost", "parcel:P1"),),
        ),
        ((placed(), approved(), lost(), lost(31, "found", replaces="lost"), taken_back(32, "found")), (("lost", "parcel:P1"),)),
        ((shipping_by(48), approved(), edited(5, promise=LATER, lines=())), ()),
        (
            (promising(), approved(), edited(5, promise=LATER), taken_back(6, "edited")),
            (("delivery_late", "line:kettle"),),
        ),
        ((promising(), approved(), edited(5, promise=LATER)), ()),
    ],
)  # fmt: skip
def test_every_arrival_order_of_corrections_gives_the_same_open_problems(signals, expected) -> None:
    assert problems(*signals) == {expected}
