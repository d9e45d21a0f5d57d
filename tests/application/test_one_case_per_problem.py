"""One problem has one case: signals join it while it is open, and a returning problem reopens or
links."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.cases.exception_case import case_stream
from tests.application.in_memory_service import RESOLUTION, InMemoryService, caller, kinds
from tests.domain.policies import small_policy
from tests.domain.signals import (
    ORDER,
    WEEK_AFTER,
    after,
    allocated,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    placed,
    promising,
    refunded,
    released,
    returned,
    scanned,
    shipping_by,
    unavailable,
)

REOPENS_WITHIN = timedelta(days=30)
MOMENT = timedelta(microseconds=1)


def overpaid(service: InMemoryService) -> None:
    service.take(placed(), approved(), captured(1, "150.00", id="first"), at=after(4))


MORE = captured(5, "10.00", id="more")


def test_a_signal_about_an_open_problem_joins_its_case() -> None:
    service = InMemoryService()
    overpaid(service)
    service.take(MORE, at=after(6))
    case = service.only_case("payment_mismatch")
    assert service.trail(case.id) == [
        *("case.detected", "case.enriched", "case.routed"),
        "case.signal_joined",
    ]
    (joined,) = service.events(case.id, "case.signal_joined")
    assert (joined.signal, joined.signal_type) == ("test/more", "payment.captured")
    assert joined.event_time == after(5)
    assert joined.decision.rule == "payments-differ-from-charge"


def test_a_signal_joins_a_claimed_case_and_leaves_the_claim() -> None:
    service = InMemoryService()
    overpaid(service)
    case = service.only_case("payment_mismatch")
    service.desk.claim(case.id, case.version, caller("ana", after(5)))
    service.take(MORE, at=after(6))
    case = service.only_case("payment_mismatch")
    assert (case.state, case.person, case.signals_joined) == ("claimed", "ana", 1)


def test_an_unrelated_signal_does_not_join() -> None:
    service = InMemoryService()
    overpaid(service)
    service.take(scanned(), handed_over(), delivered(), allocated(), released(), at=after(61))
    assert service.only_case("payment_mismatch").signals_joined == 0


def test_several_signals_in_one_batch_join_in_time_order() -> None:
    service = InMemoryService()
    overpaid(service)
    service.take(captured(9, "1.00", id="c"), MORE, captured(7, "1.00", id="b"), at=after(10))
    joined = service.events(service.only_case("payment_mismatch").id, "case.signal_joined")
    assert [j.signal for j in joined] == ["test/more", "test/b", "test/c"]


def test_several_problems_of_one_order_are_several_cases() -> None:
    service = InMemoryService()
    signals = (placed(5), approved(4), captured(1), cancelled(6), handed_over(3), unavailable(8))
    service.take(*signals, at=after(9))
    assert kinds(service.found()) == [
        "cancelled_after_handover",
        "milestones_out_of_order",
        "refund_due",
        "stock_unavailable",
    ]


def test_the_id_of_a_case_is_derived_from_its_problem() -> None:
    service = InMemoryService()
    overpaid(service)
    assert service.only_case("payment_mismatch").id == case_stream(ORDER, "payment_mismatch", 1)


def test_a_case_names_its_signals_and_keeps_the_facts_of_that_time() -> None:
    service = InMemoryService()
    service.take(captured(), at=after(2))
    service.take(cancelled(), refunded(4, "10.00"), scanned(5), at=after(6))
    case = service.only_case("refund_due")
    (detected,) = service.events(case.id, "case.detected")
    assert detected.signals == ("test/cancelled",)
    assert (detected.detected_at, detected.deadline, detected.occurrence) == (after(6), None, 1)
    (enriched,) = service.events(case.id, "case.enriched")
    packet = {fact.fact: fact for fact in enriched.packet}
    assert packet["refund.issued"].value == "10.00"
    assert packet["refund.issued"].sources == ("test/refunded",)
    assert packet["milestones.paid_at"].event_time == after(1)
    assert "milestones.delivered_at" not in packet
    assert len(enriched.digest) == 64


def test_an_open_case_has_an_owner_and_the_time_since_when() -> None:
    service = InMemoryService()
    overpaid(service)
    case = service.only_case("payment_mismatch")
    assert case.routed is not None
    assert (case.routed.owner_team, case.owned_since) == ("payments_desk", after(4))


# A resolved case.


def test_no_signal_joins_a_resolved_case() -> None:
    service = InMemoryService()
    overpaid(service)
    service.resolve(service.only_case("payment_mismatch"), after(5))
    before = service.trail(service.only_case("payment_mismatch").id)
    service.take(placed(0, "the same again"), at=after(6))
    service.tick(after(24 * 365))
    assert service.trail(service.only_case("payment_mismatch").id) == before


@pytest.mark.parametrize("late_by", [timedelta(), timedelta(days=1), REOPENS_WITHIN])
def test_a_problem_that_returns_soon_reopens_its_case_and_counts_as_rework(late_by) -> None:
    service = InMemoryService()
    overpaid(service)
    service.resolve(service.only_case("payment_mismatch"), after(5))
    again = after(5) + late_by
    service.take(MORE, at=again)
    case = service.only_case("payment_mismatch")
    assert (case.state, case.reopened, case.occurrence) == ("open", 1, 1)
    assert (case.resolution, case.resolved_at, case.person) == (None, None, None)
    assert case.owned_since == again
    assert service.trail(case.id)[-2:] == ["case.reopened", "case.routed"]
    (reopened,) = service.events(case.id, "case.reopened")
    assert reopened.signals == ("test/more",)
    assert (
        reopened.decision.readings != service.events(case.id, "case.detected")[0].decision.readings
    )


def test_a_problem_that_returns_later_opens_a_linked_recurrence() -> None:
    service = InMemoryService()
    overpaid(service)
    first = service.resolve(service.only_case("payment_mismatch"), after(5))
    service.take(MORE, at=after(5) + REOPENS_WITHIN + MOMENT)
    before, recurrence = service.found()
    assert (before.id, before.state) == (first.id, "resolved")
    assert (recurrence.state, recurrence.occurrence) == ("open", 2)
    assert recurrence.recurrence_of == first.id
    assert recurrence.id == case_stream(ORDER, "payment_mismatch", 2)


def test_a_signal_joins_the_recurrence_and_not_the_earlier_case() -> None:
    service = InMemoryService()
    overpaid(service)
    service.resolve(service.only_case("payment_mismatch"), after(5))
    service.take(MORE, at=after(24 * 40))
    service.take(captured(24 * 41, "1.00", id="even more"), at=after(24 * 41))
    before, recurrence = service.found()
    assert (before.signals_joined, recurrence.signals_joined) == (0, 1)


def test_a_case_can_return_again_and_again() -> None:
    service = InMemoryService()
    overpaid(service)
    for n in range(1, 4):
        service.resolve(service.only_case("payment_mismatch"), after(10 * n))
        service.take(captured(10 * n, "1.00", id=str(n)), at=after(10 * n + 1))
    assert service.only_case("payment_mismatch").reopened == 3


def test_a_moved_deadline_that_is_missed_again_reopens_the_case() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(260))
    service.resolve(service.only_case("delivery_late"), after(270))
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(271))
    assert service.only_case("delivery_late").state == "resolved"
    service.tick(after(252 + 7 * 24))
    case = service.only_case("delivery_late")
    assert (case.state, case.reopened) == ("open", 1)
    assert case.deadline == after(252 + 7 * 24)


def test_a_moved_deadline_that_is_met_leaves_the_case_resolved() -> None:
    service = InMemoryService()
    service.take(promising(), approved(), at=after(2))
    service.tick(after(260))
    service.resolve(service.only_case("delivery_late"), after(270))
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), delivered(272), at=after(273))
    service.tick(after(24 * 365))
    assert service.only_case("delivery_late").state == "resolved"


def test_a_moved_deadline_of_an_open_case_opens_no_second_case() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    service.tick(after(50))
    assert service.only_case("ship_by_missed").state == "open"
    service.take(shipping_by(60, at=1, id="later"), at=after(51))
    assert service.only_case("ship_by_missed").state == "resolved"
    service.tick(after(24 * 365))
    case = service.only_case("ship_by_missed")
    assert (case.state, case.reopened, case.deadline) == ("open", 1, after(60))
    detected = [line for line in service.lines() if line.type == "order.problem_detected"]
    assert [line.event.deadline for line in detected] == [after(48), after(60)]


def test_a_problem_reported_again_after_the_resolution_has_an_open_case() -> None:
    service = InMemoryService()
    service.take(unavailable(2), at=after(3))
    service.resolve(service.only_case("stock_unavailable"), after(24))
    # A substitute was chosen, and that is unavailable as well.
    service.take(unavailable(48, id="gone-too", skus=("substitute",)), at=after(49))
    assert [case for case in service.found() if not case.is_resolved]


def test_a_late_signal_from_before_the_resolution_does_not_reopen_the_case() -> None:
    service = InMemoryService()
    service.take(unavailable(2), at=after(3))
    service.resolve(service.only_case("stock_unavailable"), after(24))
    service.take(unavailable(2, id="the-warehouse-says-so-too"), at=after(25))
    assert service.only_case("stock_unavailable").state == "resolved"


def test_a_problem_that_is_already_over_does_not_reopen_its_case() -> None:
    service = InMemoryService()
    service.take(captured(), cancelled(), at=after(4))
    service.resolve(service.only_case("refund_due"), after(5))
    service.take(refunded(6), at=after(7))
    service.take(cancelled(8, id="again"), unavailable(9), at=after(10))
    assert service.only_case("refund_due").state == "resolved"


def test_a_case_reopened_by_a_person_is_open_in_its_queue_with_its_team() -> None:
    service = InMemoryService()
    overpaid(service)
    resolved = service.resolve(service.only_case("payment_mismatch"), after(5))
    service.desk.reopen(resolved.id, resolved.version, "not yet paid back", caller("bo", after(9)))
    case = service.only_case("payment_mismatch")
    assert (case.state, case.reopened, case.owned_since) == ("open", 1, after(9))
    assert case.routed is not None
    assert case.routed.queue == "payment_hold_review"
    service.take(MORE, at=after(10))
    assert service.only_case("payment_mismatch").signals_joined == 1


def test_the_policy_sets_the_reopening_window() -> None:
    rule = {"rule": "gone", "when": {"fact": "payment.captured", "above": "0"}}
    service = InMemoryService(small_policy(detect=[rule], reopen_within="P1D"))
    service.take(captured(), at=after(2))
    service.resolve(service.only_case("trouble"), after(3))
    service.take(captured(25, id="again"), at=after(3 + 24.001))
    assert [case.occurrence for case in service.found()] == [1, 2]


def test_a_late_charge_is_still_compared() -> None:
    service = InMemoryService()
    service.take(captured(1, "60.00"), at=after(2))
    service.tick(after(30))
    service.take(placed(0, tenders=None), at=after(31))
    service.tick(after(71))
    assert kinds(service.found()) == ["payment_mismatch"]


def test_evidence_can_clear_an_open_case() -> None:
    service = InMemoryService()
    service.take(handed_over(), cancelled(), at=after(21))
    service.take(returned(), at=after(91))
    case = service.only_case("cancelled_after_handover")
    assert (case.state, case.cleared) == ("open", True)
    claimed = service.desk.claim(case.id, case.version, caller("ana", after(92))).case
    service.desk.resolve(case.id, claimed.version, RESOLUTION, caller("ana", after(93)))
    assert service.only_case("cancelled_after_handover").state == "resolved"
