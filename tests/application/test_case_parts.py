"""A case names the parts of the order that have its problem; each opens and clears by itself."""

from __future__ import annotations

from typing import Any

from domain.cases.exception_case import ExceptionCase
from domain.cases.left_to_person import why_left_to_person
from domain.orders.shipment_signals import (
    ClaimKind,
    CustomerClaimed,
    Delivered,
    LabelCreated,
    ShipmentLost,
)
from domain.orders.signal_body import LinePieces, Promise
from domain.orders.signals import Signal
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService
from tests.application.orders_with_parts import rules_over_parts
from tests.domain.signals import (
    LAST_DAY,
    after,
    approved,
    cancelled,
    line,
    placed,
    promising,
    signal_fields,
    taken_back,
)

REVIEW = rules_over_parts(lost={"automation": "review"})
AUTOMATIC = rules_over_parts(lost={"automation": "automatic", "reopen_within": "P10D"})
PROMISE = Promise(delivery_date=LAST_DAY)
DAY_ENDS = after(252)


def lost(parcel: str, hours: float = 30, id: str = "") -> ShipmentLost:
    return ShipmentLost(shipment=parcel, **signal_fields(hours, id or f"lost-{parcel}"))


def arrived(parcel: str, hours: float = 60, id: str = "") -> Delivered:
    return Delivered(shipment=parcel, **signal_fields(hours, id or f"came-{parcel}"))


def labelled(parcel: str, hours: float = 5, **more: Any) -> LabelCreated:
    return LabelCreated(shipment=parcel, **signal_fields(hours, f"label-{parcel}", **more))


def service_with(*signals: Signal, rulebook: Any = REVIEW) -> InMemoryService:
    service = InMemoryService(rulebook)
    service.take(placed(lines=(line("1.00", quantity=40),)), approved(), *signals, at=after(40))
    return service


def parts_of(service: InMemoryService, kind: str) -> dict[str, bool]:
    """The parts of the only case of this kind, and whether each is cleared."""
    return {key: part.is_cleared for key, part in service.only_case(kind).parts.items()}


def test_a_case_opens_with_every_part_that_has_the_problem() -> None:
    service = service_with(lost("P1"), lost("P2"), labelled("P3"))
    assert parts_of(service, "lost") == {"parcel:P1": False, "parcel:P2": False}
    detected = [line.event for line in service.lines() if line.type == "order.problem_detected"]
    assert [event.part for event in detected if event.kind == "lost"] == ["parcel:P1", "parcel:P2"]


def signals_of(case: ExceptionCase) -> dict[str, tuple[str, ...]]:
    return {key: part.signals for key, part in case.parts.items()}


def test_each_part_names_the_signals_that_show_its_own_problem() -> None:
    service = service_with(lost("P1"), lost("P2", 31), labelled("P3"))
    case = service.only_case("lost")
    assert signals_of(case) == {"parcel:P1": ("test/lost-P1",), "parcel:P2": ("test/lost-P2",)}
    service.take(lost("P4", 41), lost("P5", 42), lost("P1", 43, "again"), at=after(44))
    joined = service.events(case.id, "case.part_joined")[1:]
    assert [event.signals for event in joined] == [("test/lost-P4",), ("test/lost-P5",)]


def test_parts_that_are_named_by_tracking_codes_have_signals_of_their_own() -> None:
    def tracked(code: str) -> ShipmentLost:
        return ShipmentLost(tracking=code, **signal_fields(30, f"lost-{code}"))

    service = service_with(
        labelled("P1", carrier="dhl", tracking="JJD-1"),
        labelled("P2", carrier="dhl", tracking="JJD-2"),
        tracked("jjd 1"),
        tracked("jjd 2"),
    )
    case = service.only_case("lost")
    own = {"parcel:P1": ("test/lost-jjd 1",), "parcel:P2": ("test/lost-jjd 2",)}
    assert signals_of(case) == own


