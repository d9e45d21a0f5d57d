"""An auditor's question: its parameters, its answer, and how the answer is put into words.

The answering function takes `AnswerSources` and the question's `QuestionParameters`, and returns a
struct. The route and `casetrail audit ask` are made from it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Struct, structs

from api.composition import Desks
from api.http.errors import MalformedParameter
from api.http.times import parse_time, require_offset
from api.routes.questions.words import Section, Words
from application.audit.log_scan import LogScan
from application.audit.question_records import record_question
from application.audit.wording import QUESTION_TEXTS
from domain.audit import AuditAsked
from domain.orders.order import order_stream
from domain.people import Actor
from domain.permissions import Permission
from domain.recorded_event import RecordedEvent
from domain.validation import fault_from_msgspec
from infrastructure.evidence_store import EvidenceStore
from infrastructure.postgres.datastore import LogHalted
from infrastructure.reports.money import MoneyReports
from infrastructure.reports.queries import Reports
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.proofs import Proofs
from infrastructure.verifier.trust_policy import NO_WITNESS, TrustPolicy

A = TypeVar("A", bound=Struct)
MOST_LEAVES = 100_000
NO_WORDS = Words(says=(), searched="")


class QuestionParameters(Struct, frozen=True, kw_only=True):
    """The parameters of a question. Each field is a query parameter of its route and an option of its
    command, described by `Meta(description=…)`; an optional one has a default."""

    def require_valid(self) -> None:
        """Check what types cannot express. Raises MalformedParameter."""
        for field in structs.fields(self):
            moment = getattr(self, field.name)
            if isinstance(moment, datetime):
                require_offset(field.encode_name, moment)


class AnswerSources(Struct, frozen=True):
    """What answers are made from: the whole log, without a scope."""

    desks: Desks
    evidence: EvidenceStore
    checkpoints: Checkpoints | None = None
    """Those outside the database; None if this process has no access to them."""
    most_leaves: int | None = MOST_LEAVES
    """How many envelopes one answer may hash; None: all."""
    progress: Callable[[int, int], None] | None = None
    upto: int | None = None
    """The position up to which the log is scanned; None: its head."""
    witnesses: TrustPolicy = NO_WITNESS
    """The witnesses that cosign the log, and their quorum."""

    @property
    def position(self) -> int:
        """The position up to which the log is scanned."""
        return self.desks.log.head() if self.upto is None else self.upto

    @property
    def reading(self) -> LogScan:
        """A scan of the log up to `position`."""
        head, progress = self.position, self.progress
        if progress is None:
            return LogScan(self.desks.log, head)
        return LogScan(self.desks.log, head, lambda position: progress(position, head))

    def order_trail(self, lines: Sequence[RecordedEvent]) -> list[RecordedEvent]:
        """The trail of the order of the case with these lines."""
        return self.desks.log.trail(order_stream(lines[0].order or ""))

    @property
    def proofs(self) -> Proofs:
        return Proofs(self.desks.datastore)

    @property
    def reports(self) -> Reports:
        return Reports(self.desks.datastore)

    @property
    def money_reports(self) -> MoneyReports:
        return MoneyReports(self.desks.datastore)


class Question(Struct, frozen=True, kw_only=True):
    number: int
    answer: Callable[[AnswerSources, Any], Any]
    """The answering function: its signature gives the types, its docstring the description."""
    words: Callable[[AnswerSources, Any, Any], Words] | None = None
    """The answer in words, from the parameters and the answer."""
    holds: Callable[[Any], bool] | None = None
    """Whether the answer is good; otherwise the command exits with 1."""
    needs: Permission = Permission.READ_LOG
    routes: Sequence[str] = ()
    """Other routes that answer it, or give more detail: `GET /v1/…`."""
    commands: Sequence[str] = ()
    """Other commands: `casetrail …`."""
    recorded_as: str | None = None
    """The name in the log; None: `question NUMBER`."""
    even_if_halted: bool = False
    """Whether the API answers it on a halted log, without recording it. The command line always does."""

    @property
    def name(self) -> str:
        """The name of the answering function."""
        return self.answer.__name__

    @property
    def parameters_type(self) -> type[QuestionParameters]:
        kind: type[QuestionParameters] = get_type_hints(self.answer)["given"]
        return kind

    @property
    def gives(self) -> type[Struct]:
        kind: type[Struct] = get_type_hints(self.answer)["return"]
        return kind

    @property
    def asks(self) -> str:
        return QUESTION_TEXTS[self.number]


class RecordedAnswer(Struct, Generic[A], frozen=True, kw_only=True):
    """An answer, with the question and the log position that records it."""

    question: int
    asks: str
    parameters: Mapping[str, str]
    says: Sequence[str]
    """The answer in sentences. The first answers the question; the values are in `answer`."""
    searched: str
    """What was read and compared for the answer, and what was not."""
    next_steps: Sequence[str]
    """What to do or to ask next."""
    answered_at: datetime
    """When the log was read."""
    position: int
    """The head of the log when it was answered."""
    recorded: int | None
    """The position of the event that records the question; null on a halted log."""
    digest: str
    """SHA-256 of `answer` as JSON; the event contains it too."""
    answer: A


class Answered(Struct, frozen=True):
    """A recorded answer, and the lists that the command line shows with it."""

    found: RecordedAnswer[Any]
    sections: Sequence[Section]


def answer_and_record(
    question: Question,
    sources: AnswerSources,
    given: QuestionParameters,
    by: Actor,
    account: str | None = None,
) -> Answered:
    """The answer, after the question was recorded. Raises LogHalted if it cannot be recorded, except for
    questions with `even_if_halted`."""
    position, now = sources.desks.log.head(), sources.desks.clock()
    sources = structs.replace(sources, upto=position)
    answer = question.answer(sources, given)
    words = NO_WORDS if question.words is None else question.words(sources, given, answer)
    digest = hashlib.sha256(msgspec.json.encode(answer)).hexdigest()
    parameters = parameters_as_text(given)
    name = question.recorded_as or f"question {question.number}"
    try:
        recorded = record_answer(sources, name, parameters, position, digest, by, account)
    except LogHalted:
        if not question.even_if_halted and account is None:
            raise
        recorded = None
    found = RecordedAnswer(
        question=question.number,
        asks=question.asks,
        parameters=parameters,
        says=words.says,
        searched=words.searched,
        next_steps=words.next_steps,
        answered_at=now,
        position=position,
        recorded=recorded,
        digest=digest,
        answer=answer,
    )
    return Answered(found, words.sections)


def record_answer(
    sources: AnswerSources,
    name: str,
    parameters: Mapping[str, str],
    position: int,
    digest: str,
    by: Actor,
    account: str | None = None,
) -> int:
    """Record the question and the digest of its answer; returns the position. Raises LogHalted,
    TooContended."""
    asked = AuditAsked(
        asked=name, parameters=parameters, position=position, answer=digest, account=account
    )
    return record_question(sources.desks.log, asked, by, sources.desks.clock())


def parameters_as_text(given: QuestionParameters) -> Mapping[str, str]:
    """The given parameters, as they would be written in a URL."""
    fields = msgspec.to_builtins(given)
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in fields.items()
        if value is not None
    }


def validate_parameters(
    kind: type[QuestionParameters], fields: Mapping[str, Any]
) -> QuestionParameters:
    """The parameters from field values, checked. Raises MalformedParameter."""
    given = kind(**fields)
    given.require_valid()
    try:
        # A struct does not check bounds and patterns when it is created.
        msgspec.convert(msgspec.to_builtins(given), kind)
    except msgspec.ValidationError as error:
        sent = msgspec.to_builtins(given)
        raise MalformedParameter(_describe_fault(error, sent, kind)) from None
    return given


def parse_parameters(question: Question, texts: Mapping[str, str]) -> QuestionParameters:
    """The parameters from text, as people write it. Raises MalformedParameter."""
    hints = get_type_hints(question.parameters_type)
    fields = structs.fields(question.parameters_type)
    times = {f.encode_name for f in fields if datetime in get_args(hints[f.name])}
    try:
        values = {n: parse_time(text) if n in times else text for n, text in texts.items()}
        found = msgspec.convert(values, question.parameters_type, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedParameter(_describe_fault(error, values, question.parameters_type)) from None
    except ValueError as error:
        raise MalformedParameter(str(error)) from None
    found.require_valid()
    return found


def _describe_fault(error: msgspec.ValidationError, sent: object, kind: Any) -> str:
    fault = fault_from_msgspec(error, "", sent, kind)
    return f"{fault.pointer.removeprefix('/')}: {fault.detail}"
