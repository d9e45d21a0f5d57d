"""Every act of every person on the policy, in every state, up to a number of acts.

The real decisions decide. A judge reads the events alone: who wrote, simulated, approved and activated which document,
and whether a document that one person put in force is laxer than the one that two people agreed on. It uses none of
the product's rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from domain.errors import CasetrailError
from domain.people import Actor
from domain.policy import events
from domain.policy import governance_decisions as decisions
from domain.policy.document import PolicyDocument, digest_of
from domain.policy.events import GovernanceEvent
from domain.policy.governance import Governance
from domain.policy.reader import read_policy
from tests.domain.signals import after
from tests.domain.simulations import simulated

PEOPLE = {name: Actor(f"key:{name}", name) for name in ("ana", "nina", "bo", "cy")}
ONE_HUMAN = frozenset({"ana", "nina"})
OPERATOR = Actor("system:operator")
MINUTE, DAY = 1 / 60, 24.0


def make_document(
    version: str, limit: str = "100", automation: str = "automatic", low: int = 1
) -> PolicyDocument:
    about = {
        "title": "T",
        "bucket": "payment_mismatch",
        "severity": "low",
        "automation": automation,
    }
    return read_policy(
        {
            "policy": "small",
            "version": version,
            "queues": {"desk": {"title": "The desk", "owner_team": "everybody"}},
            "kinds": {"trouble": about},
            "detect": [
                {"kind": "trouble", "rule": "r", "when": {"fact": "fraud.open", "is": True}}
            ],
            "priorities": {"severity": {"low": low}},
            "approvals": {
                "currency": "EUR",
                "window": "P30D",
                "lapses_after": "P3D",
                "limits": {"ops_manager": limit},
                "bands": [{"rule": "one-approver"}],
            },
            "route": [{"rule": "all", "queue": "desk", "work_type": "any", "skill": "any"}],
        }
    ).document


DOCUMENTS: dict[str, PolicyDocument] = {
    "lax": make_document("lax", limit="1000"),
    "strict": make_document("strict", automation="review"),
    "usual": make_document("usual", low=2),
}
ONCE, FIRST = make_document("once", limit="5000"), make_document("first")


class Move(NamedTuple):
    who: str
    act: str
    what: str


@dataclass(frozen=True)
class Judge:
    """What the events say, in the words of the rule."""

    agreed: PolicyDocument = ONCE
    """The newest document on which two people agreed."""
    authors: frozenset[tuple[str, str]] = frozenset()
    """(digest, name)"""
    approvers: frozenset[tuple[str, str]] = frozenset()
    simulations: frozenset[tuple[str, str]] = frozenset()
    """(digest, against)"""
    one_human: tuple[frozenset[str], ...] = (ONE_HUMAN,)
    findings: tuple[str, ...] = ()

    def humans(self, names: Iterable[str]) -> set[str]:
        return {
            min((min(group) for group in self.one_human if name in group), default=name)
            for name in names
        }

    def of(self, pairs: frozenset[tuple[str, str]], digest: str) -> set[str]:
        return self.humans(name for key, name in pairs if key == digest)

    def after(
        self, event: GovernanceEvent, who: str, in_force: str, documents: dict[str, PolicyDocument]
    ) -> Judge:
        digest, mark = event.digest, (event.digest, who)
        match event:
            case events.PolicyProposed():
                kept = frozenset(pair for pair in self.approvers if pair[0] != digest)
                return replace(self, authors=self.authors | {mark}, approvers=kept)
            case events.PolicySimulated(against=against):
                return replace(self, simulations=self.simulations | {(digest, against)})
            case events.PolicyApproved():
                return replace(self, approvers=self.approvers | {mark})
            case events.PolicyActivated():
                found = self
                authors, approvers = self.of(self.authors, digest), self.of(self.approvers, digest)
                if not authors or not approvers - authors:
                    found = found._find("a policy of one person")
                if (digest, in_force) not in self.simulations:
                    found = found._find("a policy without a simulation")
                return replace(found, agreed=documents[digest])
            case events.PolicyRolledBack() | events.PolicyEmergencyActivated():
                found = (
                    self if self.is_strict(event.document) else self._find("laxer by one person")
                )
                if isinstance(event, events.PolicyRolledBack):
                    return replace(found, agreed=event.document)
                return replace(found, authors=self.authors | {mark})
            case events.PolicyRatified():
                found = self
                if self.humans({who}) & self.of(self.authors, digest):
                    found = found._find("ratified by its author")
                return replace(found, agreed=documents[digest])
        return self

    def is_strict(self, new: PolicyDocument) -> bool:
        """Whether it lets nobody approve more, and resolves no more by itself, than what was agreed on."""
        assert new.approvals is not None
        assert self.agreed.approvals is not None
        order = ["automatic", "review", "blocked"]
        kinds = ((new.kinds[name], kind) for name, kind in self.agreed.kinds.items())
        return new.approvals == self.agreed.approvals and all(
            order.index(one.automation) >= order.index(other.automation) for one, other in kinds
        )

    def _find(self, finding: str) -> Judge:
        return replace(self, findings=(*self.findings, finding))


class Node(NamedTuple):
    governed: Governance
    judge: Judge
    hour: float
    path: tuple[Move, ...]


@dataclass
class Exploration:
    seen: dict[Hashable, int] = field(default_factory=dict)
    transitions: int = 0
    attempts: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, tuple[Move, ...]] = field(default_factory=dict)
    """Each finding, and the shortest way to it."""


def explore(depth: int, documents: Collection[str] = tuple(DOCUMENTS)) -> Exploration:
    """Explore breadth first, each state once, with these documents to propose. A state with a finding is not
    explored further."""
    found = Exploration()
    level = [first_node()]
    found.seen[_key(level[0])] = 0
    for steps in range(1, depth + 1):
        following: list[Node] = []
        for node in level:
            for move in moves(node, documents):
                found.attempts += 1
                try:
                    new = make(node, move)
                except CasetrailError as error:
                    found.refusals[type(error).__name__] += 1
                    continue
                found.transitions += 1
                found.acts[move.act] += 1
                for finding in new.judge.findings:
                    found.findings.setdefault(finding, new.path)
                if not new.judge.findings and (key := _key(new)) not in found.seen:
                    found.seen[key] = steps
                    following.append(new)
        level = following
    return found


def first_node() -> Node:
    """A lax policy was in force once, and two people replaced it."""
    first = events.PolicyActivated(document=ONCE, digest=digest_of(ONCE))
    governed = Governance().after(first, OPERATOR, after(0))
    node = Node(governed, Judge(), 0.0, ())
    node = _record(node, decisions.propose(governed, FIRST, "Safer.", None, after(0)), "bo")
    for act, who in (("simulate", "bo"), ("approve", "cy"), ("activate", "cy")):
        node = make(node, Move(who, act, "first"))
    return node._replace(path=())


def moves(node: Node, documents: Collection[str]) -> Iterator[Move]:
    """All acts that anybody might try, sensible or not."""
    versions = [policy.version for policy in node.governed.policies.values()]
    for who in PEOPLE:
        for version in documents:
            yield Move(who, "propose", version)
            yield Move(who, "emergency", version)
        for version in versions:
            for act in ("approve", "ratify"):
                yield Move(who, act, version)
    for version in versions:
        for act in ("simulate", "activate", "roll back", "reject"):
            yield Move("cy", act, version)
    yield Move("time", "wait", "")
    if len(node.judge.one_human) == 1:
        yield Move("operator", "link", "bo is ana")


def make(node: Node, move: Move) -> Node:
    """Carry out the move; raises the errors of the decisions."""
    node = node._replace(path=(*node.path, move), hour=node.hour + MINUTE)
    governed, now = node.governed, after(node.hour)
    if move.act == "wait":
        node = node._replace(hour=node.hour + DAY)
        for event in governed.find_due_events(after(node.hour)):
            node = _record(node, event, "")
        return node
    if move.act == "link":
        linked = (ONE_HUMAN | {"bo"},)
        return node._replace(judge=replace(node.judge, one_human=linked))
    by = PEOPLE[move.who]
    names_of = _names_of(node.judge)
    if move.act == "propose":
        event: GovernanceEvent = decisions.propose(governed, DOCUMENTS[move.what], "", None, now)
        return _record(node, event, move.who)
    if move.act == "emergency":
        event = decisions.activate_emergency(
            governed, DOCUMENTS[move.what], "It burns.", None, by, now, (), names_of
        )
        return _record(node, event, move.who)
    policy = decisions.require_policy(governed, move.what)
    names = names_of([move.who])
    match move.act:
        case "simulate":
            in_force = governed.in_force(now)
            assert in_force is not None
            event = simulated(policy.digest, in_force.digest, now)
        case "approve":
            event = decisions.approve(governed, policy, "", None, by, now, names)
        case "ratify":
            event = decisions.ratify(governed, policy, "", by, now, names)
        case "activate":
            event = decisions.activate(governed, policy, None, "", by, now, names_of)
        case "roll back":
            event = decisions.roll_back(governed, policy, None, "Worse.", by, now)
        case _:
            event = decisions.reject(governed, policy, "No.", by, now)
    return _record(node, event, move.who)


def _names_of(judge: Judge) -> Callable[[Iterable[str]], frozenset[str]]:
    def names_of(persons: Iterable[str]) -> frozenset[str]:
        names = frozenset(persons)
        return names.union(*(group for group in judge.one_human if group & names))

    return names_of


def _record(node: Node, event: GovernanceEvent, who: str) -> Node:
    now = after(node.hour)
    in_force = node.governed.in_force(now)
    governed = node.governed.after(event, PEOPLE.get(who, OPERATOR), now)
    documents = {digest: policy.document for digest, policy in governed.policies.items()}
    judge = node.judge.after(event, who, in_force.digest if in_force else "", documents)
    return node._replace(governed=governed, judge=judge)


def _key(node: Node) -> Hashable:
    """All that the next decision and the judge read; times count only by their order."""
    governed, now, judge = node.governed, after(node.hour), node.judge
    policies = tuple(
        (
            policy.version,
            governed.state(policy, now),
            policy.standing,
            policy.is_pending,
            policy.base,
            policy.authors,
            frozenset(one.against for one in policy.simulations),
            approval.by.person if (approval := policy.last("policy.approved")) else None,
            all(r.is_by_one_person for r in governed.reigns if r.digest == policy.digest),
        )
        for policy in sorted(governed.policies.values(), key=lambda policy: policy.version)
    )
    live = tuple((r.digest, r.is_by_one_person) for r in governed.reigns if r.holds(now))[-2:]
    said = (digest_of(judge.agreed), judge.authors, judge.approvers, judge.simulations)
    return policies, live, said, judge.one_human
