"""A rule with `each` decides about each part; its decisions and deadlines are named by the part's key."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.errors import Invalid
from domain.orders.parts import (
    LinePart,
    OrderParts,
    ParcelPart,
    PartKind,
    PaymentPart,
    part_key,
    split_part_key,
)
from domain.policy.decision import Verdict
from domain.policy.expectations import TIME_RESOLUTION, Deadline, Watch
from domain.policy.facts import ORDER_FACTS, OWN_FACTS, PART_FACTS, feeds_of
from domain.policy.reader import read_policy
from domain.policy.rulebook import Rulebook
from tests.domain.parts import order_of
from tests.domain.policies import shipped, small_policy
from tests.domain.signals import after, cancelled, placed

LOST = {"fact": "part.lost_open", "is": True}
FOUND = {"fact": "part.lost_open", "is": False}
LOSS = {"rule": "parcel-lost", "each": "parcel", "when": LOST}
LATE = {
    "rule": "parcel-late",
    "each": "parcel",
    "due": {"by_end_of_day": "part.promised_by"},
    "met_by": "part.delivered_at",
    "void_by": ["milestones.cancelled_at"],
}
TWO = order_of(parcel=[ParcelPart("P1", lost_open=True), ParcelPart("P2", lost_open=False)])


def watch_of(**changes: Any) -> Watch:
    (watch,) = small_policy(expect=[{**LATE, **changes}]).watches
    return watch


def faults_of(**policy: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        small_policy(**policy)
    return [(fault.pointer, fault.detail) for fault in refused.value.faults]


def test_a_part_key_names_the_kind_and_the_id() -> None:
    for kind in PartKind:
        assert split_part_key(part_key(kind, "a:b")) == (kind, "a:b")
    assert part_key(PartKind.PARCEL, "P1") == "parcel:P1"
    assert split_part_key("") is None
    for wrong in ("parcel", "box:1"):
        with pytest.raises(ValueError, match=wrong):
            split_part_key(wrong)


def test_the_parts_of_every_kind_are_found() -> None:
    parts = OrderParts(return_=("r",), line=("l",))  # type: ignore[arg-type]
    assert {kind: parts.of(kind) for kind in PartKind} == {
        kind: {"line": ("l",), "return": ("r",)}.get(kind, ()) for kind in PartKind
    }


def test_a_detection_finds_the_parts_for_which_it_holds() -> None:
    (rule,) = small_policy(detect=[LOSS]).detectors
    assert (rule.each, rule.found(TWO)) == (PartKind.PARCEL, ("parcel:P1",))
    assert rule.holds(TWO)
    assert not rule.holds(order_of(parcel=[ParcelPart("P1")]))
    assert rule.found(order_of()) == ()
    assert rule.decide(TWO, "parcel:P1").verdicts == (
        Verdict("part.lost_open", "is true", True, True),
    )
    assert rule.decide(TWO, "parcel:P2").verdicts == (
        Verdict("part.lost_open", "is true", False, False),
    )


@pytest.mark.parametrize("part", ["", "parcel:P9", "line:P1"])
def test_a_rule_over_parts_decides_only_about_a_part_that_is_there(part) -> None:
    (rule,) = small_policy(detect=[LOSS]).detectors
    with pytest.raises(LookupError, match="looks at each parcel"):
        rule.decide(TWO, part)


def test_a_rule_on_the_order_finds_the_whole_order() -> None:
    when = {"all": [{"fact": "order.placed", "is": True}, {"any": "parcel", "where": LOST}]}
    (rule,) = small_policy(detect=[{"rule": "any-lost", "when": when}]).detectors
    whole = order_of([placed()], parcel=TWO.parts.parcel)
    assert (rule.each, rule.found(whole), rule.found(TWO)) == (None, ("",), ())
    assert rule.decide(whole).verdicts == (
        Verdict("order.placed", "is true", True, True),
        Verdict("any(parcel where part.lost_open is true)", "is true", True, True),
    )


def test_a_rule_over_parts_also_reads_the_order_and_its_other_parts() -> None:
    when = {
        "all": [
            {"fact": "order.placed", "is": True},
            {"fact": "part.value", "above": {"fact": "charge.total"}},
            {"any": "parcel", "where": LOST},
        ]
    }
    (rule,) = small_policy(detect=[{"rule": "dear", "each": "line", "when": when}]).detectors
    lines = [LinePart("a", value=Decimal(500), currency="BRL"), LinePart("b", value=Decimal(1))]
    facts = order_of([placed()], line=lines, parcel=TWO.parts.parcel)
    assert rule.found(facts) == ("line:a",)
    compared = rule.decide(facts, "line:a").verdicts[1]
    total = facts.charge.total
    assert compared == Verdict("part.value", f"above charge.total ({total})", "500", True)


def test_an_expectation_of_each_part_has_the_deadlines_of_all_parts() -> None:
    watch = watch_of()
    facts = order_of(
        parcel=[
            ParcelPart("due", promised_by=after(5)),
            ParcelPart("arrived", promised_by=after(5), delivered_at=after(4)),
            ParcelPart("late", promised_by=after(5), delivered_at=after(5)),
            ParcelPart("never"),
        ]
    )
    five = Deadline(after(5), after(5))
    assert watch.deadlines(facts) == [(f"parcel:{id}", five) for id in ("due", "arrived", "late")]
    assert watch.open_deadlines(facts) == [("parcel:due", five), ("parcel:late", five)]
    assert watch.deadline_of(facts, "parcel:never") is None
    assert (watch.deadline(facts), watch.open_deadline(facts)) == (None, None)
    assert watch.settled(facts, five, "parcel:arrived")
    assert not watch.settled(facts, five, "parcel:late")
    assert not watch.settled(facts, five, "parcel:gone")
    assert watch.decide(facts, five, "parcel:late").verdicts == (
        Verdict(
            "part.promised_by", "ends the day 2018-01-10T17:00:00Z", "2018-01-10T17:00:00Z", True
        ),
        Verdict("part.delivered_at", "before 2018-01-10T17:00:00Z", "2018-01-10T17:00:00Z", False),
        Verdict("milestones.cancelled_at", "before 2018-01-10T17:00:00Z", None, False),
    )
    with pytest.raises(LookupError, match="parcel:gone"):
        watch.decide(facts, five, "parcel:gone")
    called_off = order_of([placed(), cancelled(1)], parcel=facts.parts.parcel)
    assert watch.open_deadlines(called_off) == []


def test_conditions_of_an_expectation_read_the_part() -> None:
    watch = watch_of(
        given={"fact": "part.failure_open", "is": False},
        due={"after": "part.promised_by", "within": "PT2H"},
        met_by=None,
        met_when=FOUND,
    )
    facts = order_of(
        parcel=[
            ParcelPart("P1", promised_by=after(1), failure_open=False, lost_open=True),
            ParcelPart("P2", promised_by=after(1), failure_open=False, lost_open=False),
            ParcelPart("P3", promised_by=after(1), failure_open=True),
        ]
    )
    three = Deadline(after(3), after(3) + TIME_RESOLUTION)
    assert watch.deadlines(facts) == [("parcel:P1", three), ("parcel:P2", three)]
    assert [watch.met_when_due(facts, f"parcel:P{n}") for n in (1, 2, 9)] == [False, True, False]


def test_an_expectation_of_the_order_has_one_deadline_under_the_empty_key() -> None:
    due = {"after": "milestones.placed_at", "within": "PT1H"}
    expected = {"rule": "paid", "due": due, "met_by": "milestones.paid_at"}
    (watch,) = small_policy(expect=[expected]).watches
    facts = order_of([placed()])
    found = watch.deadline(facts)
    assert found is not None
    assert found.at == after(0) + timedelta(hours=1)
    assert watch.deadlines(facts) == watch.open_deadlines(facts) == [("", found)]
    assert watch.open_deadline(facts) == found


def clearing_policy(**kind: Any) -> Rulebook:
    return small_policy(detect=[LOSS], expect=[LATE], cleared_when=FOUND, **kind)


def test_a_part_is_cleared_by_its_own_facts() -> None:
    rulebook = clearing_policy()
    assert rulebook.cleared("trouble", "parcel-lost", TWO, "parcel:P1") is None
    decision = rulebook.cleared("trouble", "parcel-lost", TWO, "parcel:P2")
    assert decision is not None
    assert decision.rule == "trouble.cleared_when"
    assert decision.verdicts == (Verdict("part.lost_open", "is false", False, True),)
    assert rulebook.cleared("trouble", "parcel-lost", TWO, "parcel:P3") is None
    assert rulebook.cleared("trouble", "parcel-lost", TWO) is None


def test_a_part_is_cleared_by_what_met_its_expectation() -> None:
    rulebook = clearing_policy()
    parcels = [
        ParcelPart("P1", promised_by=after(5), delivered_at=after(4)),
        ParcelPart("P2", promised_by=after(5), delivered_at=after(6)),
    ]
    facts = order_of(parcel=parcels)
    decision = rulebook.cleared("trouble", "parcel-late", facts, "parcel:P1")
    assert decision is not None
    assert decision.rule == "parcel-late"
    assert rulebook.cleared("trouble", "parcel-late", facts, "parcel:P2") is None


def test_a_condition_without_parts_clears_every_part_that_is_there() -> None:
    rulebook = small_policy(detect=[LOSS], cleared_when={"fact": "order.cancelled", "is": True})
    facts = order_of([cancelled()], parcel=TWO.parts.parcel)
    assert rulebook.cleared("trouble", "parcel-lost", facts, "parcel:P1") is not None
    assert rulebook.cleared("trouble", "parcel-lost", facts) is not None
    assert rulebook.cleared("trouble", "parcel-lost", facts, "parcel:P9") is None


def test_a_rule_is_fed_by_the_facts_of_its_parts() -> None:
    rulebook = clearing_policy()
    (rule,), (watch,) = rulebook.detectors, rulebook.watches
    parcels = feeds_of(["parcel[].id"])
    assert parcels == frozenset().union(
        *(
            PART_FACTS[PartKind.PARCEL][f"part.{name}"].feeds
            for name in ParcelPart.__struct_fields__
        )
    )
    assert rule.feeds == parcels
    assert watch.feeds == parcels | ORDER_FACTS["milestones.cancelled_at"].feeds
    assert rulebook.signal_types_by_kind["trouble"] == rule.feeds | watch.feeds
    assert rulebook.detectors_for(frozenset({"shipment.scanned"})) == (rule,)
    assert rulebook.detectors_for(frozenset({"payment.captured"})) == ()
    delivered = frozenset({"shipment.delivered"})
    assert list(rulebook.affected.by(delivered, frozenset({"parcel[]"})).watches) == [0]
    assert list(rulebook.affected.by(delivered, frozenset({"payment"})).watches) == []
    sums = {"sum": "payment.captured", "where": {"any": "parcel", "where": LOST}, "above": "1 EUR"}
    (summing,) = small_policy(detect=[{"rule": "sums", "when": sums}]).detectors
    assert summing.facts == {
        *("payment[].captured", "payment[].currency", "payment[].id"),
        *("parcel[].lost_open", "parcel[].id"),
    }
    assert summing.feeds == parcels | feeds_of(["payment[].id"])


PARCEL_FACTS = ", ".join(sorted(OWN_FACTS[PartKind.PARCEL]))
NEEDS_EACH = "only a rule with `each` and a `where` can read facts of a part"


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"due": {"at": "part.promised_yb"}}, "/due/at", f"there is no parcel fact part.promised_yb; known are: {PARCEL_FACTS}"),
        ({"due": {"at": "part.lost_open"}}, "/due/at", "part.lost_open is not a time; times are: contact"),
        ({"met_by": "part.captured"}, "/met_by", "there is no parcel fact part.captured"),
        ({"void_by": ["part.void"]}, "/void_by/0", "there is no parcel fact part.void"),
        ({"given": {"fact": "part.lots", "is": True}}, "/given/fact", "there is no parcel fact part.lots"),
        ({"met_by": None, "met_when": {"fact": "part.lots", "is": True}}, "/met_when/fact", "there is no parcel fact"),
        ({"each": None}, "/due/by_end_of_day", f"part.promised_by: {NEEDS_EACH}"),
        ({"each": None}, "/met_by", f"part.delivered_at: {NEEDS_EACH}"),
        ({"each": "box"}, "/each", "'box' is not one of: line, charge, parcel"),
    ],
)  # fmt: skip
def test_a_fault_of_an_expectation_over_parts_names_its_place(change, pointer, says) -> None:
    found = faults_of(expect=[{**LATE, **change}])
    assert [one for one in found if one[0] == f"/expect/0{pointer}" and says in one[1]], found


def test_a_fact_of_a_part_without_each_is_a_fault() -> None:
    (fault,) = faults_of(detect=[{**LOSS, "each": None}])
    assert fault == (
        "/detect/0/when/fact",
        f"part.lost_open: {NEEDS_EACH}: add `each` to the rule, or ask with any, every, count or sum",
    )


def test_a_kind_is_cleared_by_a_part_only_if_all_its_rules_look_at_parts() -> None:
    whole = {"rule": "gone", "when": {"fact": "order.cancelled", "is": True}}
    (fault,) = faults_of(detect=[LOSS, whole], cleared_when=FOUND)
    assert fault[0] == "/kinds/trouble/cleared_when/fact"
    assert "rule gone of this kind looks at the whole order: give it `each`" in fault[1]


def test_a_kind_is_cleared_by_a_fact_that_all_its_parts_have() -> None:
    lines = {"rule": "lines", "each": "line", "when": {"fact": "part.value", "above": "1"}}
    (fault,) = faults_of(detect=[LOSS, lines], cleared_when=FOUND)
    assert fault[0] == "/kinds/trouble/cleared_when/fact"
    assert fault[1].startswith("there is no line fact part.lost_open; known are: part.")
    shared = small_policy(
        detect=[LOSS, lines], cleared_when={"fact": "part.id", "one_of": ["P1", "a"]}
    )
    facts = order_of(parcel=TWO.parts.parcel, line=[LinePart("a"), LinePart("b")])
    keys = ("parcel:P1", "parcel:P2", "line:a", "line:b")
    cleared = [key for key in keys if shared.cleared("trouble", "lines", facts, key)]
    assert cleared == ["parcel:P1", "line:a"]


def test_a_fault_that_all_parts_share_is_listed_once() -> None:
    lines = {"rule": "lines", "each": "line", "when": {"fact": "part.value", "above": "1"}}
    wrong = {"fact": "order.nothing", "is": True}
    assert [p for p, _ in faults_of(detect=[LOSS, lines], cleared_when=wrong)] == [
        "/kinds/trouble/cleared_when/fact"
    ]


def test_routes_and_the_other_order_conditions_ask_about_parts() -> None:
    facts = order_of(payment=[PaymentPart("a"), PaymentPart("b")])
    rulebook = small_policy(detect=[{"rule": "two", "when": {"count": "payment", "is": 2}}])
    assert rulebook.detectors[0].decide(facts).verdicts == (
        Verdict("count(payment)", "is 2", 2, True),
    )


def test_the_rules_over_parts_of_the_page_on_policy_find_what_the_page_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    section = page.partition("## Rules over parts\n")[2]
    (shown, *_) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    rules = yaml.safe_load(shown)
    document = shipped()
    for part, added in rules.items():
        names = {rule["rule"] for rule in added}
        document[part] = [*added, *(r for r in document[part] if r["rule"] not in names)]
    rulebook = read_policy(document)
    facts = order_of(
        parcel=[
            ParcelPart("P1", lost_open=True, promised_by=after(1)),
            ParcelPart("P2", lost_open=True, promised_by=after(1), delivered_at=after(0)),
        ],
        payment=[PaymentPart("p", captured=Decimal(11), left=Decimal(1), currency="EUR")],
        line=[LinePart("a", ordered=2)],
    )
    each, whole = rulebook.detectors[:2]
    assert each.found(facts) == ("parcel:P1", "parcel:P2")
    assert whole.found(facts) == ("",)
    assert [v.read for v in whole.decide(facts).verdicts] == [2, "11 EUR", True]
    assert rulebook.watches[0].open_deadlines(facts) == [
        ("parcel:P1", Deadline(after(1), after(1)))
    ]
