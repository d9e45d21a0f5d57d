"""Question 15 in words: break-glasses, policy edits, overridden decisions and declared errors."""

from api.routes.questions.question import AnswerSources
from api.routes.questions.times import PeriodParameters
from api.routes.questions.wording.context import in_period
from api.routes.questions.words import (
    Item,
    Words,
    at,
    ids,
    if_any,
    many,
    names,
    order_of,
    plain,
    short,
)
from application.audit.overrides import Emergency, EmergencyReviewStatus, Overrides
from application.audit.policy_edits import PolicyEdit


def which_overrides(sources: AnswerSources, given: PeriodParameters, found: Overrides) -> Words:
    waiting = [x for x in found.emergencies if x.judged is EmergencyReviewStatus.NOT_REVIEWED]
    still_open = [x for x in found.emergencies if x.judged is EmergencyReviewStatus.OPEN]
    alone = [x for x in found.policy_edits if x.decided and x.by_others is False]
    states = [
        *([f"{len(waiting)} not reviewed"] if waiting else []),
        *([f"{len(still_open)} still open"] if still_open else []),
    ]
    return Words(
        says=[
            f"{many(len(found.emergencies), 'break-glass', 'break-glasses')}{f' ({names(states)})' if states else ''}, "
            f"{many(len(found.policy_edits), 'policy edit')}{f' ({len(alone)} in force without another person)' if alone else ''}, "
            f"{many(len(found.set_aside), 'overridden decision')} of policy and "
            f"{many(len(found.errors), 'declared error')}.",
            "Who asked, opened, approved and reviewed each is below.",
        ],
        searched="break-glasses with an event or act, edits of policy, decisions of people "
        "that differ from the policy's, and declared errors. " + in_period(sources, given),
        next_steps=[
            "`casetrail policy history` and `casetrail policy diff OLD NEW` show the "
            "content of a policy edit."
        ],
        sections=[
            *if_any("Break-glasses", [*map(_emergency, found.emergencies)]),
            *if_any("Policy edits", [*map(_policy_edit, found.policy_edits)]),
            *if_any(
                "Decisions of policy that people overrode",
                [
                    Item(
                        f"{at(one.recorded_at)}  {plain(one.what)} of "
                        f"{order_of(one.order, one.shop)} by {one.who} "
                        f"({ids(one.case)})",
                        [
                            f"was {plain(one.was)}, now {plain(one.now)}"
                            + (f"; the decision was by policy {one.policy}" if one.policy else ""),
                            f"note: {one.note}" if one.note else "without a note",
                            f"position {one.position:,}",
                        ],
                    )
                    for one in found.set_aside
                ],
            ),
            *if_any(
                "Declared errors",
                [
                    Item(
                        f"{at(one.recorded_at)}  {one.who}, "
                        f"{order_of(one.order, one.shop)} ({ids(one.case)})",
                        [
                            f"version {one.about} of the trail "
                            f"({one.about_type or 'unknown'}) is wrong: "
                            f"{plain(one.reason)}",
                            f"note: {one.note}",
                            f"position {one.position:,}",
                        ],
                    )
                    for one in found.errors
                ],
            ),
        ],
    )


def _emergency(one: Emergency) -> Item:
    where = (
        f"the queue {one.queue}"
        if one.queue
        else f"--case {one.case}"
        if one.case
        else "all queues"
    )
    lines = [f"reason: {one.reason}"]
    lines.append(
        f"opened by {one.opened_by} at {at(one.opened_at)}" if one.opened_by else "not opened"
    )
    if one.ended_at is not None:
        lines.append(f"ended at {at(one.ended_at)}: {plain(one.ended or 'ended')}")
    lines.append(f"{many(len(one.acts), 'act')} under it")
    lines += [
        f"- {at(act.recorded_at)}  {act.type} by {act.who}, {order_of(act.order, act.shop)}"
        for act in one.acts
    ]
    if one.reviewed_by is not None:
        justified = "justified" if one.justified else "NOT justified"
        lines.append(
            f"reviewed by {one.reviewed_by} at {at(one.reviewed_at)}: {justified}. {one.findings}"
        )
    elif one.judged is EmergencyReviewStatus.NOT_REVIEWED:
        lines.append("NOT reviewed yet")
    elif one.judged is EmergencyReviewStatus.OPEN:
        lines.append("still open, so not reviewed yet")
    if not one.by_others:
        lines.append("ONE PERSON had two of the parts: asker, opener, reviewer")
    return Item(
        f"{at(one.asked_at)}  {one.asked_by} asked for {one.role} in {where}, for "
        f"{one.minutes} minutes (break-glass {one.break_glass})",
        lines,
    )


def _policy_edit(one: PolicyEdit) -> Item:
    if one.by_others is None:
        state = (
            "took effect as the first policy, activated on the command line: nobody "
            "else had to approve it"
            if one.decided
            else "never took effect"
        )
    elif one.by_others:
        state = f"took effect; approved by {names(one.approved_by)}, not an author"
    else:
        state = "took effect WITHOUT approval by a person who is not an author"
    if one.by_emergency:
        state += "; by an emergency activation"
    if one.rolled_back_to:
        state += "; by a rollback"
    return Item(
        f"policy version {one.version}, digest {short(one.digest)}, by "
        f"{names(one.authors, 'the operator')}",
        [
            state,
            *(
                f"{at(act.at)}  {act.what} by {act.who}" + (f": {act.note}" if act.note else "")
                for act in one.acts
            ),
        ],
    )
