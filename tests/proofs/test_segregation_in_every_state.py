"""No human gets two duties in a case, in any state that eight acts lead to. With a rule removed,
the check finds the violations.

`CASETRAIL_PROOFS=whole` explores all states, after any number of acts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from application.log.recorder import LogRecorder
from domain.adjustments.errors import AgentHoldsNoDuty, DutyConflict
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.proofs import duty_ledger
from tests.proofs.branching_recorder import BranchingRecorder, WithoutDuties
from tests.proofs.removed_rule import remove_the_domain_rule
from tests.proofs.scene import Move, ProofScene
from tests.proofs.state_exploration import Exploration, explore

WHOLE = os.environ.get("CASETRAIL_PROOFS") == "whole"
DEPTH = 8
SHALLOWER = 6
"""Enough for every pair of duties to meet."""
HUMANS = ("ana", "bo", "cy", "dee")
PAIRS = (
    ("review", "approve"),
    ("review", "execute"),
    ("review", "reconcile"),
    ("approve", "review"),
    ("approve", "execute"),
    ("approve", "reconcile"),
    ("execute", "review"),
    ("execute", "reconcile"),
)
"""Which duty somebody has, and which comes to it within so few acts."""
SMALL = (
    Move("ana's key", "claim"),
    Move("ana's login", "propose small"),
    Move("bo", "approve"),
    Move("cy", "execute"),
    Move("payer", "paid"),
    Move("dee", "reconcile"),
)
LARGE = (
    Move("ana's key", "claim"),
    Move("ana's key", "propose large"),
    Move("bob", "approve"),
    Move("cy", "approve"),
    Move("dee", "execute"),
)


@pytest.fixture(scope="module")
def with_both() -> Exploration:
    return explore(BranchingRecorder(), None if WHOLE else DEPTH)


@pytest.fixture(scope="module")
def with_both_removed() -> Exploration:
    with pytest.MonkeyPatch.context() as patch:
        remove_the_domain_rule(patch.setattr)
        return explore(WithoutDuties(), SHALLOWER)


def test_no_human_has_two_duties_in_any_state(with_both: Exploration) -> None:
    found = with_both
    print(f"\nboth rules: {found.summary}")
    assert found.findings == {}
    assert found.depth >= DEPTH
    assert min(found.duties[duty] for duty in ("review", "approve", "execute", "reconcile")) > 0
    assert found.refusals["DutyConflict"] > found.refusals["AgentHoldsNoDuty"] > 0


def test_no_human_has_two_duties_with_two_adjustments_at_once() -> None:
    found = explore(BranchingRecorder(), DEPTH if WHOLE else 5, at_once=2)
    print(f"\ntwo adjustments at once: {found.summary}")
    assert found.findings == {}


def test_merged_states_lead_to_the_same_states(with_both: Exploration) -> None:
    depth = 5 if WHOLE else 4
    found = explore(BranchingRecorder(), depth, alike=({},))
    print(f"\neach by itself: {found.summary}")
    assert found.findings == {}
    whole = {state for state, at in with_both.seen.items() if at <= depth}
    assert found.states > len(whole)
    assert found.merged | {next(iter(with_both.seen))} == whole


def test_without_both_rules_every_pair_of_duties_occurs(with_both_removed: Exploration) -> None:
    found = with_both_removed
    print(f"\nneither rule: {found.summary}")
    expected = {
        f"{human} has the duty to {held} and takes the one to {taken}"
        for human in HUMANS
        for held, taken in PAIRS
    }
    assert expected <= found.findings.keys()


def test_the_database_rule_is_enough_without_the_domain_rule(
    with_both: Exploration, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_the_domain_rule(monkeypatch.setattr)
    found = explore(BranchingRecorder(), SHALLOWER)
    print(f"\nthe database's rule alone: {found.summary}")
    assert found.findings == {}
    assert found.refusals["DutyConflict"] > 0
    # It allows nothing that both rules together refuse.
    assert found.seen == {state: at for state, at in with_both.seen.items() if at <= SHALLOWER}


def test_without_the_domain_rule_each_way_to_a_second_duty_is_refused(
    with_both_removed: Exploration, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_the_domain_rule(monkeypatch.setattr)
    recorder = BranchingRecorder()
    scene = ProofScene(recorder)
    case = scene.open_new_case()
    base = recorder.place()
    ways: dict[tuple[Move, ...], list[Move]] = {}
    for path in with_both_removed.paths:
        ways.setdefault(path[:-1], []).append(path[-1])
    for way, ends in ways.items():
        recorder.back_to(base)
        there = scene.move_clock(way, scene.at(case))
        for end in ends:
            with pytest.raises(DutyConflict):
                scene.make(end, there)
    assert sum(map(len, ways.values())) > 1_000


def test_postgresql_refuses_every_second_duty(
    with_both_removed: Exploration, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses the last act of the shortest path to each finding."""
    remove_the_domain_rule(monkeypatch.setattr)
    recorder = PostgresLogRecorder(Datastore(dsn))
    scene = ProofScene(recorder)
    for n, (*way, end) in enumerate(with_both_removed.findings.values()):
        there = scene.move_clock(way, scene.open_new_case(f"o-{n}", f"c-{n}"))
        with pytest.raises(DutyConflict):
            scene.make(end, there)
    pages = duty_ledger.read(_states(recorder))
    recorder.close()
    assert len(with_both_removed.findings) >= len(HUMANS) * len(PAIRS)
    # Two cases of each order; the ledger has a page for every one and no finding.
    assert len(pages) >= len(with_both_removed.findings)
    assert [finding for page in pages.values() for finding in page.findings] == []


