"""Intake validation: an order without problems is released as standard flow, once."""

from __future__ import annotations

from domain.orders.events import PassedIntake
from domain.people import POLICY_ACTOR
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService
from tests.domain.exception_signals import decided, screened
from tests.domain.signals import (
    after,
    allocated,
    approved,
    cancelled,
    captured,
    placed,
    unavailable,
)


def passed(service: InMemoryService) -> list[PassedIntake]:
    return [line.event for line in service.lines() if isinstance(line.event, PassedIntake)]


def test_an_order_passes_intake_with_the_last_required_signal() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), approved(1), captured(1), at=after(2))
    assert passed(service) == []
    service.take(allocated(2), at=after(3))
    (event,) = passed(service)
    assert (event.decision.policy, event.decision.rule) == (
        SHIPPED_RULEBOOK.version,
        "standard_flow_when",
    )
    assert "milestones.ready_for_release_at" in {v.fact for v in event.decision.verdicts}
    (line,) = [line for line in service.lines() if isinstance(line.event, PassedIntake)]
    assert (line.actor, line.order) == (POLICY_ACTOR, service.order().id)
    assert service.order().passed


def test_an_order_passes_intake_once() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), approved(1), captured(1), allocated(2), at=after(3))
    service.take(allocated(3, id="again"), at=after(4))
    assert len(passed(service)) == 1


def test_an_order_that_waits_for_screening_has_not_passed() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(
        placed(), approved(1), captured(1), screened(1, "accept"), allocated(2), at=after(3)
    )
    assert len(passed(service)) == 1
    other = InMemoryService(SHIPPED_RULEBOOK)
    other.take(placed(), approved(1), captured(1), screened(1, "review"), allocated(2), at=after(3))
    assert passed(other) == []


def test_an_order_that_ever_had_a_case_is_no_standard_flow() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), screened(1, "review"), at=after(2))
    service.take(decided(2, "accept"), approved(2), captured(2), allocated(3), at=after(4))
    assert service.found()
    assert passed(service) == []


def test_a_cancelled_order_does_not_pass() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), cancelled(1), at=after(2))
    service.take(approved(2), allocated(3), at=after(4))
    assert passed(service) == []


def test_an_order_that_passed_can_have_a_case_later() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(placed(), approved(1), captured(1), allocated(2), at=after(3))
    service.take(unavailable(4), at=after(5))
    assert service.order().passed
    assert service.found()
