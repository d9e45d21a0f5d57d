"""In every state that acts on the policy can reach, no control is laxer than what two people agreed on."""

from __future__ import annotations

import os

import pytest

from domain.policy import governance_decisions
from tests.proofs.policy_exploration import Exploration, explore

WHOLE = os.environ.get("CASETRAIL_PROOFS") == "whole"
ACTS = {
    *("propose", "simulate", "approve", "activate", "reject"),
    *("emergency", "ratify", "roll back", "wait", "link"),
}


def print_figures(name: str, found: Exploration, depth: int) -> None:
    refused = ", ".join(f"{count:,} {what}" for what, count in found.refusals.most_common())
    print(
        f"\n{name}: {len(found.seen):,} states by {depth} acts, {found.transitions:,} transitions of "
        f"{found.attempts:,} attempts; {refused}"
    )


def test_no_state_has_a_laxer_control_than_two_people_agreed_on() -> None:
    depth = 4 if WHOLE else 3
    found = explore(depth)
    print_figures("three documents", found, depth)
    assert found.findings == {}
    assert len(found.seen) > 5_000


def test_no_state_of_one_proposal_has_a_finding_however_it_came_about() -> None:
    """Deeper, with one document: long enough to link names after the approval, and to go back."""
    depth = 7 if WHOLE else 5
    found = explore(depth, ["strict"])
    print_figures("one document", found, depth)
    assert found.findings == {}
    assert found.acts.keys() == ACTS


@pytest.mark.parametrize(
    ("rule", "documents", "depth", "finding", "way"),
    [
        ("require_changeable_alone", ["lax"], 1, "laxer by one person", ["emergency"]),
        ("require_changeable_alone", [], 1, "laxer by one person", ["roll back"]),
        (
            "require_simulation",
            ["lax"],
            3,
            "a policy without a simulation",
            ["propose", "approve", "activate"],
        ),
        ("require_not_author", ["strict"], 2, "ratified by its author", ["emergency", "ratify"]),
        (
            "require_two_persons",
            ["strict"],
            5,
            "a policy of one person",
            ["propose", "approve", "simulate", "link", "activate"],
        ),
    ],
)
def test_without_a_rule_the_exploration_finds_the_way(
    rule: str,
    documents: list[str],
    depth: int,
    finding: str,
    way: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(governance_decisions, rule, lambda *_: None)
    found = explore(depth, documents).findings
    assert sorted(move.act for move in found[finding]) == sorted(way)


def test_two_rules_keep_an_author_from_approving(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at the approval, and again at the activation."""
    monkeypatch.setattr(governance_decisions, "require_not_author", lambda *_: None)
    assert "a policy of one person" not in explore(4, ["strict"]).findings
    monkeypatch.setattr(governance_decisions, "require_two_persons", lambda *_: None)
    found = explore(4, ["strict"]).findings["a policy of one person"]
    assert {move.act for move in found} == {"propose", "approve", "simulate", "activate"}
