"""A late signal that shows that all was well joins its case as clearing evidence.

Automatic kinds then resolve; where a person decides, the case waits for the person.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cases.reasons import ResolutionReason
from domain.orders.payment_signals import PaymentVoided
from domain.policy.decision import to_fact_value
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService, caller
from tests.domain.exception_signals import labelled
from tests.domain.policies import small_policy
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    WEEK_AFTER,
    WEEK_BEFORE,
    after,
    allocated,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    money,
    placed,
    promising,
    refunded,
    released,
    returned,
    shipping_by,
    signal_fields,
    statement_lists,
    unavailable,
)

LATE = after(400)
LONG_AFTER = after(420)

# placed order → overdue → the late signal shows that it was in time
SELF_RESOLVING = {
    "delivered in time": ("delivery_late", [promising()], delivered(200)),
    "cancelled in time": ("delivery_late", [promising()], cancelled(200)),
    "handed over in time": ("ship_by_missed", [shipping_by(48)], handed_over(48)),
    "cancelled before shipping": ("ship_by_missed", [shipping_by(48)], cancelled(48)),
    "approved in time": ("payment_stalled", [placed()], approved(72)),
    "voided in time": (
        "void_missing",
        [approved(1, amount=money("100.00"), payment="p"), cancelled(2)],
        PaymentVoided(**signal_fields(20, "voided"), payment="p"),
    ),
    "a total that its parts explain": (
        "charge_unexplained",
        [placed(total=money("120.00"))],
        placed(3, "again", total=money("100.00")),
    ),
    "released in time": ("release_stalled", [approved(), allocated(2)], released(26)),
    "handed over before it stalled": ("release_stalled", [approved(), allocated(2)], handed_over()),
}


@pytest.mark.parametrize("story", SELF_RESOLVING)
def test_an_automatic_kind_resolves_with_the_signal_as_evidence(story) -> None:
    kind, order, proof = SELF_RESOLVING[story]
    service = InMemoryService()
    service.take(*order, at=after(2))
    service.tick(LATE)
    assert service.only_case(kind).state == "open"

    (receipt,) = service.take(proof, at=LONG_AFTER)

    case = service.only_case(kind)
    assert case.state == "resolved"
    assert case.resolution is not None
    assert case.resolution.reason is ResolutionReason.SOURCE_CLEARED
    assert case.resolution.evidence == (proof.key,)
    assert case.person is None
    assert case.resolved_at == LONG_AFTER
    assert service.trail(case.id)[-2:] == ["case.signal_joined", "case.resolved"]
    assert service.log.trail(case.id)[-1].actor.principal == "system:policy"
    assert (case.id, "case.resolved") in [(t.case, t.event) for t in receipt.cases]


@pytest.mark.parametrize(
    ("kind", "order", "proof"),
    [
        ("delivery_late", promising(), delivered(252)),
        ("delivery_late", promising(), cancelled(252)),
        ("ship_by_missed", shipping_by(48), handed_over(49)),
        ("payment_stalled", placed(), approved(73)),
    ],
)
def test_a_late_event_joins_and_clears_nothing(kind, order, proof) -> None:
    service = InMemoryService()
    service.take(order, at=after(1))
    service.tick(LATE)
    service.take(proof, at=LONG_AFTER)
    case = service.only_case(kind)
    assert case.state == "open"
    assert not case.cleared
    (joined,) = service.events(case.id, "case.signal_joined")
    assert (joined.signal, joined.clearing) == (proof.key, None)


REVIEWED = {
    "payment_missing": ([placed(tenders=None)], [captured(200)]),
    "payment_mismatch": (
        [placed(), captured(1, "120.00", id="a", payment="p")],
        [refunded(200, "20.00", payment="p")],
    ),
    "refund_due": ([captured(), placed(), cancelled()], [refunded(200)]),
    "cancelled_after_handover": ([handed_over(2), cancelled()], [returned(200)]),
}


@pytest.mark.parametrize("kind", REVIEWED)
def test_a_manual_kind_waits_for_a_person_even_with_clear_evidence(kind) -> None:
    order, proof = REVIEWED[kind]
    service = InMemoryService()
    service.take(*order, at=after(4))
    service.tick(after(90))
    assert service.only_case(kind).state == "open"

    service.take(*proof, at=LONG_AFTER)
    service.tick(after(2000))

    case = service.only_case(kind)
    assert case.state == "open"
    assert case.cleared
    assert service.events(case.id, "case.signal_joined")[-1].clearing is not None
    assert not service.events(case.id, "case.resolved")


def test_only_automatic_kinds_of_the_shipped_policy_resolve_themselves() -> None:
    automatic = {
        n for n, kind in UNTIMED_RULEBOOK.document.kinds.items() if kind.automation == "automatic"
    }
    # Cases about no order are tested in test_signals_find_their_order.py and in tests/sources.
    about_no_order = {"unmatched_signal", "unknown_code", "source_silent"}
    assert automatic == {kind for kind, _, _ in SELF_RESOLVING.values()} | about_no_order


def test_a_blocked_kind_never_resolves_automatically() -> None:
    rule = {"rule": "gone", "when": {"fact": "order.unavailable", "is": True}}
    cleared = {"fact": "milestones.allocated_at", "known": True}
    service = InMemoryService(
        small_policy(detect=[rule], automation="blocked", cleared_when=cleared)
    )
    service.take(unavailable(), at=after(3))
    service.take(allocated(4), at=after(5))
    case = service.only_case("trouble")
    assert (case.state, case.cleared) == ("open", True)


def test_a_claimed_case_can_resolve_automatically_and_has_no_owner_then() -> None:
    service = InMemoryService()
    service.take(promising(), at=after(1))
    service.tick(LATE)
    case = service.only_case("delivery_late")
    service.desk.claim(case.id, case.version, caller("ana", LATE))
    service.take(delivered(200), at=LONG_AFTER)
    case = service.only_case("delivery_late")
    assert (case.state, case.person) == ("resolved", None)


def test_the_clearing_decision_cites_the_deadline_and_the_facts() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), at=after(1))
    service.tick(LATE)
    service.take(handed_over(47), at=LONG_AFTER)
    (resolved,) = service.events(service.only_case("ship_by_missed").id, "case.resolved")
    assert resolved.clearing.policy == UNTIMED_RULEBOOK.version
    assert resolved.clearing.rule == "line-handed-over-by-the-shipping-limit"
    read = {v.fact: v.read for v in resolved.clearing.verdicts}
    assert (read["part.ship_by"], read["part.unsent"]) == ("2018-01-12T12:00:00Z", 0)
    is_met = {(v.test, v.passed) for v in resolved.clearing.verdicts if v.fact == "part.unsent"}
    assert is_met == {("above 0", False), ("is 0", True)}


def test_the_clearing_decision_of_a_parcel_cites_its_deadline_and_its_hand_over() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), labelled(2, "a"), at=after(3))
    service.tick(LATE)
    service.take(handed_over(47, shipment="a"), at=LONG_AFTER)
    (resolved,) = service.events(service.only_case("ship_by_missed").id, "case.resolved")
    assert resolved.clearing.rule == "parcel-handed-over-by-the-shipping-limit"
    read = {v.fact: (v.read, v.passed) for v in resolved.clearing.verdicts}
    assert read["part.handed_over_at"] == ("2018-01-12T11:00:00Z", True)
    assert read["part.ship_by"][0] == "2018-01-12T12:00:00Z"


# Which signal is the evidence: the one that shows it, not the newest of its batch.


def test_the_clearing_signal_of_a_batch_is_the_evidence() -> None:
    service = InMemoryService()
    service.take(promising(), at=after(1))
    service.tick(LATE)
    service.take(delivered(200, id="in-time"), delivered(300, id="second-parcel"), at=LONG_AFTER)
    case = service.only_case("delivery_late")
    assert case.resolution is not None
    assert case.resolution.evidence == ("test/in-time",)


def test_a_refund_in_a_batch_joins_its_case_as_evidence() -> None:
    service = InMemoryService()
    service.take(placed(), captured(), cancelled(), at=after(4))
    service.take(cancelled(5, id="cancelled-again"), refunded(6), at=after(7))
    case = service.only_case("refund_due")
    joined = {j.signal: j.clearing for j in service.events(case.id, "case.signal_joined")}
    assert joined.keys() == {"test/cancelled-again", "test/refunded"}
    assert joined["test/refunded"] is not None
    assert joined["test/cancelled-again"] is None


def test_a_refund_in_the_batch_of_its_problem_is_the_evidence() -> None:
    service = InMemoryService()
    service.take(placed(), captured(), cancelled(3), refunded(6), at=after(7))
    case = service.only_case("refund_due")
    joined = {j.signal: j.clearing for j in service.events(case.id, "case.signal_joined")}
    assert joined["test/refunded"] is not None


def test_evidence_that_came_before_the_problem_is_cited() -> None:
    rule = {"rule": "gone", "when": {"fact": "order.unavailable", "is": True}}
    cleared = {"fact": "milestones.allocated_at", "known": True}
    bucket = "inventory_conflict"
    service = InMemoryService(
        small_policy(detect=[rule], bucket=bucket, automation="automatic", cleared_when=cleared)
    )
    service.take(allocated(4), at=after(5))
    service.take(unavailable(3), at=after(6))
    case = service.only_case("trouble")
    assert case.state == "resolved"
    assert case.resolution is not None
    assert case.resolution.evidence == ("test/allocated",)


# A deadline that moved after it was missed.


def test_evidence_clears_before_and_after_a_moved_deadline() -> None:
    moved = promising(WEEK_BEFORE, at=1, id="moved")
    proof = delivered(60)
    outcomes = []
    for arrivals in ([proof, moved], [moved, proof]):
        service = InMemoryService()
        service.take(promising(), at=after(1))
        service.tick(LATE)
        for n, signal in enumerate(arrivals):
            service.take(signal, at=after(410 + n))
        outcomes.append(service.case_summaries())
    assert outcomes[0] == outcomes[1]


def test_an_order_with_a_later_promise_is_cleared_by_its_delivery() -> None:
    service = InMemoryService()
    service.take(promising(), at=after(1))
    service.tick(after(260))
    # Both promised days are over when the later one is known.
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(430))
    assert service.only_case("delivery_late").state == "open"
    service.take(delivered(262), at=after(431))
    service.tick(after(2000))
    case = service.only_case("delivery_late")
    assert (case.state, case.cleared) == ("resolved", True)
    assert case.resolution is not None
    assert case.resolution.evidence == ("test/delivered",)


def test_a_later_promise_clears_a_late_order_until_it_is_missed_too() -> None:
    service = InMemoryService()
    service.take(promising(), at=after(1))
    service.tick(after(260))
    service.take(promising(WEEK_AFTER, at=1, id="promised-later"), at=after(261))
    case = service.only_case("delivery_late")
    assert (case.state, case.cleared) == ("resolved", True)
    assert case.resolution is not None
    assert case.resolution.evidence == ("test/promised-later",)
    service.tick(after(2000))
    case = service.only_case("delivery_late")
    assert (case.state, case.cleared, case.deadline) == ("open", False, after(252 + 7 * 24))


@settings(BOUNDED_SETTINGS, max_examples=120)
@given(
    drawn=statement_lists(least=2, most=6, hours=(0, 120), ship_by=(30, 90), days=(3,)),
    delays=st.data(),
)
def test_an_automatic_resolution_always_cites_its_evidence(drawn, delays) -> None:
    service = InMemoryService()
    drawn = [shipping_by(48, id="first", promise=None), *drawn]
    late = [(s.event_time + timedelta(hours=delays.draw(st.integers(0, 90))), s) for s in drawn]
    for arrives, signal in sorted(late, key=lambda pair: (pair[0], pair[1].key)):
        service.tick(arrives)
        service.take(signal, at=arrives)
    service.tick(after(1000))

    automatic = {
        n for n, kind in UNTIMED_RULEBOOK.document.kinds.items() if kind.automation == "automatic"
    }
    signals = service.order().signals
    for case in service.found():
        for resolved in service.events(case.id, "case.resolved"):
            assert case.kind in automatic
            (evidence,) = resolved.resolution.evidence
            shown = {v.read for v in resolved.clearing.verdicts if v.passed}
            # It is the milestone in time, moved the deadline, or shows that the pieces were sent.
            proof = signals[evidence]
            sent = {(v.fact, v.read) for v in resolved.clearing.verdicts if v.passed}
            is_sent = ("part.unsent", 0) in sent and proof.type.startswith("shipment.")
            assert (
                to_fact_value(proof.event_time) in shown or proof.type == "order.placed" or is_sent
            )
            joined = [j.signal for j in service.events(case.id, "case.signal_joined")]
            assert evidence in joined
        if case.kind not in automatic:
            assert case.state == "open"
