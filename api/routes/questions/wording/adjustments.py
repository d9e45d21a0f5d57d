"""Questions 1 to 4 in words: who could decide on an adjustment, who did, and under which limits."""

from api.routes.eligibility import WhoCouldView
from api.routes.questions.decisions import (
    ActsAnswer,
    AdjustmentParameters,
    DecisionParameters,
    PersonParameters,
)
from api.routes.questions.question import AnswerSources
from api.routes.questions.wording.context import subject
from api.routes.questions.words import (
    Item,
    Section,
    Words,
    at,
    if_any,
    many,
    money,
    names,
    plain,
    readable,
    short,
    table_if_any,
)
from application.audit.decisions import AdjustmentAct, ApprovalBasis
from application.audit.refused_requests import RefusedKind
from application.audit.why_not import WhyNotReport
from application.money.eligibility import Candidate
from domain.adjustments.events import ApprovalRequirement


def who_could(sources: AnswerSources, given: DecisionParameters, found: WhoCouldView) -> Words:
    about, duty = subject(sources, found.case), found.duty
    able = [one for one in found.people if one.could]
    unable = [one for one in found.people if not one.could]
    acts = about.acts(found.adjustment)
    return Words(
        says=[
            f"{len(able)} of {many(len(found.people), 'person', 'people')} could {duty} it at "
            f"{at(found.as_of)}: {names(one.person for one in able)}.",
            about.adjustment_sentence(found.adjustment),
            *_time_note(given),
        ],
        searched=f"the grants, other names, duties in the case and the policy of all "
        f"{many(len(found.people), 'person', 'people')}, as recorded by "
        f"{at(found.as_of)}. Whether the adjustment was at that step by then is not checked.",
        next_steps=[
            f"To see who could just before an act, add --at: {names(acts)}.",
            "For one person with the refused attempts, ask question 3.",
        ],
        sections=[
            *table_if_any(
                f"People who could {duty} it",
                ("person", "by the role"),
                [(one.person, ", ".join(one.roles)) for one in able],
            ),
            *if_any(f"People who could not {duty} it", [*map(_barred, unable)]),
        ],
    )


def _time_note(given: DecisionParameters | PersonParameters) -> list[str]:
    if given.at is not None:
        return []
    return [
        "No time was given, so this is as of now, and acts since the decision count: "
        "who has taken a duty in the case by now could not take another one."
    ]


def _barred(one: Candidate) -> Item:
    roles = f" (with the role {', '.join(one.roles)})" if one.roles else ""
    return Item(
        f"{one.person}{roles}", [f"{readable(why.detail)} (rule {why.rule})" for why in one.why_not]
    )


def who_did(sources: AnswerSources, given: AdjustmentParameters, found: ActsAnswer) -> Words:
    about = subject(sources, given.case)
    people = dict.fromkeys(
        f"{plain(act.type.removeprefix('case.adjustment_'))} by {_by(act)}" for act in found.acts
    )
    return Words(
        says=[
            f"{many(len(found.acts), 'act')}: {names(people, 'none')}.",
            about.adjustment_sentence(given.adjustment),
        ],
        searched=f"every event of the case that names the adjustment, versions 1 to "
        f"{len(about.lines)} of its trail.",
        next_steps=[
            "`casetrail case trail` shows all other acts on the case.",
            "Question 21 says to whom a key or login belongs, and who gave it.",
        ],
        sections=if_any("Acts, oldest first", [*map(_act, found.acts)]),
    )


def _act(act: AdjustmentAct) -> Item:
    facts = [
        readable(act.said),
        f"counts for: {names(act.persons, 'no person: the service itself')}",
        f"by the {_means(act.principal)}",
        f"through the agent {names(act.agents)}" if act.agents else "",
        f"acted by the delegate {act.delegate}" if act.delegate else "",
        f"under {act.under}" if act.under else "",
        f"duty taken by it: {act.duty}" if act.duty is not None else "takes no duty",
        f"version {act.version} of the case's trail, position {act.position} of the log",
    ]
    return Item(f"{at(act.recorded_at)}  {act.type} by {act.who}", [x for x in facts if x])


def _by(act: AdjustmentAct) -> str:
    others = [name for name in act.persons if name != act.delegate]
    if act.delegate and others:
        return f"{act.delegate} for {names(others)}"
    return names(act.persons, f"the service ({act.who})")


def _means(principal: str) -> str:
    kind, _, name = principal.partition(":")
    words = {"key": "API key", "user": "login", "system": "part of the service", "agent": "agent"}
    return f"{words.get(kind, kind)} {name} ({principal})"


def _refused(one: RefusedKind) -> Item:
    return Item(
        f"{one.method} {one.route} by {one.who}: {many(one.count, 'request')}",
        [
            f"without the permission {one.permission} there; the answer was: {plain(one.problem)}",
            f"the first at {at(one.first_at)}, the last at {at(one.last_at)}",
        ],
    )


