"""A policy names a team and a time for each stage; what is wrong in it is named with its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from domain.errors import Invalid
from domain.policy.differences import find_differences
from domain.policy.document import canonical_json
from domain.policy.reader import read_policy
from tests.domain.policies import SHIPPED, shipped
from tests.domain.standard_work import STAGES, with_stages


def with_change(stage: str, **change: Any) -> Any:
    stages: Any = copy.deepcopy(STAGES)
    stages[stage] |= change
    return stages


@pytest.mark.parametrize(
    ("stages", "pointer", "detail"),
    [
        ({"intake": STAGES["intake"]}, "/stages", "delivery"),
        ({s: STAGES[s] for s in STAGES if s != "return"}, "/stages", "return"),
        (with_change("payment", calendar="moon"), "/stages/payment/calendar", "moon"),
        (with_change("payment", within="PT0S"), "/stages/payment/within", "0 seconds"),
        (with_change("payment", within="P4000D"), "/stages/payment/within", "4000 days"),
        (with_change("payment", calendar="desk", within="P200D"), "/stages/payment/within", "200"),
        (with_change("payment", owner_team="The Desk"), "/stages/payment/owner_team", "letter"),
        (with_change("payment", owner="ana"), "/stages/payment/owner", ""),
        (
            {**STAGES, "packing": STAGES["release"]},
            "/stages/packing",
            "no stage packing; known are: allocation",
        ),
    ],
)
def test_a_fault_has_its_place(stages: Any, pointer: str, detail: str) -> None:
    with pytest.raises(Invalid) as raised:
        with_stages(stages=stages)
    found = [fault.detail for fault in raised.value.faults if fault.pointer == pointer]
    assert any(detail in text for text in found), raised.value.faults


def test_a_policy_without_stages_is_valid_and_is_written_as_before() -> None:
    document = shipped()
    del document["stages"]
    rulebook = read_policy(document)
    assert not rulebook.standard_work.names_stages
    assert b"stages" not in canonical_json(rulebook.document)
    assert SHIPPED.standard_work.names_stages


def test_a_difference_names_the_stage() -> None:
    before, after = with_stages("a"), with_stages("b", with_change("payment", within="PT8H"))
    (version, difference) = find_differences(before.document, after.document)
    assert version.where == "version"
    assert str(difference) == "stage payment, within: 1 day → 8 hours"
