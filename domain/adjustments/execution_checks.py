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
from domain.cases.duties import Duties, DutiesElsewhere, find_duty_conflict
from domain.people import Role
from domain.permissions import Permission


class PeopleOnRecord(Protocol):
    """What the log says of people."""

    def names_of(self, person: str) -> frozenset[str]:
        """All names of this person now."""

    def authority_at(self, name: str, position: int, at: datetime) -> Authority:
        """What the person was allowed by what the log has before a position, at a time; nothing for a name
        that it has not. Clocks of two machines differ, so time orders nothing; a grant for a time ends by it."""


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
    also: tuple[Role, ...] = ()
    """The roles of which an approval beyond the order's value needs one as well."""

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
            adjustment.requirement.beyond_roles,
        )
        for one in adjustment.approvals
    ]
    return [proposal, *approvals]


class ActScope(NamedTuple):
    """Where the case was when the act was done."""

    queue: str
    region: str | None
    case: UUID


class ActPlace(NamedTuple):
    position: int
    """Of the act in the log."""
    scope: ActScope


PlaceOf = Callable[[MoneyAct], ActPlace]


def require_acts_hold(
    adjustment: Adjustment,
    duties: Duties,
    elsewhere: DutiesElsewhere,
    people: PeopleOnRecord,
    place_of: PlaceOf,
) -> None:
    """Require that the proposal and every approval are still valid. `duties` are those of the case: each act
    gave its people one, so they cannot execute. `elsewhere` are those in other cases of the order.

    Raises ApprovalsNoLongerHold, with the first rule that an act breaks.
    """
    for found in find_broken_rules(adjustment, duties, elsewhere, people, place_of):
        raise found


def find_broken_rules(
    adjustment: Adjustment,
    duties: Duties,
    elsewhere: DutiesElsewhere,
    people: PeopleOnRecord,
    place_of: PlaceOf,
) -> Iterator[ApprovalsNoLongerHold]:
    acts = earlier_acts(adjustment)
    humans = [frozenset().union(*map(people.names_of, act.persons)) for act in acts]
    for (one, names), (other, others) in combinations(zip(acts, humans, strict=True), 2):
        if names & others:
            yield _broken(
                adjustment, "different-people", other, f"{one}, and is the same person: {other}"
            )
    for act, names in zip(acts, humans, strict=True):
        conflict = find_duty_conflict(duties, sorted(names), act.duty, elsewhere)
        if conflict is not None:
            detail = f"{act}, but {conflict.detail}"
            yield _broken(adjustment, "one-duty-per-person", act, detail)
        yield from _find_missing_grants(adjustment, act, people, place_of)


def _find_missing_grants(
    adjustment: Adjustment, act: MoneyAct, people: PeopleOnRecord, place_of: PlaceOf
) -> Iterator[ApprovalsNoLongerHold]:
    # A delegate acts with the permissions of the person, who comes first.
    for name in act.persons[:1]:
        position, scope = place_of(act)
        roles = people.authority_at(name, position, act.at).roles_over(act.needs, *scope)
        lacks = act.also and not set(act.also).intersection(roles)
        if not roles or (act.role is not None and Role(act.role) not in roles) or lacks:
            role = f" as {' and '.join([act.role, *act.also[:1]])}" if act.role is not None else ""
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
