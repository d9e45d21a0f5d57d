"""Questions about the log: is it unaltered, is a list complete, what is in a sample, does policy still
give the same results, and who given."""

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
from domain.struct_fields import fill
from infrastructure.transparency.proofs import NO_CHECKPOINT_YET
from infrastructure.transparency.range_check import RangeCheck, check_range
from infrastructure.transparency.sample_population import read_population
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.verifier.samples import STRATA, PopulationMember, draw_sample

MAX_SAMPLE_SIZE = 10_000


class LeavesParameters(QuestionParameters, frozen=True, kw_only=True):
    first: Annotated[
        LogSize, Meta(description="The first position whose envelope is hashed [1].")
    ] = 1
    last: Annotated[
        LogSize | None, Meta(description="The last one; the API hashes the newest 100,000.")
    ] = None


class SampleParameters(PopulationParameters, frozen=True, kw_only=True):
    strata: Annotated[
        ShortText, Meta(description="Comma-separated: kind, queue, currency, person, month.")
    ] = ""
    size: Annotated[int, Meta(ge=1, le=MAX_SAMPLE_SIZE, description="The size of the sample.")]
    seed: Annotated[
        ShortText,
        Meta(description="Any text. Chosen after the log was signed, it cannot favour any events."),
    ]
    upto: Annotated[
        LogSize | None, Meta(description="Only positions up to this one [the last checkpoint].")
    ] = None

    def require_valid(self) -> None:
        super().require_valid()
        require_seed(self.seed)


class ReperformParameters(
    QuestionParameters, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}
):
    case: Annotated[UUID | None, Meta(description="One case; or send a period.")] = None
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


class StratumCounts(Struct, frozen=True, kw_only=True):
    stratum: Mapping[str, str]
    population: int
    drawn: int


class Sample(Struct, frozen=True, kw_only=True):
    """A reproducible sample: the same population and seed give the same members."""

    upto: int
    """The population contains only positions up to this one."""
    seed: str
    population: int
    strata: Sequence[StratumCounts]
    members: Sequence[DrawnMember]


class AnsweredQuestions(Struct, frozen=True):
    """Every answer that was given to an auditor, oldest first."""

    asked: Sequence[QuestionRecord]


def was_it_altered(sources: AnswerSources, given: LeavesParameters) -> RangeCheck:
    """Compares the log with the last checkpoint outside the database, and each envelope of the range with
    its leaf. If the range is the whole log, the root hash is computed from the envelopes. It lists every loss
    that was accepted (`losses`), every origin, and how far the quorum of witnesses has cosigned the log
    (`witnesses`); a range in which events were lost is not unaltered."""
    if sources.checkpoints is None:
        raise NotWitnessedYet("this process has no access to the checkpoints outside the database")
    if given.last is not None and given.last < given.first:
        raise MalformedParameter(f"last={given.last} is less than first={given.first}")
    with open_connection(sources) as connection:
        try:
            found = check_range(
                connection,
                sources.checkpoints,
                given.first,
                given.last,
                sources.most_leaves,
                sources.progress,
                sources.witnesses,
            )
        except KeyUnusable as error:
            raise NotWitnessedYet(f"this process cannot verify the checkpoints: {error}") from None
    if found.witnessed is None and not found.wrong:
        raise NotWitnessedYet(NO_CHECKPOINT_YET)
    return found


def is_it_complete(sources: AnswerSources, given: PopulationParameters) -> ProvenPopulation:
    """The number of events and their sums, from a bundle of all events that is made and verified for this
    answer. `/v1/audit/population` returns the bundle."""
    return prove_population(sources, given)


def which_are_drawn(sources: AnswerSources, given: SampleParameters) -> Sample:
    """Members are chosen within each stratum by SHA-256(seed ‖ 0x00 ‖ leaf), in proportion to its size.
    The stratum `queue` is the queue of the case at the time of the event."""
    strata = parse_strata(given.strata)
    with open_connection(sources) as connection:
        upto, members = read_population(connection, manifest_question(given), strata, given.upto)
    return draw_sample_from(upto, members, strata, given.size, given.seed)


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
            StratumCounts(stratum=named(part.stratum), population=part.population, drawn=part.drawn)
            for part in found.parts
        ],
        members=[
            fill(DrawnMember, member, leaf=member.leaf.hex(), stratum=named(member.stratum))
            for member in found.members
        ],
    )


def require_seed(seed: str) -> None:
    """Raises MalformedParameter."""
    if not seed.strip():
        raise MalformedParameter(
            "seed is empty; send any text, so that others can draw the same sample"
        )


def parse_strata(text: str) -> list[str]:
    """Raises MalformedParameter."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in STRATA]:
        raise MalformedParameter(
            f"unknown strata {', '.join(unknown)}; known are: {', '.join(STRATA)}"
        )
    return [*dict.fromkeys(names)]


def does_it_come_out_the_same(
    sources: AnswerSources, given: ReperformParameters
) -> ReperformanceSummary:
    """Computes every policy decision of the case or the period again, from the facts known then and under
    the policy that it cites."""
    if (given.case is None) is (given.since is None and given.until is None):
        raise MalformedParameter("send either case, or from and to")
    if given.case is None and (given.since is None or given.until is None):
        raise MalformedParameter("send both from and to")
    log = sources.desks.log
    desk = Reperformance(log, sources.desks.policy.cited)
    position = log.head()
    if given.case is not None:
        sources.desks.cases.case(given.case)
        return summarize_reperformance([desk.reperform_case(given.case)], position)
    return summarize_reperformance(desk.reperform_all(Period(given.since, given.until)), position)


def who_asked(sources: AnswerSources, given: PeriodParameters) -> AnsweredQuestions:
    """Every export, population, sample, re-performance and question that was answered: who asked, with
    which parameters, the size of the log, and the digest of the answer."""
    return AnsweredQuestions(list_question_records(sources.desks.log, given.period))


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
