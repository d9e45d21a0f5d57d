"""Policy edits: the authors and approvers of each, whether it came into force, and whether others approved it."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from application.audit.persons import canonical_names, persons_behind
from application.cases.trail import describe_actor
from application.log.streams import governance_after
from application.policy.reperformance import Period
from domain.policy.events import GovernanceEvent
from domain.policy.governance import Governance
from domain.policy.versions import Policy, PolicyAction
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

ACTIVATION_EVENTS = ("policy.activated", "policy.rolled_back", "policy.emergency_activated")
_APPROVAL_EVENTS = ("policy.approved", "policy.ratified")


class PolicyEditAct(Struct, frozen=True):
    what: str
    who: str
    at: datetime
    note: str


class PolicyEdit(Struct, frozen=True, kw_only=True):
    """A policy document, and all acts on it."""

    version: str
    digest: str
    base: str | None
    """The digest of the policy that it was to replace."""
    authors: Sequence[str]
    approved_by: Sequence[str]
    decided: bool
    """Whether it has come into force, or will."""
    by_emergency: bool
    rolled_back_to: bool
    """Whether it came into force by a rollback: its content had been approved under another version."""
    by_others: bool | None
    """Whether a person who is not an author approved it: before it came into force, or after an emergency
    activation. None if it never came into force, or if it is the first policy."""
    acts: Sequence[PolicyEditAct]


class PolicyEdits:
    def __init__(self) -> None:
        self._governance = Governance()

    def take(self, line: RecordedEvent) -> None:
        if isinstance(line.event, GovernanceEvent):
            self._governance = governance_after(self._governance, line)

    def edits(self, period: Period, canonical: dict[str, str]) -> list[PolicyEdit]:
        """The documents with an act in the period."""
        return [
            _policy_edit(policy, canonical)
            for policy in self._governance.policies.values()
            if any(period.holds(act.at) for act in policy.acts)
        ]


def _policy_edit(policy: Policy, canonical: dict[str, str]) -> PolicyEdit:
    begun = [act for act in policy.acts if act.what in ACTIVATION_EVENTS]
    return fill(
        PolicyEdit,
        policy,
        authors=sorted(policy.authors),
        approved_by=sorted(
            {name for act in policy.acts if act.what in _APPROVAL_EVENTS for name in act.by.persons}
        ),
        decided=bool(begun),
        by_emergency=any(act.what == "policy.emergency_activated" for act in begun),
        rolled_back_to=any(act.what == "policy.rolled_back" for act in begun),
        by_others=_is_approved_by_others(policy, begun, canonical),
        acts=[
            PolicyEditAct(act.what, describe_actor(act.by), act.at, act.note) for act in policy.acts
        ],
    )


def _is_approved_by_others(
    policy: Policy, begun: Sequence[PolicyAction], canonical: dict[str, str]
) -> bool | None:
    authors = canonical_names(policy.authors, canonical)
    governed = [act for act in begun if not _is_first_policy(act, policy)]
    return (
        all(_has_independent_approval(policy, act, authors, canonical) for act in governed)
        if governed
        else None
    )


def _is_first_policy(act: PolicyAction, policy: Policy) -> bool:
    """Whether this act installed the first policy, from the command line, before governance began."""
    return act.what == "policy.activated" and act.by.person is None and policy.base is None


def _has_independent_approval(
    policy: Policy, act: PolicyAction, authors: frozenset[str], canonical: dict[str, str]
) -> bool:
    if act.what == "policy.rolled_back":
        return True
    wanted = "policy.approved" if act.what == "policy.activated" else "policy.ratified"
    at = policy.acts.index(act)
    others = policy.acts[:at] if wanted == "policy.approved" else policy.acts[at:]
    approvers = [persons_behind(other.by, canonical) for other in others if other.what == wanted]
    return any(names and not names & authors for names in approvers)