def why_not(sources: AnswerSources, given: PersonParameters, found: WhyNotReport) -> Words:
    about, against = subject(sources, given.case), found.against
    if not found.was_here:
        said = f"{found.person} could not {found.duty} it: nobody had added this person by then."
    elif found.could:
        roles = f" by the role {', '.join(against.roles)}" if against and against.roles else ""
        said = (
            f"{found.person} could {found.duty} it at {at(found.as_of)}{roles}: no rule barred it."
        )
    else:
        why = "; ".join(readable(one.detail) for one in against.why_not) if against else "no grant"
        said = f"{found.person} could not {found.duty} it at {at(found.as_of)}: {why}."
    barred = [] if against is None else [*against.why_not]
    return Words(
        says=[said, about.adjustment_sentence(given.adjustment), *_time_note(given)],
        searched=f"the grants, other names and duties of {found.person}, the policy, and the "
        "refused "
        f"attempts of {found.person} in this case, and all requests of {found.person} that were "
        "refused by permission or scope (it is not recorded which case they were about), as "
        f"recorded by {at(found.as_of)}.",
        next_steps=["Question 1 says the same of everybody."],
        sections=[
            *if_any(
                "Rules that barred it",
                [
                    Item(
                        f"{why.rule}",
                        [
                            readable(why.detail),
                            *(
                                [f"follows from version {why.version} of the case's trail"]
                                if why.version is not None
                                else []
                            ),
                        ],
                    )
                    for why in barred
                ],
            ),
            *if_any(
                "Refused attempts",
                [
                    Item(
                        f"{at(one.recorded_at)}  {one.who} tried to {plain(one.attempt)}",
                        [f"{readable(one.detail)} (rule {one.rule})", f"position {one.position}"],
                    )
                    for one in found.attempts
                ],
            ),
            *([] if found.attempts else [Section(title="Refused attempts: none.")]),
            *if_any("Requests refused by permission or scope", [*map(_refused, found.requests)]),
        ],
    )


def under_which(sources: AnswerSources, given: AdjustmentParameters, found: ApprovalBasis) -> Words:
    about, need, policy = subject(sources, given.case), found.requirement, found.policy
    counted = money(need.counted, need.currency)
    roles = f" with the role {' or '.join(need.roles)}" if need.roles else ""
    if need.beyond_roles:
        roles += f" and, beyond the order's value, {' or '.join(need.beyond_roles)}"
    must = (
        "no approval by a person (policy approves it)"
        if not need.approvers
        else f"{many(need.approvers, 'approver')}{roles}"
    )
    customer = (
        f" and {money(need.of_customer, need.currency)} for the customer"
        if need.of_customer is not None
        else ""
    )
    wrong = [x for x in found.approvals if not (x.agrees and x.within)]
    return Words(
        says=[
            f"Policy version {policy.version}, rule {need.rule}: {must}, for a counted amount of "
            f"{counted}{_limits(found)}.",
            f"Counted is the largest sum, in the currency of the approval rules: {counted_sum(need)}. "
            "What was proposed or paid by then, with this one, was "
            f"{money(need.of_order, need.currency)} for the order{customer}.",
            f"{len(found.approvals) - len(wrong)} of {many(len(found.approvals), 'approval')} "
            f"{'agrees' if len(found.approvals) - len(wrong) == 1 else 'agree'} with the limit of that policy."
            if found.approvals
            else "Nobody has approved it.",
            "The policy document in the log has the digest that the adjustment is bound to"
            f"{', ' if policy.unchanged else ', NO: it differs; '}"
            f"and it was {'' if policy.in_force_then else 'NOT '}in force when the "
            "adjustment was proposed.",
            about.adjustment_sentence(found.adjustment),
        ],
        searched="the proposal and the approvals in the case's trail, and the policy document "
        "in the log, "
        "of which the digest was computed again.",
        next_steps=[f"`casetrail policy show {policy.version}` shows the whole policy."],
        sections=[
            *table_if_any(
                "Approvals",
                ("at", "by", "as", "recorded limit", "limit by policy", "within the limit"),
                [
                    (
                        at(one.recorded_at),
                        one.who,
                        one.role,
                        money(one.limit, need.currency),
                        money(one.limit_by_policy, need.currency)
                        if one.limit_by_policy
                        else "none",
                        "yes" if one.within else "NO",
                    )
                    for one in found.approvals
                ],
            ),
            *table_if_any(
                "Limits of that policy",
                ("role", "may approve up to"),
                [(role, money(limit, need.currency)) for role, limit in found.limits.items()],
            ),
            Section(
                title=f"Policy {policy.version}, digest {short(policy.digest)} (--json has "
                "it in full)",
                columns=("at", "what", "by", "note"),
                rows=[(at(x.at), x.what, x.who, x.note) for x in policy.acts],
            ),
            *_by_policy(found),
        ],
    )


def _limits(found: ApprovalBasis) -> str:
    given = [
        f"{one.who} as {one.role} up to {money(one.limit, found.requirement.currency)}"
        for one in found.approvals
    ]
    return f"; approved by {names(given)}" if given else ""


def counted_sum(need: ApprovalRequirement) -> str:
    """The sum that counted, in words."""
    for one in need.sums:
        if one.sum == need.counted and need.counted not in (need.of_order, need.of_customer):
            return f"that of the same {one.of}, with {many(one.orders, 'other order')}"
    return f"that of the {'order' if need.counted == need.of_order else 'customer'}"


def _by_policy(found: ApprovalBasis) -> list[Section]:
    if found.by_policy is None:
        return []
    rows = [
        (v.fact, v.test, "" if v.read is None else str(v.read), "yes" if v.passed else "no")
        for v in found.by_policy.verdicts
    ]
    title = f"Approved by rule {found.by_policy.rule} of policy {found.by_policy.policy}"
    return [Section(title=title, columns=("fact", "test", "value read", "passed"), rows=rows)]
