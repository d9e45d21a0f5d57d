"""Each part of a case gets its outcome; a reopening by a rule leaves the other parts decided."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.cases.event_descriptions import describe_event
from domain.cases.events import PartOutcome
from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason as Reason
from domain.cases.reasons import RootCause
from domain.errors import Invalid
from tests.application.in_memory_service import RESOLUTION, InMemoryService, caller
from tests.application.test_cases_by_hand import lost, two_parcels
from tests.domain.signals import after, delivered


def held_case() -> tuple[InMemoryService, ExceptionCase]:
    """A claimed case of two lost parcels."""
    service = two_parcels(lost("P1", 68), lost("P2", 69))
    (case,) = service.found()
    return service, service.desk.claim(case.id, case.version, caller("ana", after(71))).case


def resolve(service: InMemoryService, case: ExceptionCase, *parts: PartOutcome) -> ExceptionCase:
    resolution = structs.replace(RESOLUTION, parts=parts) if parts else RESOLUTION
    return service.desk.resolve(case.id, case.version, resolution, caller("ana", after(80))).case


def outcomes(case: ExceptionCase) -> dict[str, Reason | None]:
    return {key: part.outcome for key, part in case.parts.items()}


def test_a_part_gets_its_own_outcome_else_that_of_the_case() -> None:
    service, case = held_case()
    own = PartOutcome(part="parcel:P2", reason=Reason.FALSE_POSITIVE, note="It is there.")
    resolved = resolve(service, case, own)
    assert outcomes(resolved) == {
        "parcel:P1": Reason.RESOLVED_AS_EXPECTED,
        "parcel:P2": Reason.FALSE_POSITIVE,
    }
    (event,) = service.events(case.id, "case.resolved")
    assert " parcel:P2: false positive: It is there." in describe_event(event)


def test_a_carriers_loss_has_the_carrier_as_its_root_cause() -> None:
    service, case = held_case()
    by_carrier = structs.replace(RESOLUTION, root_cause=RootCause.CARRIER)
    service.desk.resolve(case.id, case.version, by_carrier, caller("ana", after(80)))
    (event,) = service.events(case.id, "case.resolved")
    assert event.resolution.root_cause is RootCause.CARRIER
    assert describe_event(event).startswith("Resolved: resolved as expected, caused by carrier.")


def test_a_cleared_part_beside_others_was_cleared_by_its_source() -> None:
    service, case = held_case()
    service.take(delivered(75, shipment="P1"), at=after(76))
    resolved = resolve(service, service.desk.case(case.id))
    assert outcomes(resolved) == {
        "parcel:P1": Reason.SOURCE_CLEARED,
        "parcel:P2": Reason.RESOLVED_AS_EXPECTED,
    }


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [(("parcel:P3",), "/parts/0/part"), (("parcel:P1", "parcel:P1"), "/parts/1/part")],
)
def test_an_unknown_or_repeated_part_is_refused(parts: tuple[str, ...], pointer: str) -> None:
    service, case = held_case()
    with pytest.raises(Invalid) as refused:
        resolve(service, case, *(PartOutcome(part=p, reason=Reason.FALSE_POSITIVE) for p in parts))
    assert [fault.pointer for fault in refused.value.faults] == [pointer]
    assert not service.desk.case(case.id).is_resolved


def test_a_person_reopens_every_part_and_a_rule_its_own() -> None:
    service = two_parcels(lost("P1", 68))
    (case,) = service.found()
    case = service.resolve(case, after(71))
    service.take(lost("P2", 72), at=after(73))  # type: ignore[arg-type]
    (case,) = service.found()
    assert not case.is_resolved
    assert outcomes(case) == {"parcel:P1": Reason.RESOLVED_AS_EXPECTED, "parcel:P2": None}
    service.take(delivered(74, shipment="P2"), at=after(75))
    (case,) = service.found()
    assert case.cleared  # P1 was decided on
    case = service.resolve(case, after(76))
    assert outcomes(case)["parcel:P1"] is Reason.RESOLVED_AS_EXPECTED
    case = service.desk.reopen(case.id, case.version, "More.", caller("ana", after(77))).case
    assert outcomes(case) == {"parcel:P1": None, "parcel:P2": None}
