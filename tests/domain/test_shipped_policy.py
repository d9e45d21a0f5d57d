"""Properties of the shipped policy that operations and governance rely on."""

from __future__ import annotations

import pytest

from domain.orders.facts import facts_of
from domain.orders.systems_of_record import FIELD_OWNERS, StatedField
from domain.policy.document import Automation
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Routing
from tests.domain.policies import SHIPPED
from tests.domain.signals import placed

KINDS = SHIPPED.document.kinds
DISAGREEMENTS = {
    "total_disagreement": StatedField.ORDER_TOTAL,
    "address_disagreement": StatedField.SHIPPING_ADDRESS,
    "quantity_disagreement": StatedField.QUANTITY_SHIPPED,
    "payment_disagreement": StatedField.PAYMENT_AMOUNT,
    "status_disagreement": StatedField.STATUS,
}
PAUSED = {
    "high value": ("high_value_at_risk",),
    "fraud review": ("fraud_review", "duplicate_order"),
    "failed capture": ("payment_failed", "authorization_expiring"),
    "unavailable stock": ("stock_unavailable", "allocation_failure", "oversell"),
    "address risk": ("address_problem", "address_disagreement"),
    "carrier conflict": (
        "carrier_conflict",
        "carrier_exception",
        "delivery_failed",
        "lost",
        "damaged",
    ),
}
PAUSED_BY = {
    "high value": "charge.total",
    "fraud review": "fraud.open",
    "failed capture": "payment.failure_open",
    "unavailable stock": "order.unavailable",
    "address risk": "address.open",
    "carrier conflict": "parcel.contradicted_now",
}


def routed(kind: str) -> Routing:
    owned = KINDS[kind]
    case = CaseFacts(kind=kind, bucket=owned.bucket, severity=owned.severity, rule="r")
    return SHIPPED.route(case, facts_of([placed()]))


def test_every_stated_field_has_one_system_of_record() -> None:
    assert set(FIELD_OWNERS) == set(StatedField) == set(DISAGREEMENTS.values())


@pytest.mark.parametrize("kind", DISAGREEMENTS)
def test_a_disagreement_is_routed_to_the_team_that_reconciles_the_field(kind) -> None:
    assert routed(kind).owner_team == FIELD_OWNERS[DISAGREEMENTS[kind]].owner_team


@pytest.mark.parametrize("risk", PAUSED)
def test_a_kind_that_a_risk_pauses_is_never_automatic(risk) -> None:
    for kind in PAUSED[risk]:
        assert KINDS[kind].automation is not Automation.AUTOMATIC


def test_automation_pauses_for_exactly_the_listed_risks() -> None:
    paused = SHIPPED.document.automation_pauses_when
    assert paused is not None
    assert paused.any is not None
    assert [one.fact for one in paused.any] == [PAUSED_BY[risk] for risk in PAUSED]


def test_a_blocked_kind_says_which_evidence_clears_it() -> None:
    blocked = {n for n, kind in KINDS.items() if kind.automation is Automation.BLOCKED}
    assert {n for n in blocked if KINDS[n].cleared_when is None} == set()


def test_only_out_of_order_milestones_go_to_the_default_route() -> None:
    everyday = {kind for kind in KINDS if routed(kind).decision.rule == "everything-else"}
    assert everyday == {"milestones_out_of_order"}


@pytest.mark.parametrize("queue", SHIPPED.document.queues)
def test_every_queue_gets_some_kind_of_case(queue) -> None:
    assert [kind for kind in KINDS if routed(kind).queue == queue]
