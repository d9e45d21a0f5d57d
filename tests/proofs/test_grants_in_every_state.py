"""Two managers give the role that approves a refund, and names are linked at any moment: in no state that some acts
lead to is a refund paid that somebody approved whose role no two people gave to a third. With a rule removed, the
same search finds how.

`CASETRAIL_PROOFS=whole` explores one more act.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pytest

from application.money.current_people import CurrentPeople
from application.people import grant_desk, person_states
from domain import grant_validity, grants
from domain.person import Person
from tests.proofs.branching_recorder import BranchingRecorder
from tests.proofs.grant_scene import ChainScene, GrantScene
from tests.proofs.order_exploration import explore
from tests.proofs.order_judge import judge_of
from tests.proofs.order_scene import FIRST, WORTH, Move

WHOLE = os.environ.get("CASETRAIL_PROOFS") == "whole"
PROPOSED = (Move("olga", "give"),)
CONFIRMED = (*PROPOSED, Move("otto", "confirm", "g1"))
APPROVED = (*CONFIRMED, Move("bo", "approve", FIRST))
STARTS: dict[str, tuple[int, Sequence[Move]]] = {
    "nobody has the role": (3, ()),
    "the role is proposed": (4, PROPOSED),
    "the role is confirmed": (3, CONFIRMED),
    "its receiver has approved": (3, APPROVED),
}
"""How deep the search goes, and after which acts."""


@pytest.mark.parametrize("name", STARTS)
def test_nobody_is_paid_by_a_role_that_no_two_people_gave(name: str) -> None:
    depth, before = STARTS[name]
    found = explore(BranchingRecorder(), depth + WHOLE, before, GrantScene)
    print(f"\n{name}, {depth + WHOLE} acts deep: {found.summary}")
    assert found.findings == {}
    assert min(found.acts[act] for act in ("give", "confirm", "link")) > 0
    assert found.acts["execute"] > 0 or not before
    assert found.refusals["AnotherPersonNeeded"] > 0
    assert found.refusals["ApprovalsNoLongerHold"] > 0 or not before


MADE = (Move("olga", "give", "mia"), Move("otto", "confirm", "mia g1"))
GIVEN = (*MADE, Move("mia", "give", "bo"), Move("oona", "confirm", "bo g1"))
CONFIRMED_BY_MIA = (*MADE, Move("oona", "give", "bo"), Move("mia", "confirm", "bo g1"))
CHAINS: dict[str, tuple[int, Sequence[Move]]] = {
    "mia is a manager": (3, MADE),
    "mia gave the role": (3, GIVEN),
    "mia confirmed the role": (3, CONFIRMED_BY_MIA),
    "the receiver of the role that mia gave has approved": (
        *(3, (*GIVEN, Move("bo", "approve", FIRST))),
    ),
}
"""How deep the search goes, and after which acts."""


@pytest.mark.parametrize("name", CHAINS)
def test_nobody_is_paid_by_a_role_from_a_manager_whose_own_role_is_void(name: str) -> None:
    depth, before = CHAINS[name]
    found = explore(BranchingRecorder(), depth + WHOLE, before, ChainScene)
    print(f"\n{name}, {depth + WHOLE} acts deep: {found.summary}")
    assert found.findings == {}
    assert min(found.acts[act] for act in ("give", "link")) > 0
    assert found.refusals["NotInScope"] > 0
    assert found.acts["execute"] > 0 or before is MADE
    assert found.refusals["ApprovalsNoLongerHold"] > 0 or before is MADE


Put = Callable[[Any, str, Any], None]
UNPAID = "paid, though no two people gave bo a role to approve"
ALONE = "a role of bo is confirmed, and no two people gave it to a third"


def _payment_is_not_checked(put: Put) -> None:
    put(CurrentPeople, "require_acts_hold", lambda *_: None)


def _no_grant_is_void(put: Put) -> None:
    put(person_states, "mark_void_grants", lambda one, _: one)


def _chains_are_not_followed(put: Put) -> None:
    put(grant_validity, "_why_powerless", lambda *_: None)


def _one_manager_gives(put: Put) -> None:
    def give(one: Person, ask: grants.GrantRole, _: Any, *more: Any) -> Any:
        return original(one, ask, (), *more)

    original = grants.grant_role
    put(grants, "grant_role", give)


def _the_giver_confirms(put: Put) -> None:
    def confirm(one: Person, grant: str, by: Any, _: Any, now: datetime) -> Any:
        return original(one, grant, by, (), now)

    original = grants.confirm_grant
    put(grants, "confirm_grant", confirm)


def _the_receiver_takes_part(put: Put) -> None:
    put(grants, "_require_different_person", lambda *_: None)


def _anybody_confirms(put: Put) -> None:
    put(grant_desk, "find_no_manager", lambda *_: None)


REMOVED: dict[str, tuple[Callable[[Put], None], int, Sequence[Move], str]] = {
    "roles are checked again at the payment": (_payment_is_not_checked, 2, APPROVED, UNPAID),
    "names that are linked later make a role void": (_no_grant_is_void, 3, CONFIRMED, UNPAID),
    "one manager only proposes a role": (_one_manager_gives, 3, (), UNPAID),
    "who gave a role does not confirm it": (_the_giver_confirms, 1, PROPOSED, ALONE),
    "who receives a role takes no part": (_the_receiver_takes_part, 3, (), ALONE),
    "who confirms a role manages people": (
        *(_anybody_confirms, 1, PROPOSED),
        "a role of bo is confirmed, and cy may not manage people",
    ),
}
"""The rule, how it is removed, and what the search then finds, so many acts after the first ones."""


@pytest.mark.parametrize("rule", REMOVED)
def test_without_a_rule_the_search_finds_the_way(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, depth, before, finding = REMOVED[rule]
    assert explore(BranchingRecorder(), depth, before, GrantScene).findings == {}
    remove(monkeypatch.setattr)
    found = explore(BranchingRecorder(), depth, before, GrantScene)
    print(f"\nwithout: {rule}: {found.summary}")
    assert finding in found.findings, found.findings


@pytest.mark.parametrize("before", [GIVEN, CONFIRMED_BY_MIA])
def test_without_the_rule_about_chains_the_search_finds_the_way(
    before: Sequence[Move], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (*before, Move("bo", "approve", FIRST))
    assert explore(BranchingRecorder(), 2, before, ChainScene).findings == {}
    _chains_are_not_followed(monkeypatch.setattr)
    found = explore(BranchingRecorder(), 2, before, ChainScene)
    print(f"\nwithout the rule about chains: {found.summary}")
    assert found.findings[UNPAID] == (Move("olga", "link", "otto"), Move("cy", "execute", FIRST))


def test_the_judge_counts_names_that_are_linked_before_the_payment_alone() -> None:
    recorder = BranchingRecorder()
    scene = GrantScene(recorder)
    paid = Move("cy", "execute", FIRST)
    for n, move in enumerate((*APPROVED, paid, Move("olga", "link", "otto"))):
        scene.make(move, 5 + n / 1_000)
    states = [state for _, state in recorder.select_positions(0, 1_000_000)]
    assert judge_of(states, WORTH).findings == ()
    tags = [msgspec.json.decode(state)["event"]["type"] for state in states]
    links = [states.pop(tags.index("person.same_as")) for _ in range(2)]
    early = tags.index("case.adjustment_execution_started")
    assert judge_of([*states[:early], *links, *states[early:]], WORTH).findings == (UNPAID,)
