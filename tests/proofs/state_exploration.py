"""Every act of every account on every state of one case, up to a number of acts.

The real desks decide over the log in memory, and the ledger reads the bytes of the result. States
are merged if the desks decide alike and the ledger sees the same, and also if they differ only in
which of two interchangeable people is which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from eventsourcing.persistence import StoredEvent

from domain.adjustments.errors import Refusal
from domain.cases.exception_case import ExceptionCase
from domain.errors import CasetrailError
from tests.proofs.branching_recorder import BranchingRecorder, RecorderState
from tests.proofs.duty_ledger import CasePage, DutyLedger, LedgerAdjustment
from tests.proofs.scene import NAME_SWAPS, ONE_HUMAN, OPEN_STATES, Move, ProofScene

NameSwaps = Sequence[Mapping[str, str]]


class Node(NamedTuple):
    """A state of the case, and one path to it."""

    case: ExceptionCase
    page: CasePage
    events: tuple[StoredEvent, ...]
    place: RecorderState
    path: tuple[Move, ...]


@dataclass
class Exploration:
    seen: dict[Hashable, int] = field(default_factory=dict)
    """By how few acts each state is reached."""
    merged: set[Hashable] = field(default_factory=set)
    """What they come to with those taken for one that are alike, where it was not done on the way."""
    transitions: int = 0
    """Acts that were carried out."""
    attempts: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    findings: dict[str, tuple[Move, ...]] = field(default_factory=dict)
    """What the book found, and the shortest way to it."""
    paths: list[tuple[Move, ...]] = field(default_factory=list)
    """All ways that ended in a finding."""
    duties: Counter[str] = field(default_factory=Counter)
    """How often each duty was held in a state: a space without duties would prove nothing."""
    depth: int = 0

    @property
    def states(self) -> int:
        return len(self.seen)

    @property
    def summary(self) -> str:
        return (
            f"{self.states:,} states by {self.depth} acts, {self.transitions:,} transitions of "
            f"{self.attempts:,} attempts, {len(self.paths):,} with a finding; "
            + ", ".join(f"{count:,} {name}" for name, count in self.refusals.most_common())
        )


def explore(
    recorder: BranchingRecorder, depth: int | None, at_once: int = 1, alike: NameSwaps = NAME_SWAPS
) -> Exploration:
    """Explore breadth first, each state once, to this depth or until no state is new, with this
    many adjustments in play. A state with a finding is not explored further."""
    scene = ProofScene(recorder)
    case = scene.open_new_case()
    base = recorder.place()
    book = DutyLedger()
    for event in recorder._stored_events:
        book.add_same_person(msgspec.json.decode(event.state))
    found = Exploration()
    first = Node(case, CasePage(), (), base, ())
    seen = found.seen
    seen[_key(first, alike)] = 0
    level = [first]
    while level and (depth is None or found.depth < depth):
        found.depth += 1
        following: list[Node] = []
        for node in level:
            recorder.back_to(base)
            recorder.go_on(node.events, node.place)
            here = recorder.place()
            for move in scene.moves(node.case, at_once):
                found.attempts += 1
                scene.at(node.case)
                try:
                    case = scene.make(move, node.case)
                except CasetrailError as error:
                    _require_recorded_refusal(error, recorder.since(here))
                    found.refusals[type(error).__name__] += 1
                    recorder.back_to(here)
                    continue
                found.transitions += 1
                new = recorder.since(here)
                page = node.page
                for event in new:
                    if event.originator_id == node.case.id:
                        page = book.apply(page, msgspec.json.decode(event.state))
                after_it = Node(
                    case, page, (*node.events, *new), recorder.place(), (*node.path, move)
                )
                recorder.back_to(here)
                if page.findings:
                    found.paths.append(after_it.path)
                    for finding in page.findings:
                        found.findings.setdefault(finding, after_it.path)
                    continue
                key = _key(after_it, alike)
                if alike is not NAME_SWAPS:
                    found.merged.add(_key(after_it, NAME_SWAPS))
                if key not in seen:
                    seen[key] = found.depth
                    following.append(after_it)
                    found.duties.update({duty for _, duty in page.duties})
        level = following
    return found


def _require_recorded_refusal(error: CasetrailError, new: Sequence[StoredEvent]) -> None:
    """Require that a refused act stores only its refusal, if a rule forbade it."""
    expected = ["attempt.refused"] if isinstance(error, Refusal) else []
    assert [event.topic for event in new] == expected, (error, new)


def _key(node: Node, alike: NameSwaps) -> Hashable:
    return repr(min(_renamed(node, names) for names in alike))


def _renamed(node: Node, names: Mapping[str, str]) -> tuple[Any, ...]:
    """All input of the next decision and of the ledger, with people renamed. It does not matter
    which of two adjustments was proposed first, nor which act gave somebody a duty."""
    case, page = node.case, node.page
    given = dict(page.given)

    def of(people: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names.get(name, name) for name in people))

    def humans(people: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            sorted(name if name in ONE_HUMAN else names.get(name, name) for name in people)
        )

    in_play = sorted(
        (
            one.state.value,
            one.requirement.approvers,
            sorted(of(approval.persons) for approval in one.approvals),
            of(one.proposed_by),
            _adjustment_key(given[str(one.id)], humans),
        )
        for one in case.adjustments.items
        if one.state in OPEN_STATES
    )
    return (
        case.state.value,
        of((case.person,) if case.person else ()),
        case.packet,
        bool(case.adjustments),
        sorted((names.get(name, name), held.duty.value) for name, held in case.duties.items()),
        in_play,
        sorted((human, duty) for person, duty in page.duties for human in humans((person,))),
        sorted((names.get(n, n), duty.value) for (_, n), duty in node.place.duties.items()),
    )


def _adjustment_key(
    one: LedgerAdjustment, of: Callable[[Iterable[str]], tuple[str, ...]]
) -> tuple[Any, ...]:
    return (
        one.wanted,
        one.state,
        sorted(of(humans) for humans in one.approvers),
        one.ordered,
        one.paid,
    )
