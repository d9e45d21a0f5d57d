"""Questions 11 and 12 in words: complete lists of events, and samples of them."""

from api.routes.questions.bundles import PopulationParameters, ProvenPopulation, stored_event_type
from api.routes.questions.log import DrawnMember, Sample, SampleParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.wording.context import beyond_log
from api.routes.questions.words import (
    Item,
    Section,
    Words,
    at,
    if_any,
    many,
    money,
    names,
    period_in_words,
    readable,
    short,
    table_if_any,
)
from application.policy.reperformance import Period
from domain.orders.order_names import describe_order

MOST_LOOKED_UP = 500
"""Of how many events of a sample or a list the order is looked up."""


def _filter_in_words(given: PopulationParameters) -> str:
    said = f"events of the type {stored_event_type(given.type)}"
    if given.kind is not None:
        said += f", of the kind {given.kind}"
    if given.over is not None:
        said += f", with an amount above {money(given.over, given.currency or '(any currency)')}"
    elif given.currency is not None:
        said += f", in {given.currency}"
    return f"{said}, {period_in_words(Period(given.since, given.until))}"


def is_it_complete(
    sources: AnswerSources, given: PopulationParameters, found: ProvenPopulation
) -> Words:
    filtered = _filter_in_words(given)
    totals = names((money(total, currency) for currency, total in found.sums.items()), "")
    if found.verified:
        said = (
            f"Yes: {many(found.count, 'event')} of the log "
            f"{'is' if found.count == 1 else 'are'} in the list, and none is missing, up "
            f"to position {found.size:,}."
        )
    else:
        said = (
            "NO: the log does not agree with its signed checkpoint, so no list of it can "
            "be proven complete."
        )
    says = [said, f"The list: {filtered}."]
    if totals:
        says.append(f"The amounts in the list add up to {totals}; currencies are not converted.")
    if not found.count:
        says.append("No event matches. The types of events are in docs/events.md.")
    if note := beyond_log(sources, Period(given.since, given.until)):
        says.append(note)
    listed = found.positions[:MOST_LOOKED_UP]
    return Words(
        says=says,
        searched=f"all {found.events:,} events up to the signed checkpoint of size "
        f"{found.size:,}; each was "
        "hashed, and filtered, counted and summed again. Later events are not in the list.",
        next_steps=[
            "`casetrail audit population` with the same options writes the list with its proof; "
            "`casetrail verify` verifies it without the database."
        ],
        sections=[
            *if_any("The list", [_listed(sources, position) for position in listed]),
            Section(title=f"Root of the log up to position {found.size:,}: {found.root}"),
        ],
    )


def _listed(sources: AnswerSources, position: int) -> Item:
    (line,) = sources.desks.log.read(position - 1, 1)
    amount = getattr(line.event, "amount", None)
    said = f", {money(amount.amount, amount.currency)}" if amount is not None else ""
    order = f", order {describe_order(line.order)}" if line.order else ""
    return Item(f"position {position:,}: {at(line.recorded_at)}  {line.type}{said}{order}")


def which_are_drawn(sources: AnswerSources, given: SampleParameters, found: Sample) -> Words:
    said = (
        f"{many(len(found.members), 'event')} "
        f"{'is' if len(found.members) == 1 else 'are'} drawn from a population of "
        f"{found.population:,}."
        if found.population
        else "None: no event matches, so the population is empty. The types of events are "
        "in docs/events.md."
    )
    return Words(
        says=[
            said,
            f"The population: {_filter_in_words(given)}, up to position {found.upto:,}.",
            f"The same seed ({found.seed}) and options with --upto {found.upto} "
            "always draw the same events.",
        ],
        searched=f"all events up to position {found.upto:,}"
        f"{', the last signed checkpoint' if given.upto is None else ''}. In each "
        "stratum, the events with the lowest "
        "SHA-256 of the seed, a zero byte and the leaf are drawn.",
        next_steps=[
            "`casetrail audit export --case CASE` exports the trail of a case with its proof.",
            "Question 11 with the same options proves that the population is complete.",
        ],
        sections=[
            *table_if_any(
                "Strata",
                ("stratum", "population", "drawn"),
                [
                    (_stratum(one.stratum), f"{one.population:,}", f"{one.drawn:,}")
                    for one in found.strata
                ],
            ),
            *if_any("Drawn", [_member(sources, one) for one in found.members[:MOST_LOOKED_UP]]),
        ],
    )


def _stratum(values: object) -> str:
    assert isinstance(values, dict)
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "all"


def _member(sources: AnswerSources, one: DrawnMember) -> Item:
    (line,) = sources.desks.log.read(one.position - 1, 1)
    order = f", order {describe_order(line.order)}" if line.order else ""
    return Item(
        f"position {one.position:,}: {readable(one.recorded_at)}  {one.type}{order}",
        [
            *([f"stratum: {_stratum(one.stratum)}"] if one.stratum else []),
            f"version {one.version} of the stream {one.stream}{order}, leaf {short(one.leaf)}",
        ],
    )
