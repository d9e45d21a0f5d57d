"""A risk of the order pauses automation: clearing evidence joins, and a person decides."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.cases.left_to_person import why_left_to_person
from domain.orders.payment_signals import PaymentFailed
from domain.orders.screening_signals import (
    AddressChecked,
    AddressVerdict,
    FraudDecided,
    FraudDecision,
    FraudScreened,
    FraudVerdict,
)
from domain.orders.signals import Signal
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService
from tests.domain.signals import (
    after,
    delivered,
    line,
    promising,
    refunded,
    scanned,
    signal_fields,
    unavailable,
)

FEARLESS = Rulebook(structs.replace(UNTIMED_RULEBOOK.document, automation_pauses_when=None))
LATE = after(400)
LONG_AFTER = after(420)
FLAGGED = FraudScreened(**signal_fields(5, "screened"), verdict=FraudVerdict.REVIEW)
# 500.00 EUR at the rate of the shipped policy.
DEAR = promising(lines=(line("1562.50", quantity=2),))

# the order, other signals, the signal that shows it was in time → the fact that pauses, the rule that clears
LINE = "line-delivered-by-the-promised-day"
PARCEL = "parcel-delivered-by-the-promised-day"

RISKS: dict[str, tuple[Signal, list[Signal], Signal, str, str]] = {
    "high value": (DEAR, [], delivered(200), "charge.total", LINE),
    "fraud review": (promising(), [FLAGGED], delivered(200), "fraud.open", LINE),
    "failed capture": (
        promising(),
        [PaymentFailed(**signal_fields(5, "failed"))],
        delivered(200),
        "payment.failure_open",
        LINE,
    ),
    "unavailable stock": (
        promising(),
        [unavailable(300)],
        delivered(200),
        "order.unavailable",
        LINE,
    ),
    "unavailable stock that shows it": (
        promising(),
        [],
        unavailable(200),
        "order.unavailable",
        LINE,
    ),
    "address risk": (
        promising(),
        [AddressChecked(**signal_fields(5, "checked"), verdict=AddressVerdict.UNDELIVERABLE)],
        delivered(200),
        "address.open",
        LINE,
    ),
    "carrier conflict": (
        promising(),
        [scanned(210)],
        delivered(200),
        "parcel.contradicted_now",
        PARCEL,
    ),
}


def late(order: Signal, *others: Signal, rulebook: Rulebook = UNTIMED_RULEBOOK) -> InMemoryService:
    service = InMemoryService(rulebook)
    service.take(order, *others, at=after(301))
    service.tick(LATE)
    assert service.only_case("delivery_late").state == "open"
    return service


@pytest.mark.parametrize("risk", RISKS)
def test_a_risk_leaves_the_case_to_a_person_and_the_trail_names_it(risk) -> None:
    order, others, proof, fact, rule = RISKS[risk]
    service = late(order, *others)
    service.take(proof, at=LONG_AFTER)
    case = service.only_case("delivery_late")
    assert (case.state, case.cleared) == ("open", True)
    joined = service.events(case.id, "case.signal_joined")[-1]
    assert joined.signal == proof.key
    assert joined.clearing.rule == rule
    assert (joined.paused.policy, joined.paused.rule) == (
        UNTIMED_RULEBOOK.version,
        "automation_pauses_when",
    )
    assert [v.fact for v in joined.paused.verdicts if v.passed] == [fact]
    assert why_left_to_person(case) == (
        "The problem is gone. A person must resolve the case: `automation_pauses_when` of the policy "
        "paused automation for this order."
    )
    assert service.resolve(case, after(430)).is_resolved


@pytest.mark.parametrize("risk", RISKS)
def test_a_pause_does_not_change_which_cases_open(risk) -> None:
    order, others, proof, *_ = RISKS[risk]
    outcomes = []
    for rulebook in (UNTIMED_RULEBOOK, FEARLESS):
        service = late(order, *others, rulebook=rulebook)
        service.take(proof, at=LONG_AFTER)
        outcomes.append({(kind, case, over) for kind, case, _, over in service.case_summaries()})
    assert outcomes[0] == outcomes[1]
    assert service.only_case("delivery_late").state == "resolved"
    (joined,) = service.events(service.only_case("delivery_late").id, "case.signal_joined")[-1:]
    assert not joined.paused


def test_a_charge_just_below_high_value_pauses_nothing() -> None:
    service = late(promising(lines=(line("3124.93"),)))
    service.take(delivered(200), at=LONG_AFTER)
    assert service.only_case("delivery_late").state == "resolved"


def test_a_risk_that_arrives_later_undoes_nothing() -> None:
    service = late(promising())
    service.take(delivered(200), at=LONG_AFTER)
    service.take(FLAGGED, at=after(421))
    assert service.only_case("delivery_late").state == "resolved"


def test_a_risk_that_arrives_with_the_evidence_pauses() -> None:
    service = late(promising())
    service.take(delivered(200), FLAGGED, at=LONG_AFTER)
    assert service.only_case("delivery_late").state == "open"


def test_after_the_risk_ends_the_next_signal_resolves_the_case() -> None:
    """The end of the risk alone does not touch the case."""
    service = late(promising(), FLAGGED)
    service.take(delivered(200), at=LONG_AFTER)
    accepted = FraudDecided(**signal_fields(421, "accepted"), decision=FraudDecision.ACCEPT)
    service.take(accepted, at=after(422))
    assert service.only_case("delivery_late").state == "open"
    service.take(delivered(200, id="the-carrier-says-so-too"), at=after(423))
    case = service.only_case("delivery_late")
    assert case.state == "resolved"
    assert case.resolution is not None
    assert case.resolution.evidence == ("test/delivered",)


def test_a_kind_that_a_person_decides_is_not_called_paused() -> None:
    service = InMemoryService()
    service.take(promising(), unavailable(), at=after(4))
    service.take(refunded(5), at=after(6))
    for case in service.found():
        assert not any(j.paused for j in service.events(case.id, "case.signal_joined"))