def test_lines_have_signals_of_their_own() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    lines = (line("1.00", id="A"), line("2.00", id="B"))
    claims = [
        CustomerClaimed(
            kind=ClaimKind.WRONG_ITEM,
            lines=(LinePieces(line=id),),
            **signal_fields(50, f"wrong-{id}"),
        )
        for id in ("A", "B")
    ]
    service.take(placed(lines=lines), approved(), *claims, at=after(51))
    own = {"line:A": ("test/wrong-A",), "line:B": ("test/wrong-B",)}
    assert signals_of(service.only_case("wrong_item")) == own


def test_a_part_that_no_signal_names_is_shown_by_what_changed_its_facts() -> None:
    service = service_with(labelled("P1"), labelled("P2"))
    everywhere = ShipmentLost(**signal_fields(41, "all"))
    service.take(everywhere, at=after(42))
    own = {"parcel:P1": ("test/all",), "parcel:P2": ("test/all",)}
    assert signals_of(service.only_case("lost")) == own


def test_a_second_lost_parcel_joins_the_open_case_as_a_part() -> None:
    service = service_with(lost("P1"))
    service.take(lost("P2", 41), at=after(42))
    case = service.only_case("lost")
    assert parts_of(service, "lost") == {"parcel:P1": False, "parcel:P2": False}
    (joined,) = service.events(case.id, "case.part_joined")
    assert (joined.part, joined.signals) == ("parcel:P2", ("test/lost-P2",))
    assert joined.decision.rule == "parcel-lost"
    assert (case.parts["parcel:P1"].since, case.parts["parcel:P2"].since) == (after(40), after(42))


def test_the_same_part_does_not_join_twice() -> None:
    service = service_with(lost("P1"))
    service.take(lost("P1", 41, id="again"), at=after(42))
    case = service.only_case("lost")
    assert parts_of(service, "lost") == {"parcel:P1": False}
    assert service.events(case.id, "case.part_joined") == []
    assert case.signals_joined == 1


def test_a_parcel_that_the_customer_claims_to_be_damaged_is_a_part() -> None:
    service = service_with(labelled("P1"), labelled("P2"))
    fields = signal_fields(41, "broken", shipment="P2", kind=ClaimKind.DAMAGED)
    service.take(CustomerClaimed(**fields), at=after(42))
    assert parts_of(service, "damaged") == {"parcel:P2": False}
    assert service.order().facts.parcel.damaged


def test_each_part_is_cleared_by_its_own_evidence_and_the_case_by_the_last() -> None:
    service = service_with(lost("P1"), lost("P2"))
    service.take(arrived("P1"), at=after(61))
    case = service.only_case("lost")
    assert parts_of(service, "lost") == {"parcel:P1": True, "parcel:P2": False}
    assert (case.state, case.cleared) == ("open", False)
    assert case.parts["parcel:P1"].cleared_by == "test/came-P1"
    service.take(arrived("P2", 62), at=after(63))
    case = service.only_case("lost")
    assert (case.state, case.cleared) == ("open", True)
    assert "the automation of this kind is `review`" in (why_left_to_person(case) or "")
    assert case.parts["parcel:P2"].cleared_by == "test/came-P2"
    cleared = service.events(case.id, "case.part_cleared")
    assert [event.part for event in cleared] == ["parcel:P1", "parcel:P2"]


def test_an_automatic_case_resolves_once_all_parts_are_cleared() -> None:
    service = service_with(lost("P1"), lost("P2"), rulebook=AUTOMATIC)
    service.take(arrived("P1"), at=after(61))
    assert service.only_case("lost").state == "open"
    service.take(arrived("P2", 62), at=after(63))
    case = service.only_case("lost")
    assert case.state == "resolved"
    assert case.resolution is not None
    assert case.resolution.evidence == ("test/came-P2",)
    assert {part.outcome for part in case.parts.values()} == {case.resolution.reason}


def test_a_cleared_part_that_has_the_problem_again_is_open_again() -> None:
    service = service_with(lost("P1"), lost("P2"))
    service.take(arrived("P1"), at=after(61))
    service.take(taken_back(62, "came-P1"), at=after(63))
    assert parts_of(service, "lost") == {"parcel:P1": False, "parcel:P2": False}


