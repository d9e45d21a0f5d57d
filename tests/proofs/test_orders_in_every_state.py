"""Two cases of one order, a break-glass, and names that are linked at any moment: in no state that some acts lead
to is somebody's control lifted. With a rule removed, the same search finds how.

`CASETRAIL_PROOFS=whole` explores one more act.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from application.cases import case_commands
from application.money import current_people
from application.money.current_people import CurrentPeople
from application.people.break_glass_desk import BreakGlassDesk
from domain import break_glass
from domain.adjustments import decisions, proposal
from domain.cases import duties
from tests.proofs.branching_recorder import BranchingRecorder, WithoutDuties
from tests.proofs.order_exploration import Exploration, explore
from tests.proofs.order_judge import judge_of
from tests.proofs.order_scene import FIRST, SECOND, WORTH, Move, OrderScene

WHOLE = os.environ.get("CASETRAIL_PROOFS") == "whole"
ASKED = (Move("tia", "ask", "queue"),)
OPENED = (*ASKED, Move("cy", "open"))
USED = (*ASKED, Move("eve", "open"), Move("tia", "approve", FIRST))
APPROVED = (Move("bo", "approve", FIRST),)
BOTH = (Move("cy", "claim", SECOND), Move("cy", "propose", SECOND))
STARTS: dict[str, tuple[int, Sequence[Move]]] = {
    "a refund is proposed": (3, ()),
    "it is approved": (3, APPROVED),
    "both cases have a proposal": (3, BOTH),
    "a break-glass was opened": (3, OPENED),
    "it was used": (3, USED),
}
"""How deep the search goes, and after which acts."""


@pytest.mark.parametrize("name", STARTS)
def test_no_control_is_lifted_in_any_state(name: str) -> None:
    depth, before = STARTS[name]
    found = explore(BranchingRecorder(), depth + WHOLE, before)
    print(f"\n{name}, {depth + WHOLE} acts deep: {found.summary}")
    assert found.findings == {}
    assert found.acts["link"] > 0
    assert found.refusals["DutyConflict"] + found.refusals["ApprovalsNoLongerHold"] > 0


def test_every_act_is_reached() -> None:
    reached = {move.act for _, before in STARTS.values() for move in before}
    reached |= {*explore(BranchingRecorder(), 1, APPROVED).acts}
    reached |= {*explore(BranchingRecorder(), 2, USED).acts}
    assert reached >= {
        "note",
        "claim",
        "approve",
        "execute",
        "link",
        "ask",
        "open",
        "close",
        "review",
    }


Put = Callable[[Any, str, Any], None]


def _nothing(*_: object, **__: object) -> None:
    return None


def _payment_is_not_checked(put: Put) -> None:
    put(CurrentPeople, "require_acts_hold", _nothing)


def _openers_may_have_a_part(put: Put) -> None:
    put(case_commands, "require_uninvolved", _nothing)
    put(current_people, "require_uninvolved", _nothing)


def _openers_may_take_a_duty(put: Put) -> None:
    put(case_commands, "require_not_opener", _nothing)


def _the_involved_may_ask(put: Put) -> None:
    put(BreakGlassDesk, "_require_uninvolved", _nothing)


def _the_order_is_worth_anything(put: Put) -> None:
    put(proposal, "require_left_of_order", _nothing)
    put(decisions, "require_left_of_order", _nothing)


def _duties_count_in_their_case_alone(put: Put) -> None:
    def require(held: Any, names: Any, duty: Any, _: Any) -> None:
        duties.require_no_duty_conflict(held, names, duty, {})

    put(case_commands, "require_no_duty_conflict", require)
    put(decisions, "require_no_duty_conflict", require)
    put(decisions, "find_duty_conflict", lambda *held: duties.find_duty_conflict(*held[:3], {}))


def _parties_may_review(put: Put) -> None:
    def review(glass: Any, actor: Any, reviewers: Any, _: Any, judge: Any) -> Any:
        return original(glass, actor, reviewers, frozenset(), judge)

    original = break_glass.review_break_glass
    put(break_glass, "review_break_glass", review)


REMOVED: dict[str, tuple[Callable[[Put], None], type[BranchingRecorder], int, Sequence[Move], str]]
REMOVED = {
    "approvals are checked again at the payment": (
        *(_payment_is_not_checked, BranchingRecorder, 2, APPROVED),
        "paid, though one human has to review and to approve",
    ),
    "who opens a break-glass has no part": (
        *(_openers_may_have_a_part, BranchingRecorder, 2, ASKED),
        "ana opened the break-glass that was used, and has a part in the order",
    ),
    "who opened a break-glass takes no duty": (
        *(_openers_may_take_a_duty, BranchingRecorder, 1, USED[:1] + OPENED[1:] + USED[2:]),
        "cy opened a break-glass and takes a duty",
    ),
    "who has a part asks for no break-glass": (
        *(_the_involved_may_ask, BranchingRecorder, 1, ()),
        "ana has a part in the case, and a break-glass for it is asked",
    ),
    "the parties of a break-glass do not review it": (
        *(_parties_may_review, BranchingRecorder, 1, (*OPENED, Move("tia", "close"))),
        "cy reviews a break-glass of their own",
    ),
    "all that is given is at most the order's worth": (
        *(_the_order_is_worth_anything, BranchingRecorder, 1, BOTH),
        "more is given for the order than it is worth",
    ),
    "duties count over the order": (
        *(_duties_count_in_their_case_alone, WithoutDuties, 1, APPROVED),
        "bo has the duty to approve over the order, then to review",
    ),
}
"""The rule, how it is removed, and what the search then finds, so many acts after the first ones."""


@pytest.mark.parametrize("rule", REMOVED)
def test_without_a_rule_the_search_finds_the_way(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, recorder, depth, before, finding = REMOVED[rule]
    assert explore(BranchingRecorder(), depth, before).findings == {}
    remove(monkeypatch.setattr)
    found = explore(recorder(), depth, before)
    print(f"\nwithout: {rule}: {found.summary}")
    assert finding in found.findings, found.findings


def test_the_database_alone_keeps_duties_apart_over_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _duties_count_in_their_case_alone(monkeypatch.setattr)
    found: Exploration = explore(BranchingRecorder(), 1, APPROVED)
    assert found.findings == {}
    assert found.refusals["DutyConflict"] > 0


Lines = list[dict[str, Any]]


def _log_of(*moves: Move) -> Lines:
    recorder = BranchingRecorder()
    scene = OrderScene(recorder)
    for n, move in enumerate(moves):
        scene.make(move, 5 + n / 1_000)
    states = [state for _, state in recorder.select_positions(0, 1_000_000)]
    assert judge_of(states, WORTH).findings == ()
    return [msgspec.json.decode(state) for state in states]


def _done_by(tag: str, person: str) -> Callable[[Lines], None]:
    """The last line of this type becomes this person's."""

    def change(lines: Lines) -> None:
        [one for one in lines if one["event"]["type"] == tag][-1]["actor"]["person"] = person

    return change


