"""Edits of policy: who wrote each, who approved it, since when it decided, and whether these were others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from application.audit.persons import names_of, one_name_each
from application.cases.trail import who
from application.log.streams import governance_after
from application.policy.reperformance import Period
from domain.people import Actor
from domain.policy.events import GovernanceEvent
from domain.policy.governance import Act, Governance, Policy
from domain.recorded import Recorded

DECIDES = ("policy.activated", "policy.rolled_back", "policy.emergency_activated")
_APPROVES = ("policy.approved", "policy.ratified")


class EditAct(Struct, frozen=True):
    what: str
    who: str
    at: datetime
    note: str


class PolicyEdit(Struct, frozen=True, kw_only=True):
    """A document, and all that was done about it."""

    version: str
    digest: str
    base: str | None
    """The digest of what it was to take the place of."""
    authors: Sequence[str]
    approved_by: Sequence[str]
    decided: bool
    """It has decided, or is to."""
    by_emergency: bool
    rolled_back_to: bool
    """What it says was approved before, under another version."""
    by_others: bool | None
    """Another human than its authors approved it before it decided, or an emergency change while it
    did; None of what never decided, and of what was there before anybody governed."""
    acts: Sequence[EditAct]


class PolicyEdits:
    def __init__(self) -> None:
        self._governance = Governance()

    def take(self, line: Recorded) -> None:
        if isinstance(line.event, GovernanceEvent):
            self._governance = governance_after(self._governance, line)

    def told(self, period: Period, human: dict[str, str]) -> list[PolicyEdit]:
        """Those about which anything was done in the period."""
        return [
            _edit(policy, human)
            for policy in self._governance.policies.values()
            if any(period.holds(act.at) for act in policy.acts)
        ]


def _edit(policy: Policy, human: dict[str, str]) -> PolicyEdit:
    begun = [act for act in policy.acts if act.what in DECIDES]
    return PolicyEdit(
        version=policy.version,
        digest=policy.digest,
        base=policy.base,
        authors=sorted(policy.authors),
        approved_by=sorted(
            {one for act in policy.acts if act.what in _APPROVES for one in act.by.persons}
        ),
        decided=bool(begun),
        by_emergency=any(act.what == "policy.emergency_activated" for act in begun),
        rolled_back_to=any(act.what == "policy.rolled_back" for act in begun),
        by_others=_by_others(policy, begun, human),
        acts=[EditAct(act.what, who(act.by), act.at, act.note) for act in policy.acts],
    )


def _by_others(policy: Policy, begun: Sequence[Act], human: dict[str, str]) -> bool | None:
    authors = one_name_each(policy.authors, human)
    governed = [act for act in begun if not _is_first(act, policy)]
    return all(_is_backed(policy, act, authors, human) for act in governed) if governed else None


def _is_first(act: Act, policy: Policy) -> bool:
    """Before anybody governed, whoever runs the command line installed it."""
    return act.what == "policy.activated" and act.by.person is None and policy.base is None


def _is_backed(policy: Policy, act: Act, authors: frozenset[str], human: dict[str, str]) -> bool:
    if act.what == "policy.rolled_back":
        return True
    wanted = "policy.approved" if act.what == "policy.activated" else "policy.ratified"
    at = policy.acts.index(act)
    near = policy.acts[:at] if wanted == "policy.approved" else policy.acts[at:]
    return any(one.what == wanted and _is_another(one.by, authors, human) for one in near)


def _is_another(by: Actor, authors: frozenset[str], human: dict[str, str]) -> bool:
    names = names_of(by, human)
    return bool(names) and not names & authors
