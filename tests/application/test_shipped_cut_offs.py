"""Refunds, releases and parcels are due at the cut-offs of bank, warehouse and carrier.

Hours are counted from a Wednesday at noon UTC, which is 13:00 at the desk in Berlin. It is open
from 08:00 to 12:30 and from 13:30 to 18:00, on Fridays to 16:00, on Saturdays from 09:00 to 13:00.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from domain.cases.exception_case import ExceptionCase
from domain.clock.terms import Measure
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService, caller
from tests.domain.signals import after, cancelled, captured, placed, promising, shipping_by


def due(case: ExceptionCase) -> datetime | None:
    return case.timing.clock.runs[Measure.RESOLUTION].due_at


def test_a_refund_is_due_at_the_banks_cut_off_after_a_day_of_the_desk() -> None:
    """From Wednesday 16:00: 2 hours, on Thursday 4.5 and 1.5, until 15:00: just in time for the
    cut-off."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), captured(), cancelled(), at=after(3))
    assert due(service.only_case("refund_due")) == after(26)
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), captured(), cancelled(), at=after(3.1))
    case = service.only_case("refund_due")
    assert due(case) == after(50)
    service.tick(after(50, microseconds=1))
    breaches = [(e.measure, e.due_at) for e in service.events(case.id, "case.breached")]
    assert (Measure.RESOLUTION, after(50)) in breaches


def test_a_release_is_due_at_the_warehouses_cut_off() -> None:
    """From Friday 13:00: 2.5 hours from 13:30, on Saturday 1.5 until 10:30: due at 14:00, when nobody is
    there any more, so when the desk closes at 13:00."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(shipping_by(48), at=after(1))
    service.tick(after(48, microseconds=1))
    assert due(service.only_case("ship_by_missed")) == after(72)


def test_a_late_parcel_is_due_at_the_carriers_pickup() -> None:
    """From the night to Sunday: eight hours of Monday end at 17:00, so Tuesday 16:30."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(promising(), at=after(1))
    service.tick(after(252))
    assert due(service.only_case("delivery_late")) == after(315.5)


def test_a_case_with_older_terms_is_due_at_the_cut_off_after_a_re_term() -> None:
    """From Wednesday 17:00, eight hours end on Thursday at 16:00. At 18:00 seven are left, too
    long for 15:00: Friday."""
    services = tuple(structs.replace(s, by_cut_off={}) for s in SHIPPED_RULEBOOK.document.services)
    service = InMemoryService(
        Rulebook(structs.replace(SHIPPED_RULEBOOK.document, services=services))
    )
    service.take(placed(), captured(), cancelled(), at=after(4))
    case = service.only_case("refund_due")
    assert due(case) == after(27)
    service.rulebook = SHIPPED_RULEBOOK
    case = service.desk.reterm(case.id, case.version, "Agreed.", caller("ana", after(5))).case
    assert due(case) == after(50)
    (event,) = service.events(case.id, "case.retermed")
    assert event.due_before[Measure.RESOLUTION] == after(27)
    assert event.due_after[Measure.RESOLUTION] == after(50)
