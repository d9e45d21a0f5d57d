"""Every decision cites the policy's version, the rule, and each test with its value and result."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.facts import OrderFacts, facts_of
from domain.orders.purchase_signals import Customer
from domain.policy.conditions import compile_condition
from domain.policy.decision import Verdict, to_fact_value
from domain.policy.document import Severity
from domain.policy.document_types import Condition
from domain.policy.facts import ORDER_FACTS, CaseFacts, contexts_of, known_facts
from domain.policy.reader import read_policy
from tests.domain.policies import SHIPPED, shipped, small_policy
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    cancelled,
    captured,
    handed_over,
    line,
    placed,
    promising,
    refunded,
    shipping_by,
    statement_lists,
    unavailable,
)

NOBODY_SPOKE = facts_of([])


def detected(kind: str, facts: OrderFacts) -> Any:
    for detector in SHIPPED.detectors:
        if detector.kind == kind and detector.holds(facts):
            return detector.decide(facts)
    return None


def test_a_detection_cites_the_version_the_rule_and_every_test_with_the_value_it_read() -> None:
    decision = detected("payment_mismatch", facts_of([placed(), captured(1, "100.02")]))
    assert (decision.policy, decision.rule) == (SHIPPED.version, "payments-differ-from-charge")
    assert decision.verdicts == (
        Verdict("payment.complete", "is true", True, True),
        Verdict("payment.overpaid", "above 0.01", "0.02", True),
        Verdict("payment.underpaid", "above 0.01", "-0.02", False),
        Verdict("payment.currency_conflict", "is true", False, False),
    )


@pytest.mark.parametrize("difference", ["99.99", "100.00", "100.01"])
def test_a_difference_of_one_cent_is_no_mismatch(difference) -> None:
    assert detected("payment_mismatch", facts_of([placed(), captured(1, difference)])) is None


@pytest.mark.parametrize("amount", ["99.98", "100.02"])
def test_a_difference_of_more_than_one_cent_is_a_mismatch(amount) -> None:
    assert detected("payment_mismatch", facts_of([placed(), captured(1, amount)])) is not None


def test_a_missed_expectation_cites_its_deadline_and_the_milestones_it_read() -> None:
    facts = facts_of([shipping_by(48), handed_over(50, shipment="P1")])
    watch = SHIPPED.watch("parcel-handed-over-by-the-shipping-limit")
    assert watch is not None
    ((part, deadline),) = watch.deadlines(facts)
    assert part == "parcel:P1"
    assert watch.decide(facts, deadline, part).verdicts == (
        Verdict("part.ship_by", "due 2018-01-12T12:00:00Z", "2018-01-12T12:00:00Z", True),
        Verdict(
            "part.handed_over_at", "not after 2018-01-12T12:00:00Z", "2018-01-12T14:00:00Z", False
        ),
        Verdict("milestones.cancelled_at", "not after 2018-01-12T12:00:00Z", None, False),
    )


def test_an_expectation_by_the_end_of_a_day_says_so() -> None:
    facts = facts_of([promising(lines=())])
    watch = SHIPPED.watch("delivered-by-the-promised-day")
    assert watch is not None
    deadline = watch.deadline(facts)
    assert deadline is not None
    tests = {v.fact: (v.test, v.read) for v in watch.decide(facts, deadline).verdicts}
    assert tests["promise.delivery_day_ends"][0] == "ends the day 2018-01-21T00:00:00Z"
    assert tests["milestones.delivered_at"] == ("before 2018-01-21T00:00:00Z", None)


def test_a_conditional_expectation_cites_its_conditions_too() -> None:
    facts = facts_of([placed(tenders=None), captured(1, "90.00")])
    watch = SHIPPED.watch("payments-equal-the-charge-after-a-day")
    assert watch is not None
    deadline = watch.deadline(facts)
    assert deadline is not None
    verdicts = {v.fact: (v.test, v.read, v.passed) for v in watch.decide(facts, deadline).verdicts}
    assert verdicts["payment.tenders_told"] == ("is false", False, True)
    assert verdicts["payment.difference"] == ("at_most 0.01", "10.00", False)


def test_a_route_cites_the_tests_of_the_routes_that_did_not_match() -> None:
    kind = SHIPPED.kind("ship_by_missed")
    case = CaseFacts(kind="ship_by_missed", bucket=kind.bucket, severity=kind.severity, rule="r")
    routing = SHIPPED.route(case, facts_of([placed()]))
    assert (routing.queue, routing.owner_team) == ("fulfilment_release_support", "warehouse_desk")
    assert (routing.decision.policy, routing.decision.rule) == (SHIPPED.version, "warehouse-late")
    verdicts = routing.decision.verdicts
    assert [v.passed for v in verdicts] == [False] * (len(verdicts) - 1) + [True]
    assert verdicts[0] == Verdict(
        "case.kind", "one_of refund_due, refund_failed, refunded_too_much", "ship_by_missed", False
    )


@pytest.mark.parametrize(
    ("kind", "tier", "priority"),
    [
        ("delivery_late", "vip", 450),
        ("cancelled_after_handover", "gold", 530),
        ("payment_mismatch", "standard", 100),
        ("refund_due", "unheard_of", 300),
    ],
)
def test_priority_is_the_sum_of_severity_tier_and_route(kind, tier, priority) -> None:
    facts = of_tier(tier)
    owned = SHIPPED.kind(kind)
    case = CaseFacts(kind=kind, bucket=owned.bucket, severity=owned.severity, rule="r")
    assert SHIPPED.route(case, facts).priority == priority


@pytest.mark.parametrize(
    ("price", "adds"),
    [("199.99", 0), ("200.00", 20), ("999.99", 20), ("1000.00", 60), ("50000.00", 60)],
)
def test_the_value_band_of_an_order_adds_to_the_priority(price: str, adds: int) -> None:
    case = CaseFacts(
        "stock_unavailable", "inventory_conflict", Severity.HIGH, "stock-reported-unavailable"
    )
    cheap = SHIPPED.route(case, facts_of([placed(lines=(line("1.00", "EUR"),))]))
    dear = SHIPPED.route(case, facts_of([placed(lines=(line(price, "EUR"),))]))
    assert dear.priority - cheap.priority == adds
    untold = SHIPPED.route(
        case, facts_of([placed(lines=(line(price, "EUR"),), lines_complete=False)])
    )
    assert untold.priority == cheap.priority


def of_tier(tier: str) -> OrderFacts:
    return facts_of([placed(customer=Customer(id="c", tier=tier))])


def test_each_detection_holds_on_the_orders_it_describes() -> None:
    stories = [
        (placed(lines=(), tenders=()),),
        (unavailable(),),
        (captured(), cancelled()),
        (captured(), unavailable()),
        (handed_over(), cancelled()),
        (placed(5), handed_over(4)),
    ]
    kinds = [{d.kind for d in SHIPPED.detectors if d.holds(facts_of(story))} for story in stories]
    assert kinds == [
        {"payment_missing"},
        {"stock_unavailable"},
        {"refund_due"},
        {"stock_unavailable", "refund_due"},
        {"cancelled_after_handover"},
        {"milestones_out_of_order"},
    ]


# A fact that no signal gives.

TESTS: dict[type[Any], list[dict[str, Any]]] = {
    bool: [{"is_": True}, {"is_": False}, {"one_of": (True, False)}],
    str: [{"is_": "x"}, {"one_of": ("x", "")}, {"is_": ""}],
    Decimal: [{name: "0"} for name in ("is_", "above", "at_least", "below", "at_most")],
    date: [{name: "2018-01-01"} for name in ("is_", "above", "at_least", "below", "at_most")],
}
MAY_BE_UNKNOWN = [path for path, fact in ORDER_FACTS.items() if fact.read(NOBODY_SPOKE) is None]


def passes(condition: Condition, facts: OrderFacts) -> bool:
    faults: list[Any] = []
    compiled = compile_condition(condition, ORDER_FACTS, "", faults)
    assert compiled is not None, faults
    return compiled.holds(facts)


@pytest.mark.parametrize("path", MAY_BE_UNKNOWN)
def test_an_unknown_fact_passes_only_the_test_that_it_is_unknown(path) -> None:
    kind = ORDER_FACTS[path].type
    tests = TESTS.get(kind, [{"at_most": "2199-01-01T00:00:00Z"}, {"is_": "2018-01-01T00:00:00Z"}])
    for test in tests:
        assert not passes(Condition(fact=path, **test), NOBODY_SPOKE)
    assert not passes(Condition(fact=path, known=True), NOBODY_SPOKE)
    assert passes(Condition(fact=path, known=False), NOBODY_SPOKE)


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(story=statement_lists())
def test_verdicts_agree_with_the_decision_and_repeat_the_facts(story) -> None:
    facts = facts_of(story)
    for detector in SHIPPED.detectors:
        known = known_facts(detector.each)
        for part, context in contexts_of(detector.each, facts):
            decision = detector.decide(facts, part)
            for verdict in decision.verdicts:
                if verdict.fact in known:
                    assert verdict.read == to_fact_value(known[verdict.fact].read(context))
            if all(v.passed for v in decision.verdicts):
                assert part in detector.found(facts)
            if not any(v.passed for v in decision.verdicts):
                assert part not in detector.found(facts)


@given(
    condition=st.recursive(
        st.sampled_from(["order.placed", "order.cancelled", "payment.received"]).map(
            lambda path: Condition(fact=path, is_=True)
        ),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: Condition(all=tuple(parts))),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: Condition(any=tuple(parts))),
            inner.map(lambda part: Condition(not_=part)),
        ),
        max_leaves=6,
    ),
    present=st.sets(st.sampled_from([placed(), cancelled(), captured()]).map(lambda s: s.type)),
)
@settings(BOUNDED_SETTINGS, max_examples=150)
def test_nested_conditions_evaluate_as_boolean_logic(condition, present) -> None:
    facts = facts_of([s for s in (placed(), cancelled(), captured()) if s.type in present])
    types = {
        "order.placed": "order.placed",
        "order.cancelled": "order.cancelled",
        "payment.received": "payment.captured",
    }

    def expected(part: Condition) -> bool:
        if part.all is not None:
            return all(expected(inner) for inner in part.all)
        if part.any is not None:
            return any(expected(inner) for inner in part.any)
        if part.not_ is not None:
            return not expected(part.not_)
        return types[part.fact or ""] in present

    assert passes(condition, facts) == expected(condition)


def test_amounts_and_times_are_compared_as_numbers_and_times_not_as_text() -> None:
    rich = facts_of([placed(), captured(1, "100.00"), refunded(2, "9.50")])
    assert passes(Condition(fact="payment.captured", above="9.5"), rich)
    assert passes(Condition(fact="refund.issued", is_="9.5000"), rich)
    noon_in_berlin = "2018-01-10T13:00:00+01:00"
    assert passes(Condition(fact="milestones.placed_at", is_=noon_in_berlin), rich)
    assert not passes(Condition(fact="milestones.paid_at", at_most=noon_in_berlin), rich)


def test_decisions_cite_the_version_of_the_document() -> None:
    document = shipped() | {"version": "2026.11-b"}
    facts = facts_of([unavailable()])
    rulebook = read_policy(document)
    late = facts_of([shipping_by(1), handed_over(2, shipment="P1")])
    cited = {
        d.decide(late, part).policy
        for d in rulebook.detectors
        for part, _ in contexts_of(d.each, late)
    }
    cited |= {
        w.decide(late, deadline, part).policy
        for w in rulebook.watches
        for part, deadline in w.deadlines(late)
    }
    case = CaseFacts(kind="refund_due", bucket="b", severity=Severity.HIGH, rule="r")
    cited.add(rulebook.route(case, facts).decision.policy)
    assert cited == {"2026.11-b"}


def test_an_expectation_that_a_condition_excludes_has_no_deadline() -> None:
    expectation = {
        "rule": "gifts-only",
        "due": {"after": "milestones.placed_at", "within": "PT1H"},
        "met_by": "milestones.paid_at",
        "given": {"fact": "customer.tier", "is": "gift"},
    }
    (watch,) = small_policy(expect=[expectation]).watches
    assert watch.deadline(facts_of([placed()])) is None
    found = watch.deadline(of_tier("gift"))
    assert found is not None
    assert found.at == after(1)