def _link_before(tag: str, one: str, other: str) -> Callable[[Lines], None]:
    """Two names are linked before the last line of this type."""

    def link(lines: Lines) -> None:
        added = [line for line in lines if line["event"]["type"] == "person.added"]
        (stream,) = [line["stream"] for line in added if line["event"]["name"] == one]
        event = {"type": "person.same_as", "other": other}
        place = [n for n, line in enumerate(lines) if line["event"]["type"] == tag][-1]
        lines.insert(place, {"stream": stream, "actor": {}, "event": event})

    return link


def _without(tag: str) -> Callable[[Lines], None]:
    def drop(lines: Lines) -> None:
        lines.remove(next(line for line in lines if line["event"]["type"] == tag))

    return drop


PAID = (*APPROVED, Move("cy", "execute", FIRST))
PAID_AFTER_USE = (*USED, Move("cy", "execute", FIRST))
START = "case.adjustment_execution_started"


@pytest.mark.parametrize(
    ("story", "spoil", "finding"),
    [
        (PAID, _link_before(START, "ana", "bo"), "one human has to review and to approve"),
        (PAID, _link_before(START, "bo", "cy"), "bo has the duty to approve over the order"),
        (PAID, _done_by(START, "ana"), "ana has the duty to review over the order"),
        (PAID, _done_by("case.adjustment_approved", "ana"), "then to approve"),
        (PAID_AFTER_USE, _link_before(START, "eve", "ana"), "eve opened the break-glass"),
        (PAID_AFTER_USE, _link_before(START, "eve", "tia"), "tia asked for and opened"),
        (PAID_AFTER_USE, _done_by("break_glass.opened", "ana"), "ana opened the break-glass"),
        (PAID_AFTER_USE, _done_by("break_glass.opened", "cy"), "cy opened a break-glass"),
        (PAID_AFTER_USE, _done_by("break_glass.opened", "tia"), "that they asked for"),
        (PAID, _without("case.adjustment_proposed"), "nobody proposed"),
    ],
)
def test_the_judge_finds_each_violation(
    story: Sequence[Move], spoil: Callable[[Lines], None], finding: str
) -> None:
    lines = _log_of(*story)
    spoil(lines)
    found = judge_of(map(msgspec.json.encode, lines), WORTH).findings
    assert any(finding in one for one in found), found


def test_the_judge_counts_all_that_is_given() -> None:
    lines = _log_of(*PAID)
    states = [msgspec.json.encode(line) for line in lines]
    assert judge_of(states, "39.99").findings[0] == "more is given for the order than it is worth"
