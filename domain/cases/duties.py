"""Segregation of duties: one person, one duty, over the whole history of an order and all its cases.

The person counts, not the account: an act through an agent, a key or a delegate counts for everyone it
is done for or by. Source: trust model, "Segregation of duties". The database rejects a second duty too
(table `duties`, written with the events, for the case and for its order).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.adjustments import events as money
from domain.adjustments.errors import BreakGlassOfTheInvolved, DutyConflict
from domain.adjustments.kinds import Duty
from domain.cases import step_events as steps
from domain.cases import work_events as work
from domain.cases.events import CaseEvent, Resolved
from domain.people import Actor

_REVIEW_EVENTS = (
    work.Opened,
    work.Claimed,
    work.CaseReleased,
    work.HandedOff,
    work.WaitStarted,
    work.WaitEnded,
    work.NoteAdded,
    work.EvidenceAttached,
    steps.TaskCreated,
    steps.TaskDone,
    steps.TaskDropped,
    steps.Held,
    steps.HoldReleased,
    work.Linked,
    work.ErrorDeclared,
    Resolved,
    money.AdjustmentProposed,
    money.AdjustmentWithdrawn,
)
"""Escalating, re-terming and reopening are left out: they decide nothing about the problem."""


class DutyHeld(Struct, frozen=True, gc=False):
    """A person's duty, with the first act that gave it and the act's version in the trail."""

    duty: Duty
    act: str
    version: int
    at: datetime


Duties = Mapping[str, DutyHeld]
"""By person."""
DutiesElsewhere: TypeAlias = Mapping[UUID, Duties]
"""The duties in the other cases of the order, by case."""


class GlassParties(Struct, frozen=True):
    """Who asked for and who opened a break-glass, by all their names."""

    under: str
    askers: frozenset[str]
    openers: frozenset[str]
    asked_at: datetime | None


def duty_of(event: CaseEvent) -> Duty | None:
    """The duty that the event gives its actor; None if none."""
    match event:
        case money.AdjustmentApproved() | money.AdjustmentRejected():
            return Duty.APPROVE
        case money.ExecutionStarted() | money.AdjustmentExecuted():
            return Duty.EXECUTE
        case money.AdjustmentReconciled():
            return Duty.RECONCILE
        case _:
            return Duty.REVIEW if isinstance(event, _REVIEW_EVENTS) else None


def duties_after(duties: Duties, event: CaseEvent, at: datetime, by: Actor, version: int) -> Duties:
    """The duties after one more event. Events of policy and timers give no duty."""
    if by.person is None or (duty := duty_of(event)) is None:
        return duties
    new = [person for person in by.persons if person not in duties]
    if not new:
        return duties
    held = DutyHeld(duty, str(event.__struct_config__.tag), version, at)
    return {**duties, **dict.fromkeys(new, held)}


def find_duty_conflict(
    duties: Duties, names: Collection[str], duty: Duty, elsewhere: DutiesElsewhere
) -> DutyConflict | None:
    """The conflict that keeps a person with these names from a duty in a case; None if there is none."""
    for other, held_there in ((None, duties), *elsewhere.items()):
        for name in names:
            held = held_there.get(name)
            if held is not None and held.duty is not duty:
                return _conflict(name, duty, held, other)
    return None


def _conflict(name: str, duty: Duty, held: DutyHeld, other: UUID | None) -> DutyConflict:
    where: dict[str, object] = {"version": held.version}
    if other is not None:
        where = {"other_case": str(other), "other_version": held.version}
    return DutyConflict(
        f"{name} has the duty to {held.duty} in {_describe_case(other)} since {held.act} "
        f"(version {held.version}, {held.at.isoformat()}); another person has to {duty}",
        rule="one-duty-per-person",
        duty=duty.value,
        person=name,
        held=held.duty.value,
        act=held.act,
        at=held.at.isoformat(),
        **where,
    )


def _describe_case(other: UUID | None) -> str:
    return f"case {other} of the same order" if other is not None else "this case"


def require_no_duty_conflict(
    duties: Duties, names: Collection[str], duty: Duty, elsewhere: DutiesElsewhere
) -> None:
    """Raises DutyConflict, which names the rule and the earlier act."""
    found = find_duty_conflict(duties, names, duty, elsewhere)
    if found is not None:
        raise found


def first_duties(cases: Collection[Duties]) -> Duties:
    """Each person's first duty in these cases."""
    first: dict[str, DutyHeld] = {}
    for duties in cases:
        for name, held in duties.items():
            if name not in first or held.at < first[name].at:
                first[name] = held
    return first


def require_uninvolved(cases: Collection[Duties], parties: GlassParties) -> None:
    """Require that two persons asked for and opened the break-glass, that the one who opened it has no duty
    in a case of the order, and that the one who asked for it had none before. `cases` are the duties in
    each of them.

    Raises BreakGlassOfTheInvolved.
    """
    for name in sorted(parties.askers & parties.openers):
        raise BreakGlassOfTheInvolved(
            f"{name} asked for and opened {parties.under}, which takes two persons",
            rule="break-glass-by-the-uninvolved",
            duty="break_glass",
            person=name,
        )
    for names, since in ((parties.openers, None), (parties.askers, parties.asked_at)):
        did = "opened" if since is None else "asked for"
        for duties in cases:
            for name in sorted(names & duties.keys()):
                held = duties[name]
                if since is None or held.at <= since:
                    raise _involved(name, held, f"{did} {parties.under}")


def require_not_opener(used: Collection[GlassParties], names: Collection[str], duty: Duty) -> None:
    """Require that nobody takes a duty in an order where a break-glass was used that they opened.

    Raises BreakGlassOfTheInvolved.
    """
    for parties in used:
        for name in sorted(parties.openers & {*names}):
            raise BreakGlassOfTheInvolved(
                f"{name} opened {parties.under}, which was used in a case of this order; another person has to {duty}",
                rule="break-glass-by-the-uninvolved",
                duty=duty.value,
                person=name,
            )


def require_no_duty(cases: Collection[Duties], names: Collection[str], what: str) -> None:
    """Require that people with these names have no duty in the cases of an order, if they want to act on a
    break-glass for one of them. Raises BreakGlassOfTheInvolved."""
    for duties in cases:
        for name in sorted({*names} & duties.keys()):
            raise _involved(name, duties[name], what)


def _involved(name: str, held: DutyHeld, what: str) -> BreakGlassOfTheInvolved:
    return BreakGlassOfTheInvolved(
        f"{name} {what}, and has the duty to {held.duty} in this order since {held.act} "
        f"(version {held.version} of its case, {held.at.isoformat()})",
        rule="break-glass-by-the-uninvolved",
        duty="break_glass",
        person=name,
        held=held.duty.value,
        act=held.act,
        version=held.version,
        at=held.at.isoformat(),
    )