def test_an_agent_is_refused_with_every_role() -> None:
    scene = ProofScene(BranchingRecorder())
    there = scene.move_clock(SMALL[:2], scene.open_new_case())
    with pytest.raises(AgentHoldsNoDuty):
        scene.make(Move("cy's agent", "approve"), there)


Lines = list[dict[str, Any]]


def _of(lines: Lines, tag: str) -> dict[str, Any]:
    return [line for line in lines if line["event"]["type"] == f"case.adjustment_{tag}"][-1]


def _actor_with(tag: str, **actor: object) -> Callable[[Lines], None]:
    return lambda lines: _of(lines, tag)["actor"].update(actor)


def _event_with(tag: str, **changes: object) -> Callable[[Lines], None]:
    return lambda lines: _of(lines, tag)["event"].update(changes)


def _twice(tag: str) -> Callable[[Lines], None]:
    return lambda lines: lines.insert(lines.index(_of(lines, tag)), _of(lines, tag))


def _without(tag: str) -> Callable[[Lines], None]:
    return lambda lines: lines.remove(_of(lines, tag))


@pytest.mark.parametrize(
    ("story", "spoil", "finding"),
    [
        (SMALL, _actor_with("approved", person="ana"), "ana has the duty to review"),
        (SMALL, _actor_with("execution_started", person="bob"), "bo has the duty to approve"),
        (SMALL, _actor_with("reconciled", delegate="cy"), "cy has the duty to execute"),
        (SMALL, _actor_with("approved", via=["reader"]), "an agent takes the duty to approve"),
        (SMALL, _actor_with("reconciled", via=["reader"]), "an agent takes the duty to reconcile"),
        (SMALL, _actor_with("execution_started", person=None), "nobody takes the duty to execute"),
        (SMALL, _event_with("approved", digest="00"), "something else is approved"),
        (
            SMALL,
            _event_with("executed", amount={"amount": "40.01"}),
            "more is paid than was approved",
        ),
        (SMALL, _twice("executed"), "it is paid twice"),
        (SMALL, _twice("execution_started"), "it is ordered to be paid twice"),
        (SMALL, _twice("proposed"), "is proposed twice"),
        (SMALL, _without("proposed"), "that nobody proposed"),
        (SMALL, _without("approved"), "what is proposed is ordered to be paid"),
        (SMALL, _without("execution_started"), "what is approved is paid"),
        (SMALL, _without("executed"), "what is executing is reconciled"),
        (LARGE, _actor_with("approved", person="bo"), "bo approves twice"),
        (LARGE, _actor_with("approved", person="ana", delegate="bob"), "ana, bo approves twice"),
        (LARGE, _without("approved"), "what is proposed is ordered to be paid"),
        (LARGE, _twice("approved"), "what is approved is approved"),
        (LARGE, _event_with("approved", complete=False), "2 of 2 approvals are called enough"),
    ],
)
def test_the_ledger_finds_each_violation(
    story: Sequence[Move], spoil: Callable[[Lines], None], finding: str
) -> None:
    recorder = BranchingRecorder()
    scene = ProofScene(recorder)
    scene.move_clock(story, scene.open_new_case())
    states = _states(recorder)
    assert duty_ledger.findings(states) == []
    lines = [msgspec.json.decode(state) for state in states]
    spoil(lines)
    found = duty_ledger.findings(map(msgspec.json.encode, lines))
    assert any(finding in one for one in found), found


def _states(recorder: LogRecorder) -> list[bytes]:
    return [state for _, state in recorder.select_positions(0, 1_000_000)]