def test_a_new_part_after_the_resolution_reopens_the_case_within_its_time() -> None:
    service = service_with(lost("P1"), rulebook=AUTOMATIC)
    first = service.resolve(service.only_case("lost"), after(50))
    # Told late: the parcel was lost before the case was resolved, and the case was not about it.
    service.take(lost("P2", 45), at=after(50 + 24 * 10))
    case = service.only_case("lost")
    assert (case.id, case.state, case.reopened) == (first.id, "open", 1)
    outcomes = {key: part.outcome is not None for key, part in case.parts.items()}
    assert outcomes == {"parcel:P1": True, "parcel:P2": False}


def test_a_new_part_later_begins_a_linked_case_about_that_part_alone() -> None:
    service = service_with(lost("P1"), rulebook=AUTOMATIC)
    first = service.resolve(service.only_case("lost"), after(50))
    service.take(lost("P2", 45), at=after(50 + 24 * 10 + 1))
    before, now = (case for case in service.found() if case.kind == "lost")
    assert (before.id, before.state, [*before.parts]) == (first.id, "resolved", ["parcel:P1"])
    assert (now.recurrence_of, now.occurrence, [*now.parts]) == (first.id, 2, ["parcel:P2"])


def test_a_part_of_a_resolved_case_does_not_reopen_it_by_repetition() -> None:
    service = service_with(lost("P1"))
    service.resolve(service.only_case("lost"), after(50))
    service.take(lost("P1", 31, id="told-again"), at=after(51))
    assert service.only_case("lost").state == "resolved"


def test_twenty_late_parcels_are_one_case_in_one_append() -> None:
    names = [f"P{n:02}" for n in range(20)]
    own = (LinePieces(line="kettle", quantity=2),)
    service = service_with(*(labelled(name, promise=PROMISE, lines=own) for name in names))
    head = service.log.head()
    service.tick(DAY_ENDS)
    case = service.only_case("delivery_late")
    assert [*case.parts] == [f"parcel:{name}" for name in names]
    assert {part.deadline for part in case.parts.values()} == {DAY_ENDS}
    assert len({line.recorded_at for line in service.log.read(head, 1000)}) == 1
    assert len(service.events(case.id, "case.part_joined")) == 19
    service.tick(after(2000))
    assert len(service.only_case("delivery_late").parts) == 20


def test_a_late_line_and_a_late_parcel_are_parts_of_one_case() -> None:
    service = InMemoryService(REVIEW)
    two = (line(id="sent"), line(id="kept"))
    service.take(promising(lines=two), approved(), at=after(2))
    service.take(labelled("P1", lines=(LinePieces(line="sent"),)), at=after(6))
    service.tick(DAY_ENDS)
    assert parts_of(service, "delivery_late") == {"parcel:P1": False, "line:kept": False}
    # The parcel came in time; the line was never sent.
    service.take(arrived("P1"), at=after(260))
    assert parts_of(service, "delivery_late") == {"parcel:P1": True, "line:kept": False}
    assert service.only_case("delivery_late").state == "open"
    gone = cancelled(61, lines=(LinePieces(line="kept"),))
    service.take(gone, at=after(270))
    case = service.only_case("delivery_late")
    assert (case.state, case.cleared) == ("resolved", True)


def test_parcels_that_fall_due_at_different_times_join_one_case() -> None:
    sooner = Promise(delivery_date=after(48).date())
    service = service_with()
    service.take(
        labelled("P1", promise=sooner, lines=(LinePieces(line="kettle", quantity=20),)),
        labelled("P2", promise=PROMISE, lines=(LinePieces(line="kettle", quantity=20),)),
        at=after(41),
    )
    service.tick(after(100))
    assert parts_of(service, "delivery_late") == {"parcel:P1": False}
    service.tick(DAY_ENDS)
    case = service.only_case("delivery_late")
    assert {key: part.deadline for key, part in case.parts.items()} == {
        "parcel:P1": after(60),
        "parcel:P2": DAY_ENDS,
    }
