"""Questions 10, 13 and 24 in words: the log, decisions made again, and who asked."""

from collections import Counter
from collections.abc import Mapping

from api.routes.questions.log import AnsweredQuestions, LeavesParameters, ReperformParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.times import PeriodParameters
from api.routes.questions.wording.context import beyond_log, case_name, in_period, subject
from api.routes.questions.wording.witnesses import loss_and_quorum, witness_sections
from api.routes.questions.words import (
    Item,
    Section,
    Words,
    at,
    if_any,
    many,
    names,
    period_in_words,
    plain,
    readable,
    table_if_any,
)
from application.audit.reperformance import ReperformanceSummary
from application.policy.reperformance import Period, ReperformedDecision
from domain.orders.order_names import describe_name
from infrastructure.transparency.range_check import RangeCheck


def was_it_altered(_: AnswerSources, given: LeavesParameters, found: RangeCheck) -> Words:
    checked = f"positions {found.first:,} to {found.last:,}"
    seen = found.witnessed
    goes_on = seen is not None and seen.goes_on
    if found.as_signed and not found.unaltered:
        said = (
            "YES: events were lost, and two people accepted that. What is there now is as it was "
            "signed."
        )
    elif found.unaltered and found.whole:
        covered = f"position {seen.size:,}, where " if seen is not None else ""
        said = f"No: nothing was altered or removed up to {covered}the last checkpoint outside the database{' ends' if covered else ''}."
    elif found.unaltered:
        said = (
            f"No, as far as it was checked: nothing in {checked} was altered or removed. "
            "Other envelopes were not hashed."
        )
    else:
        said = (
            f"YES: the log is not as it was signed. {many(len(found.wrong), 'position')} "
            f"of {checked} {'is' if len(found.wrong) == 1 else 'are'} missing or altered."
        )
    says = [said]
    if seen is not None and goes_on:
        says.append(
            f"The log begins with the {seen.size:,} events that the checkpoint "
            "outside the database covers, with the same root."
        )
    elif seen is not None:
        says.append(
            f"The log does not agree with the checkpoint outside the database: {seen.detail}."
        )
    if found.root_holds is not None:
        same = (
            "is the one that was signed" if found.root_holds else "is NOT the one that was signed"
        )
        says.append(f"The root hash, computed from all envelopes, {same}.")
    if seen is not None and found.size > seen.size:
        later = found.size - seen.size
        checked_too = max(found.last - max(seen.size, found.first - 1), 0)
        says.append(
            f"{many(later, 'event')} after position {seen.size:,} "
            f"{'is' if later == 1 else 'are'} not "
            f"signed yet; {checked_too:,} of them "
            f"{'was' if checked_too == 1 else 'were'} compared with "
            "their own leaf, and nothing else can be said of them."
        )
    says += loss_and_quorum(found)
    return Words(
        says=says,
        searched=f"the envelope of each event at {checked} of {found.size:,}: each was hashed "
        "and compared with its leaf in "
        "the tree. The tree was compared with the last checkpoint that is kept "
        "outside the database."
        + (" Every cosignature that counts was verified." if found.witnesses.witnesses else ""),
        next_steps=[
            *(
                []
                if found.whole
                else ["For the whole log, ask by the command line without --first and --last."]
            ),
            "This is the service's own check. For one that trusts nobody here: "
            "`casetrail audit export`, then "
            "`casetrail verify`, and compare the checkpoint with one that somebody else kept (docs/proof.md).",
        ],
        sections=[
            *table_if_any(
                "Missing or altered (at most 100 are listed)",
                ("position", "what"),
                [(f"{one.position:,}", one.what) for one in found.wrong],
            ),
            *(
                [
                    Section(
                        title="Last checkpoint outside the database",
                        items=[
                            Item(
                                f"size {seen.size:,}",
                                [
                                    f"its root: {seen.root}",
                                    *([f"computed now: {found.root}"] if found.root else []),
                                ],
                            )
                        ],
                    )
                ]
                if seen is not None and seen.root
                else []
            ),
            *witness_sections(found),
        ],
    )


def does_it_come_out_the_same(
    sources: AnswerSources, given: ReperformParameters, found: ReperformanceSummary
) -> Words:
    differing, reread = found.differing, found.differing_by_reading
    made = f"{many(found.decisions, 'decision')} of policy about {many(found.orders, 'order')}"
    if not found.decisions:
        said = "There was no decision of policy to make again."
    elif differing:
        said = (
            f"NO: {len(differing)} of {made} {'comes' if len(differing) == 1 else 'come'} "
            "out differently."
        )
    else:
        said = (
            f"Yes: {made} {'was' if found.decisions == 1 else 'were'} made again, and "
            f"{'it has' if found.decisions == 1 else 'all have'} the same result."
        )
    also = []
    if reread:
        also.append(
            f"{len(reread)} differ only because facts are read differently since "
            f"({found.readings})."
        )
    if given.case is not None:
        about = subject(sources, given.case)
        also.append(about.sentence)
        what = f"every decision of policy in the trail of the case, {about.name}"
    else:
        what = f"every decision of policy {period_in_words(Period(given.since, given.until))}"
        if note := beyond_log(sources, Period(given.since, given.until)):
            also.append(note)
    return Words(
        says=[said, *also],
        searched=f"{what}, up to position {found.position:,}. Each was made again from the "
        "facts known then, under the policy that it cites.",
        next_steps=["`casetrail audit reperform` does it for the whole log."],
        sections=[
            *if_any("Decisions that differ", [_differing(one) for one in differing]),
            *if_any("Decisions that differ by reading", [_differing(one) for one in reread]),
        ],
    )


def _differing(one: ReperformedDecision) -> Item:
    differences = [*one.differs, *one.differs_by_reading]
    return Item(
        f"{at(one.recorded_at)}  {one.type}, order {describe_name(one.order, one.shop)}, "
        f"rule {one.rule} of policy {one.policy}",
        [
            *(
                f"{plain(x.what)}: recorded {x.recorded}, repeated {x.came_out}"
                for x in differences
            ),
            f"position {one.position:,}" + (f", --case {one.case}" if one.case else ""),
        ],
    )


def who_asked(sources: AnswerSources, given: PeriodParameters, found: AnsweredQuestions) -> Words:
    people = Counter(one.who for one in found.asked)
    said = (
        f"{many(len(found.asked), 'answer')} "
        f"{'was' if len(found.asked) == 1 else 'were'} given to "
        f"{names(f'{who} ({count})' for who, count in people.items())}."
        if found.asked
        else "Nobody was given an answer."
    )
    return Words(
        says=[said],
        searched="every record of a question, export, population, sample and re-performance. "
        + in_period(sources, given),
        next_steps=[
            "Ask a question again with the same parameters and compare the SHA-256 "
            "of the answer (--json)."
        ],
        sections=if_any(
            "Answers given, oldest first",
            [
                Item(
                    f"{at(one.recorded_at)}  {one.asked}, asked by {one.who}"
                    + (f" (operating system account {one.account})" if one.account else ""),
                    [
                        _parameters(sources, one.parameters),
                        f"the log had {one.log_position:,} events; recorded at "
                        f"position {one.position:,}",
                        f"SHA-256 of the answer: {one.answer}",
                    ],
                )
                for one in found.asked
            ],
        ),
    )


def _parameters(sources: AnswerSources, parameters: Mapping[str, str]) -> str:
    """The parameters of a question; a case with the order that it is about."""
    said = [
        case_name(sources, value) if name == "case" else f"{plain(name)} {readable(value)}"
        for name, value in parameters.items()
    ]
    return f"with {', '.join(said)}" if said else "without parameters"
