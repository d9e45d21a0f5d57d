"""Question 14 in words: conflicts of duties."""

from collections.abc import Sequence

from api.routes.questions.people import DutiesParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.wording.context import in_period
from api.routes.questions.words import (
    Item,
    Words,
    at,
    given_to_customer,
    ids,
    if_any,
    many,
    names,
    order_of,
    plain,
    readable,
    table_if_any,
)
from application.audit.conflicts import Conflicts
from application.audit.mutual_approvals import MutualApproval
from application.audit.order_conflicts import OrderConflict
from application.audit.potential_conflicts import PotentialConflict


def which_conflicts(sources: AnswerSources, given: DutiesParameters, found: Conflicts) -> Words:
    able = sorted({one.person for one in found.could})
    refused_otherwise = sum(found.other_refusals.values())
    unreported = len(found.untold)
    return Words(
        says=[
            _headline(found)
            if not unreported
            else f"{many(unreported, 'UNREPORTED conflict')}: one person had two duties in "
            "one case, and no event says so.",
            f"Refused by the rules of segregation: {many(len(found.refused), 'attempt')}."
            + (
                " Refused by other rules: "
                f"{names(f'{n} by {rule}' for rule, n in sorted(found.other_refusals.items()))}."
                if refused_otherwise
                else ""
            ),
            *_over_orders_sentences(found),
            *([_headline(found)] if unreported and found.turned_out else []),
            f"By their grants, {many(len(able), 'person', 'people')} could take more "
            f"than one duty, but each only one duty in a case: {names(able)}.",
        ],
        searched=f"grants, names and delegates as recorded by {at(found.as_of)}; refusals, "
        "conflicts and the trail of every case with money. " + in_period(sources, given),
        next_steps=[
            "Question 1 says who could decide on one adjustment; question 25 whether "
            "the database's own rows of duties match the log."
        ],
        sections=[
            *if_any(
                "Unreported: this must be empty",
                [
                    Item(
                        f"{one.person} in {order_of(one.order, one.shop)} ({ids(one.case)})",
                        [
                            f"{act.duty} by {act.type}, {at(act.at)}, as {act.person} "
                            f"(position {act.position:,})"
                            for act in one.acts
                        ],
                    )
                    for one in found.untold
                ],
            ),
            *if_any(
                "Two duties over several cases of one order", [*map(_over_order, found.over_orders)]
            ),
            *if_any(
                "People who approved each other's proposals",
                [*map(each_other_in_words, found.approved_each_other)],
            ),
            *if_any(
                "Found later",
                [
                    Item(
                        f"{at(one.recorded_at)}  {order_of(one.order, one.shop)} ({ids(one.case)})",
                        [
                            f"{names(f'{name} had the duty to {duty}' for name, duty in one.duties.items())}; "
                            "they are one person",
                            f"position {one.position:,}",
                        ],
                    )
                    for one in found.turned_out
                ],
            ),
            *if_any(
                "Refused attempts",
                [
                    Item(
                        f"{at(one.recorded_at)}  {one.who} tried to "
                        f"{plain(one.attempt)}, {order_of(one.order, one.shop)} "
                        f"({ids(one.case, one.adjustment)})",
                        [f"{readable(one.detail)} (rule {one.rule})", f"position {one.position:,}"],
                    )
                    for one in found.refused
                ],
            ),
            *table_if_any(
                "Could take two duties, by their grants",
                ("person", "duties", "by one role", "by these grants"),
                _potential(found.could),
            ),
        ],
    )


def _headline(found: Conflicts) -> str:
    later = found.turned_out
    if not later:
        return "Nobody had two duties in one case."
    people = (
        f"{names(one.duties)} are one person and had the duties to {names(one.duties.values())} "
        f"in the case of {order_of(one.order, one.shop)}"
        for one in later
    )
    return (
        f"{many(len(later), 'conflict')}, found when two names turned out to be one person: "
        f"{'; '.join(people)}."
    )


def _over_orders_sentences(found: Conflicts) -> list[str]:
    """About several cases of one order, and pairs of people."""
    over, pairs = found.over_orders, found.approved_each_other
    wrong = len(over) - sum(one.was_allowed for one in over)
    if over:
        people = many(len(over), "person", "people")
        said = (
            f"Over several cases of one order, {people} had two duties, {wrong} of them "
            "against the rules of that time."
        )
    else:
        said = "Over several cases of one order, nobody had two duties."
    if not pairs:
        return [said, "No two people approved each other's proposals."]
    return [said, f"{many(len(pairs), 'pair')} of people approved each other's proposals."]


def _over_order(one: OrderConflict) -> Item:
    return Item(
        f"{one.person}, {order_of(one.order, one.shop)}",
        [
            "allowed then: duties counted for each case alone"
            if one.was_allowed
            else "NOT allowed: duties counted over the order by then",
            *(
                f"{act.duty} by {act.type}, {at(act.at)}, as {act.person} ({ids(act.case)}, "
                f"position {act.position:,})"
                for act in one.acts
            ),
        ],
    )


def each_other_in_words(one: MutualApproval) -> Item:
    first, second = one.persons
    return Item(
        f"{first} approved {many(one.first_approved_second, 'proposal')} of {second}, who approved "
        f"{one.second_approved_first:,} of {first}, on {many(one.orders, 'order')}",
        [
            f"{given_to_customer(x.kind, x.amount, x.currency)} for {order_of(x.order, x.shop)}, proposed by "
            f"{x.proposer}, approved by {x.approver}, {at(x.approved_at)} ({ids(x.case, x.adjustment)}, position "
            f"{x.position:,})"
            for x in one.proposals
        ],
    )


def _potential(could: Sequence[PotentialConflict]) -> list[tuple[str, str, str, str]]:
    """A row for each person: pairs of duties of one person are joined."""
    found: dict[str, list[PotentialConflict]] = {}
    for one in could:
        found.setdefault(one.person, []).append(one)
    rows = []
    for person, pairs in found.items():
        grants = {
            (grant.person, grant.grant): f"{grant.role} ({grant.person} {grant.grant})"
            for pair in pairs
            for grant in pair.grants
        }
        rows.append(
            (
                person if pairs[0].known_as == [person] else names(pairs[0].known_as),
                names(dict.fromkeys(duty for pair in pairs for duty in pair.duties)),
                names(dict.fromkeys(role for pair in pairs for role in pair.by_one_role), "no"),
                names(grants.values()),
            )
        )
    return rows
