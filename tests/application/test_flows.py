"""The flows of `docs/flows.md` leave the cases that the page names, in any order of arrival."""

from __future__ import annotations

import random

import pytest

from tests.application.flows import (
    PAGE,
    flows,
    live_in_one_batch,
    live_in_order,
    live_one_by_one,
    open_problems,
    problems,
)

FLOWS = flows()
HEALTHY = [name for name, flow in FLOWS.items() if not flow.cases]
by_flow = pytest.mark.parametrize("name", FLOWS)


def test_the_page_has_flows_that_open_cases_and_flows_that_open_none() -> None:
    assert len(HEALTHY) >= 25
    assert len(FLOWS) - len(HEALTHY) >= 25
    assert len(FLOWS) == PAGE.read_text("utf-8").count("\n### ")


@by_flow
def test_a_flow_leaves_these_cases_and_no_others(name: str) -> None:
    assert problems(live_in_order(FLOWS[name])) == FLOWS[name].cases


@pytest.mark.parametrize("name", HEALTHY)
def test_a_flow_without_cases_opens_none_if_it_is_sent_late_in_one_batch(name: str) -> None:
    assert live_in_one_batch(FLOWS[name]).found() == []


@by_flow
def test_the_open_problems_do_not_depend_on_the_order_of_arrival(name: str) -> None:
    flow = FLOWS[name]
    expected = {(kind, part) for kind, part, is_open in flow.cases if is_open}
    assert open_problems(live_in_one_batch(flow)) == expected
    assert open_problems(live_one_by_one(flow, flow.signals)) == expected
    assert open_problems(live_one_by_one(flow, flow.signals[::-1])) == expected
    for seed in range(3):
        mixed = random.Random(f"{name} {seed}").sample(flow.signals, len(flow.signals))
        assert open_problems(live_one_by_one(flow, mixed)) == expected, [s.key for s in mixed]
