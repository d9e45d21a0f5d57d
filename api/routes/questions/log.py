"""Questions about the log as a whole: is it whole, is a list complete, what a sample has, whether
policy still decides the same, and who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from api.http.errors import MalformedParameter
from api.http.times import require_ordered_period
from api.routes.questions.bundles import (
    LogSize,
    PopulationParameters,
    ProvenPopulation,
    ShortText,
    manifest_question,
    open_connection,
    prove_population,
)
from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from api.routes.questions.times import PeriodEnd, PeriodParameters, PeriodStart
from application.audit.question_records import QuestionRecord, list_question_records
from application.audit.reperformance import ReperformanceSummary, summarize_reperformance
from application.policy.reperformance import Period, Reperformance
from domain.errors import NotWitnessedYet
from infrastructure.transparency.proofs import NO_CHECKPOINT_YET
from infrastructure.transparency.range_check import RangeCheck, check_range
from infrastructure.transparency.sample_population import read_population
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.verifier.samples import STRATA, PopulationMember, draw_sample

MAX_SAMPLE_SIZE = 10_000


class LeavesParameters(QuestionParameters, frozen=True, kw_only=True):
    first: Annotated[
        LogSize, Meta(description="The first position whose envelope is hashed anew [1].")
    ] = 1
    last: Annotated[
        LogSize | None, Meta(description="The last; by API, the newest 100,000 of them are.")
    ] = None


class SampleParameters(PopulationParameters, frozen=True, kw_only=True):
    strata: Annotated[
        ShortText, Meta(description="Parted by, with commas: kind, queue, currency, person, month.")
    ] = ""
    size: Annotated[int, Meta(ge=1, le=MAX_SAMPLE_SIZE, description="How many are drawn.")]
    seed: Annotated[
        ShortText, Meta(description="Any text; named after the log was signed, nobody can choose.")
    ]
    upto: Annotated[
        LogSize | None, Meta(description="Of the first so many positions; the last checkpoint's.")
    ] = None

    def require_valid(self) -> None:
        super().require_valid()
        require_seed(self.seed)


class ReperformParameters(
    QuestionParameters, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}
):
    case: Annotated[UUID | None, Meta(description="One case; else a period.")] = None
    since: PeriodStart = None
    until: PeriodEnd = None

    def require_valid(self) -> None:
        super().require_valid()
        require_ordered_period(self.since, self.until)


class DrawnMember(Struct, frozen=True, kw_only=True):
    position: int
    leaf: str
    stratum: Mapping[str, str]
    stream: str
    version: int
    type: str
    recorded_at: str


class Stratum(Struct, frozen=True, kw_only=True):
    stratum: Mapping[str, str]
    population: int
    drawn: int


class Sample(Struct, frozen=True, kw_only=True):
    """Whoever has the same population and seed draws the same, from the log or from a bundle."""

    upto: int
    """The population is of the first so many positions."""
    seed: str
    population: int
    strata: Sequence[Stratum]
    members: Sequence[DrawnMember]


class AskedBeforeAnswer(Struct, frozen=True):
    """Every answer that was given out to an auditor, oldest first."""

    asked: Sequence[QuestionRecord]


def was_it_altered(sources: AnswerSources, asked: LeavesParameters) -> RangeCheck:
    """The log against the last checkpoint outside of its database, and each envelope of the range
    against its leaf. Where the range is all of it, the root is worked out anew from the envelopes."""
    if sources.checkpoints is None:
        raise NotWitnessedYet("this process does not know the checkpoints outside of the database")
    if asked.last is not None and asked.last < asked.first:
        raise MalformedParameter("last is before first")
    with open_connection(sources) as connection:
        try:
            found = check_range(
                connection,
                sources.checkpoints,
                asked.first,
                asked.last,
                sources.most_leaves,
                sources.progress,
            )
        except KeyUnusable as error:
            raise NotWitnessedYet(f"this process cannot tell whose they are: {error}") from None
    if found.witnessed is None and not found.wrong:
        raise NotWitnessedYet(NO_CHECKPOINT_YET)
    return found


def is_it_complete(sources: AnswerSources, asked: PopulationParameters) -> ProvenPopulation:
    """How many there are, and what they come to: from a bundle of all events that is made for it, and
    verified as whoever gets it would. `/v1/audit/population` gives it out."""
    return prove_population(sources, asked)


def which_are_drawn(sources: AnswerSources, asked: SampleParameters) -> Sample:
    """Within each stratum by SHA-256(seed ‖ 0x00 ‖ leaf), each in proportion to its size. A queue is
    that of the case when it was recorded."""
    strata = parse_strata(asked.strata)
    with open_connection(sources) as connection:
        upto, members = read_population(connection, manifest_question(asked), strata, asked.upto)
    return draw_sample_from(upto, members, strata, asked.size, asked.seed)


def draw_sample_from(
    upto: int, members: Sequence[PopulationMember], strata: Sequence[str], size: int, seed: str
) -> Sample:
    found = draw_sample(members, size, seed)

    def named(stratum: tuple[str, ...]) -> Mapping[str, str]:
        return dict(zip(strata, stratum, strict=True))

    return Sample(
        upto=upto,
        seed=seed,
        population=found.population,
        strata=[
            Stratum(stratum=named(one.stratum), population=one.population, drawn=one.drawn)
            for one in found.parts
        ],
        members=[
            DrawnMember(
                position=one.position,
                leaf=one.leaf.hex(),
                stratum=named(one.stratum),
                stream=one.stream,
                version=one.version,
                type=one.type,
                recorded_at=one.recorded_at,
            )
            for one in found.members
        ],
    )


def require_seed(told: str) -> None:
    """Raises MalformedParameter."""
    if not told.strip():
        raise MalformedParameter("seed is empty: say any text, so that others can draw the same")


def parse_strata(told: str) -> list[str]:
    """Raises MalformedParameter."""
    names = [name.strip() for name in told.split(",") if name.strip()]
    if unknown := [name for name in names if name not in STRATA]:
        raise MalformedParameter(f"{', '.join(unknown)}: known are {', '.join(STRATA)}")
    return [*dict.fromkeys(names)]


def does_it_come_out_the_same(
    sources: AnswerSources, asked: ReperformParameters
) -> ReperformanceSummary:
    """Every decision of policy of the case, or that was recorded in the period, made again on the facts
    of then, under the policy that it cites."""
    if (asked.case is None) is (asked.since is None and asked.until is None):
        raise MalformedParameter("say case, or from and to")
    if asked.case is None and (asked.since is None or asked.until is None):
        raise MalformedParameter("say both from and to")
    log = sources.desks.log
    desk = Reperformance(log, sources.desks.policy.cited)
    position = log.head()
    if asked.case is not None:
        sources.desks.cases.case(asked.case)
        return summarize_reperformance([desk.reperform_case(asked.case)], position)
    return summarize_reperformance(desk.reperform_all(Period(asked.since, asked.until)), position)


def who_asked(sources: AnswerSources, asked: PeriodParameters) -> AskedBeforeAnswer:
    """Every export, population, sample, re-performance and question that was answered, by whom, with
    which parameters, how far the log reached, and the digest of what was answered."""
    return AskedBeforeAnswer(list_question_records(sources.desks.log, asked.period))


LOG_QUESTIONS = (
    Question(
        number=10,
        answer=was_it_altered,
        holds=lambda found: found.unaltered,
        routes=(
            "GET /v1/audit/checkpoint",
            "GET /v1/audit/proofs/inclusion",
            "GET /v1/audit/proofs/consistency",
        ),
        commands=("casetrail verify",),
        even_if_halted=True,
    ),
    Question(
        number=11,
        answer=is_it_complete,
        holds=lambda found: found.verified,
        recorded_as="population",
        routes=("GET /v1/audit/population", "GET /v1/audit/export"),
        commands=("casetrail audit population", "casetrail audit export", "casetrail verify"),
    ),
    Question(
        number=12,
        answer=which_are_drawn,
        recorded_as="sample",
        commands=("casetrail audit sample",),
    ),
    Question(
        number=13,
        answer=does_it_come_out_the_same,
        holds=lambda found: not found.differing,
        recorded_as="reperform",
        routes=("GET /v1/cases/{case_id}/reperformance",),
        commands=("casetrail audit reperform",),
    ),
    Question(number=24, answer=who_asked),
)
