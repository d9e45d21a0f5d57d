"""Questions 21 and 22 in words: who had access, and acts after leaving."""

from collections.abc import Mapping, Sequence

from api.routes.questions.people import PeopleAsOfParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.times import PeriodParameters
from api.routes.questions.wording.context import in_period
from api.routes.questions.words import (
    Item,
    Section,
    Words,
    at,
    if_any,
    length,
    many,
    names,
    order_of,
)
from application.audit.access import AccessReview, HeldAccess, HeldGrant, HeldIdentity
from application.audit.access_review_control import ReviewsOfAccess, describe_overdue
from application.audit.acts_after_leaving import ActsAfterLeaving
from domain.person import GrantStatus


def who_had_access(_: AnswerSources, given: PeopleAsOfParameters, found: AccessReview) -> Words:
    here = [one for one in found.people if one.left_at is None]
    grants = sum(x.lives for one in found.people for x in one.grants)
    unconfirmed = sum(
        x.status is GrantStatus.UNCONFIRMED for one in found.people for x in one.grants
    )
    means = sum(x.lives for one in found.people for x in one.means)
    now = "" if given.at is not None else " (now: no time was given)"
    return Words(
        says=[
            f"At {at(found.as_of)}{now}, {many(len(here), 'person', 'people')} had "
            f"access, with {many(grants, 'valid grant')} "
            "and "
            f"{many(means, 'valid key, login, agent or delegate', 'valid keys, logins, agents and delegates')}. "
            f"{many(len(found.people) - len(here), 'person', 'people')} had left.",
            f"{many(unconfirmed, 'valid grant')} of roles that take two people to give "
            "had not been confirmed by a second person: the command line, or one manager "
            "before two were needed, gave them, and nobody confirmed them, or somebody whose own "
            "grant was void.",
            *_refusals(found.people),
            *_reviews(found.reviews),
        ],
        searched="every person, grant, key, login, agent and delegate as recorded by "
        f"{at(found.as_of)}, valid or ended. "
        "Access to the database itself is not in the log: `casetrail doctor` lists "
        "who connects to it.",
        next_steps=["`casetrail audit access` gives the same as a table (CSV), a row for each."],
        sections=[
            Section(
                title="Roles",
                columns=("role", "people with a valid grant"),
                rows=_by_role(found.people),
            ),
            *if_any("People", [*map(_access, found.people)]),
        ],
    )


def _refusals(people: Sequence[HeldAccess]) -> list[str]:
    refused = [one.person for one in people if one.refused_requests]
    if not refused:
        return []
    return [
        f"Requests of {many(len(refused), 'person', 'people')} had been refused by permission or "
        f"scope: {names(refused)}."
    ]


def _reviews(found: ReviewsOfAccess) -> list[str]:
    """The schedule of access reviews, the last and the open one, and what is overdue."""
    rules = found.schedule
    says = "Policy sets no schedule for access reviews."
    if rules is not None:
        says = (
            f"All grants must be reviewed every {length(rules.every.total_seconds())}, and each review completed "
            f"within {length(rules.due_within.total_seconds())}; it is the duty of {rules.owner}."
        )
    last = "No access review has been completed."
    if found.completed is not None:
        last = (
            f"The last completed access review is {found.completed}, of {at(found.completed_at)}."
        )
    now = []
    if found.opened is not None:
        now = [f"Access review {found.opened} is open since {at(found.opened_at)}."]
    late = [f"OVERDUE since {at(one.since)}: {describe_overdue(one)}." for one in found.overdue]
    return [says, last, *now, *late]


def _by_role(people: Sequence[HeldAccess]) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for one in people:
        for role in one.roles:
            found.setdefault(role, []).append(one.person)
    return [(role, names(found[role])) for role in sorted(found)]


def _access(one: HeldAccess) -> Item:
    also = (
        f", also known as {names(x for x in one.known_as if x != one.person)}"
        if len(one.known_as) > 1
        else ""
    )
    left = f", LEFT {at(one.left_at)} ({one.left_for})" if one.left_at is not None else ""
    lines = [*map(_grant, one.grants), *map(_identity, one.means)]
    lines.append(f"may: {', '.join(one.permissions)}" if one.permissions else "may do nothing")
    if one.last_act is not None:
        last = one.last_act
        lines.append(f"last act: {last.type} at {at(last.at)} (position {last.position:,})")
    else:
        lines.append("no act is recorded")
    if one.last_refused_at is not None:
        lines.append(
            f"{many(one.refused_requests, 'request')} refused by permission or scope, the last at "
            f"{at(one.last_refused_at)}"
        )
    return Item(f"{one.person}{also}: added {at(one.added_at)}{left}", lines)


