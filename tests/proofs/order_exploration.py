"""Every act on the two cases of one order, on its break-glass and on the names of the people, up to a number of acts.

The real desks decide over the log in memory, by the grants and the names that the log has. A judge reads the bytes
of each new line. A state with a finding is not explored further.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from domain.adjustments.adjustment import LIVE_STATES
from domain.errors import CasetrailError
from tests.proofs.branching_recorder import BranchingRecorder, RecorderState
from tests.proofs.order_judge import Given, Judge, judge_of
from tests.proofs.order_scene import FIRST, SECOND, WORTH, Move, OrderScene


class Node(NamedTuple):
    judge: Judge
    events: tuple[StoredEvent, ...]
    place: RecorderState
    caches: Sequence[OrderedDict[UUID, Any]]
    path: tuple[Move, ...]


@dataclass
class Exploration:
    seen: dict[Hashable, int] = field(default_factory=dict)
    transitions: int = 0
    attempts: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, tuple[Move, ...]] = field(default_factory=dict)
    """The shortest way to each."""

    @property
    def summary(self) -> str:
        return (
            f"{len(self.seen):,} states, {self.transitions:,} transitions of {self.attempts:,} attempts, "
            f"{len(self.findings):,} findings; refused: "
            + ", ".join(f"{count:,} {name}" for name, count in self.refusals.most_common())
        )


def explore(
    recorder: BranchingRecorder,
    depth: int,
    before: Sequence[Move] = (),
    scene_of: Callable[[BranchingRecorder], OrderScene] = OrderScene,
) -> Exploration:
    """Explore breadth first, each state once, after the acts `before`."""
    scene, found = scene_of(recorder), Exploration()
    for n, move in enumerate(before):
        scene.make(move, 5 + n / 1_000)
    base = recorder.place()
    states = [state for _, state in recorder.select_positions(0, 1_000_000)]
    first = Node(judge_of(states, WORTH), (), base, scene.caches(), ())
    assert first.judge.findings == ()
    found.seen[_key(scene, first.judge)] = 0
    level = [first]
    for steps in range(1, depth + 1):
        following: list[Node] = []
        for node in level:
            recorder.back_to(base)
            recorder.go_on(node.events, node.place)
            scene.remember(node.caches)
            here = recorder.place()
            for move in [*scene.moves()]:
                found.attempts += 1
                try:
                    scene.make(move, 5 + steps / 100)
                except CasetrailError as error:
                    found.refusals[type(error).__name__] += 1
                else:
                    _follow(scene, recorder, node, move, here, found, following)
                recorder.back_to(here)
                scene.remember(node.caches)
        level = following
    return found


def _follow(
    scene: OrderScene,
    recorder: BranchingRecorder,
    node: Node,
    move: Move,
    here: RecorderState,
    found: Exploration,
    following: list[Node],
) -> None:
    found.transitions += 1
    found.acts[move.act] += 1
    judge, new, path = node.judge, recorder.since(here), (*node.path, move)
    for event in new:
        judge = judge.after(msgspec.json.decode(event.state))
    for finding in judge.findings:
        found.findings.setdefault(finding, path)
    key = _key(scene, judge)
    if not judge.findings and key not in found.seen:
        found.seen[key] = len(path)
        events = (*node.events, *new)
        following.append(Node(judge, events, recorder.place(), scene.caches(), path))


def _key(scene: OrderScene, judge: Judge) -> Hashable:
    """All that the next decision and the judge read; times count only by what came before a request."""
    cases = []
    for kind in (FIRST, SECOND):
        case = scene.case(kind)
        items = [
            (one.state.value, one.proposed_by, sorted(n for a in one.approvals for n in a.persons))
            for one in case.adjustments.items
            if one.state in LIVE_STATES or one is case.adjustments.items[-1]
        ]
        duties = sorted((name, held.duty.value) for name, held in case.duties.items())
        cases.append((case.state.value, case.person, items, duties, len(case.glasses)))
    glass = scene.glass()
    stage = (glass.stage.value, glass.asked_by, glass.opened_by) if glass is not None else None
    glasses = [
        (one.asker, one.case, sorted(one.involved), one.opener, one.is_used)
        for _, one in judge.glasses
    ]
    payments = [
        [(act.duty, sorted(act.who), sorted(map(_role_key, act.roles))) for act in one.acts]
        for _, one in judge.payments
    ]
    roles = sorted(_role_key(one) for _, one in judge.roles)
    humans = sorted(map(sorted, judge.humans))
    return repr((cases, stage, glasses, payments, roles, humans, sorted(judge.duties)))


def _role_key(one: Given) -> tuple[object, ...]:
    relies_on = [(name, sorted(map(_role_key, roles))) for name, roles in one.relies_on]
    return one.receiver, one.role, sorted(one.givers), sorted(one.confirmers), relies_on
