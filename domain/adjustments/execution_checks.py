"""The checks of all earlier acts at the moment of payment.

An approval says what was known when it was given. By the time of the payment two names may have turned
out to be one person, or a grant to have ended before it was used. So proposer and approvers are compared
once more, by what the log says of people now. Source: trust model, "Segregation of duties", 1
and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import combinations
from typing import NamedTuple, Protocol
from uuid import UUID

from msgspec import Struct

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import ApprovalsNoLongerHold
from domain.adjustments.kinds import Duty
from domain.authority import Authority
from domain.cases.duties import Duties
from domain.people import Role
from domain.permissions import Permission


class PeopleOnRecord(Protocol):
    """What the log says of people."""

    def names_of(self, person: str) -> frozenset[str]:
        """All names of this person now."""

    def authority_then(self, name: str, at: datetime) -> Authority:
        """What the person was allowed at a time; nothing for a name that was not known then."""


class MoneyAct(Struct, frozen=True):
    """An act that led to the payment, and who did it."""

    event: str
    """The event that records it."""
    duty: Duty
    persons: tuple[str, ...]
    at: datetime
    needs: Permission
    role: str | None = None
    """The role whose limit an approval used."""
    version: int | None = None
    """Its version in the case's trail, where it is known."""

    def __str__(self) -> str:
        version = f"version {self.version}, " if self.version is not None else ""
        what = self.event.rpartition("_")[2]
        return f"{' for '.join(self.persons[::-1])} {what} it ({version}{self.at.isoformat()})"


def earlier_acts(adjustment: Adjustment) -> list[MoneyAct]:
    """The proposal and the approvals; an approval by policy is nobody's act."""
    proposal = MoneyAct(
        "case.adjustment_proposed",
        Duty.REVIEW,
        adjustment.proposed_by,
        adjustment.proposed_at,
        Permission.PROPOSE_ADJUSTMENTS,
    )
    approvals = [
        MoneyAct(
            "case.adjustment_approved",
            Duty.APPROVE,
            one.persons,
            one.at,
            Permission.APPROVE_ADJUSTMENTS,
            one.role,
            one.version,
        )
        for one in adjustment.approvals
    ]
    return [proposal, *approvals]


class ActScope(NamedTuple):
    """Where the case was when the act was done."""

    queue: str
    region: str | None
    case: UUID


ScopeOf = Callable[[MoneyAct], ActScope]


def require_acts_hold(
    adjustment: Adjustment, duties: Duties, people: PeopleOnRecord, scope_of: ScopeOf
) -> None:
    """Require that the proposal and every approval are still valid. `duties` are those of the case: each act
    gave its people one, so they cannot execute.

    Raises ApprovalsNoLongerHold, with the first rule that an act breaks.
    """
    for found in find_broken_rules(adjustment, duties, people, scope_of):
        raise found


def find_broken_rules(
    adjustment: Adjustment, duties: Duties, people: PeopleOnRecord, scope_of: ScopeOf
) -> Iterator[ApprovalsNoLongerHold]:
    acts = earlier_acts(adjustment)
    humans = [frozenset().union(*map(people.names_of, act.persons)) for act in acts]
    for (one, names), (other, others) in combinations(zip(acts, humans, strict=True), 2):
        if names & others:
            yield _broken(
                adjustment, "different-people", other, f"{one}, and is the same person: {other}"
            )
    for act, names in zip(acts, humans, strict=True):
        for name in sorted(names):
            held = duties.get(name)
            if held is not None and held.duty is not act.duty:
                detail = (
                    f"{act}, and as {name} has the duty to {held.duty} in this case since {held.act} "
                    f"(version {held.version}, {held.at.isoformat()})"
                )
                yield _broken(adjustment, "one-duty-per-person", act, detail)
        yield from _find_missing_grants(adjustment, act, people, scope_of)


def _find_missing_grants(
    adjustment: Adjustment, act: MoneyAct, people: PeopleOnRecord, scope_of: ScopeOf
) -> Iterator[ApprovalsNoLongerHold]:
    # A delegate acts with the permissions of the person, who comes first.
    for name in act.persons[:1]:
        roles = people.authority_then(name, act.at).roles_over(act.needs, *scope_of(act))
        if not roles or (act.role is not None and Role(act.role) not in roles):
            role = f" as {act.role}" if act.role is not None else ""
            detail = f"{act}, and had no valid grant for that{role}"
            yield _broken(adjustment, "grants-valid-when-used", act, detail)


def _broken(adjustment: Adjustment, rule: str, act: MoneyAct, detail: str) -> ApprovalsNoLongerHold:
    return ApprovalsNoLongerHold(
        f"adjustment {adjustment.id}: {detail}",
        rule=rule,
        duty=Duty.EXECUTE.value,
        act=act.event,
        persons=list(act.persons),
        at=act.at.isoformat(),
        **({"version": act.version} if act.version is not None else {}),
    )
