"""Every difference between two policies has a sentence."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.policy.differences import find_differences
from domain.policy.document import PolicyDocument, canonical_json
from tests.domain.policies import shipped


def document(plain: dict[str, Any]) -> PolicyDocument:
    return msgspec.convert(plain, PolicyDocument)


def sentences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [str(one) for one in find_differences(document(before), document(after))]


def test_each_change_has_its_sentence() -> None:
    new = shipped()
    new["kinds"]["delivery_late"]["severity"] = "critical"
    new["queues"]["payment_hold_review"]["claim_lease"] = "PT4H"
    new["priorities"]["severity"]["low"] = 7
    new["detect"] = [rule for rule in new["detect"] if rule["rule"] != "stock-reported-unavailable"]
    new["version"] = "next"
    old = shipped()
    removed = [rule["rule"] for rule in old["detect"] if rule not in new["detect"]]
    assert removed
    old["kinds"]["delivery_late"]["reopen_within"] = "P1DT30M"
    found = sentences(old, new)
    assert f"version: {old['version']} → next" in found
    severity = old["kinds"]["delivery_late"]["severity"]
    assert f"kind delivery_late, severity: {severity} → critical" in found
    lease = old["queues"]["payment_hold_review"]["claim_lease"]
    assert lease == "PT8H"
    assert "queue payment_hold_review, claim lease: 8 hours → 4 hours" in found
    assert "kind delivery_late, reopen within: was removed (1 day 30 minutes)" in found
    low = old["priorities"]["severity"]["low"]
    assert f"priorities, severity, low: {low} → 7" in found
    for rule in removed:
        assert any(one.startswith(f"rule {rule}: was removed") for one in found)


def test_conditions_are_written_as_sentences() -> None:
    new = shipped()
    rule = new["detect"][0]
    rule["when"] = {
        "all": [
            {"fact": "payment.complete", "is": True},
            {"not": {"fact": "payment.overpaid", "above": "0.02"}},
        ]
    }
    (one,) = sentences(shipped(), new)
    assert one.startswith(f"rule {rule['rule']}, when: ")
    assert one.endswith("→ (payment.complete is yes and not payment.overpaid above 0.02)")


def test_the_order_of_routes_counts() -> None:
    new = shipped()
    names = [route["rule"] for route in new["route"]]
    new["route"].append(new["route"].pop(0))
    (one,) = sentences(shipped(), new)
    assert one == f"route {names[0]}: was moved: first → after {names[-1]}"
    new = shipped()
    new["route"] = [*new["route"][2:], *new["route"][:2]]
    assert sentences(shipped(), new) == [
        f"route {names[0]}: was moved: first → after {names[-1]}",
        f"route {names[1]}: was moved, and is still after {names[0]}",
    ]


def test_rules_that_are_added_or_removed_move_no_others() -> None:
    old, new = shipped(), shipped()
    names = [rule["rule"] for rule in old["detect"]]
    added = [{**old["detect"][0], "rule": f"own-{n}"} for n in (1, 2, 3)]
    new["detect"] = [added[0], added[1], *new["detect"][:1], *new["detect"][2:], added[2]]
    found = sentences(old, new)
    assert [one.partition(": ")[0] for one in found] == [
        f"rule {names[1]}",
        "rule own-1",
        "rule own-2",
        "rule own-3",
    ]
    assert found[0].startswith(f"rule {names[1]}: was removed (")
    assert found[1].startswith(f"rule own-1: was added before {names[0]}: ")
    assert found[2].startswith(f"rule own-2: was added before {names[0]}: ")
    assert found[3].startswith("rule own-3: was added: ")


def test_a_rule_that_is_moved_and_changed_has_a_sentence_for_each() -> None:
    old, new = shipped(), shipped()
    rule = new["detect"].pop(4)
    new["detect"].insert(1, {**rule, "when": {"fact": "order.cancelled", "is": True}})
    name, first, before = (old["detect"][n]["rule"] for n in (4, 0, 3))
    changed, moved = sentences(old, new)
    assert changed.startswith(f"rule {name}, when: ")
    assert moved == f"rule {name}: was moved: after {before} → after {first}"


def test_true_and_one_are_different() -> None:
    one, other = shipped(), shipped()
    one["detect"][0]["when"] = {"fact": "order.cancelled", "is": True}
    other["detect"][0]["when"] = {"fact": "order.cancelled", "is": 1}
    assert len(sentences(one, other)) == 1


PLACES = st.randoms(use_true_random=False)


def mutate(plain: Any, random: Any) -> None:
    """Change, remove, add or move one part at random."""
    here = plain
    while True:
        keys = [*here] if isinstance(here, dict) else [*range(len(here))]
        if not keys:
            return
        key = random.choice(keys)
        part = here[key]
        if isinstance(part, dict | list) and part and random.random() < 0.8:
            here = part
            continue
        match random.randrange(4):
            case 0 if isinstance(part, str):
                here[key] = part + "x"
            case 1 if isinstance(part, int) and not isinstance(part, bool):
                here[key] = part + 1
            case 2:
                here.pop(key)
            case _ if isinstance(here, list):
                here.insert(random.randrange(len(here)), copy.deepcopy(part))
            case _:
                here[key] = random.choice([None, True, 1, "1", {}, []])
        return


@given(PLACES, st.integers(1, 4))
def test_there_are_no_differences_exactly_when_both_are_equal(random: Any, times: int) -> None:
    one, other = shipped(), shipped()
    for _ in range(times):
        mutate(random.choice([one, other]), random)
    try:
        before, after = document(one), document(other)
    except msgspec.ValidationError:
        return  # not a policy document
    found = find_differences(before, after)
    assert (not found) == (canonical_json(before) == canonical_json(after))
    assert all(str(one).strip() for one in found)
    assert bool(find_differences(after, before)) == bool(found)