def _validity(one: HeldGrant | HeldIdentity) -> str:
    said = f"given by {one.given_by} at {at(one.since)}"
    if one.until is not None:
        said += f", until {at(one.until)}"
    if one.ended_at is not None:
        said += f", ended {at(one.ended_at)}" + (f" by {one.ended_by}" if one.ended_by else "")
        said += f" ({one.ended_for})" if one.ended_for else ""
    if one.reason:
        said += f", reason: {one.reason}"
    return said if one.lives else f"{said} (NOT VALID)"


def _grant(one: HeldGrant) -> str:
    scope = [
        *([f"in {names(one.queues)}"] if one.queues else []),
        *([f"for orders to {names(one.regions)}"] if one.regions else []),
        *([f"for the case {one.case}"] if one.case is not None else []),
        *([f"under {one.under}"] if one.under else []),
    ]
    where = f" {' '.join(scope)}" if scope else ", everywhere"
    second = ""
    if one.unconfirmed_for is not None:
        second = f"; NOT CONFIRMED by a second person: {one.unconfirmed_for}"
    elif one.confirmed_by is not None:
        second = f"; confirmed by {one.confirmed_by} at {at(one.confirmed_at)}"
    elif one.status in (GrantStatus.UNCONFIRMED, GrantStatus.PROPOSED):
        second = "; NOT CONFIRMED by a second person"
    void = f"; void: {one.void_for}" if one.void_for is not None else ""
    return f"grant {one.grant}, role {one.role}{where}: {_validity(one)}{second}{void}"


def _identity(one: HeldIdentity) -> str:
    limits: Mapping[str, Sequence[str] | None] = {
        "permissions": one.permissions,
        "queues": one.queues,
        "regions": one.regions,
    }
    limited = [
        f"only the {name} {names(values, 'none')}"
        for name, values in limits.items()
        if values is not None
    ]
    through = f" of the agent {one.agent}" if one.agent else ""
    used = (
        f"; last used {at(one.last_act.at)} for {one.last_act.type}"
        if one.last_act
        else "; never used"
    )
    return (
        f"{one.kind} {one.name}{through}{''.join(f', {x}' for x in limited)}: "
        f"{_validity(one)}{used}"
    )


def who_had_left(sources: AnswerSources, given: PeriodParameters, found: ActsAfterLeaving) -> Words:
    ended = (
        f"{many(found.left, 'person', 'people')} had left ({names(found.who_left)}), and "
        f"{many(found.taken_back, 'key, login, agent or delegation', 'keys, logins, agents and delegations')} "
        "had ended, by the end of the period."
    )
    acts = len({x.position for x in found.acts})
    if found.acts:
        said = (
            f"{many(acts, 'act')} came after the end of the authority that "
            f"{'it was' if acts == 1 else 'they were'} done with: this must not be."
        )
    elif found.left or found.taken_back:
        said = "Nothing: no act follows a leaving or the end of a key, login, agent or delegation."
    else:
        said = "Nothing, and nobody had left: there was nothing that could be misused."
    return Words(
        says=[said, ended],
        searched="by position, not by date: every event after a leaving or an end in the log "
        "counts. " + in_period(sources, given),
        next_steps=["Question 21 lists who left and when, and every key that ended."],
        sections=if_any(
            "Acts after each end of an authority",
            [
                Item(
                    f"{at(one.recorded_at)}  {one.type} by {one.who}, "
                    f"{order_of(one.order, one.shop)}",
                    [
                        f"{one.ended.what} {one.ended.how} at {at(one.ended.at)}"
                        + (f" (position {one.ended.position:,})" if one.ended.position else ""),
                        f"the act came {length(one.seconds_after)} later, at position "
                        f"{one.position:,}",
                    ],
                )
                for one in found.acts
            ],
        ),
    )
