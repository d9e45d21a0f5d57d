"""A question of the auditor's: what it takes, what it answers, and how that is told to people.

Whoever answers gets `Sources` and the question's own `Asking` struct, and gives a struct: the route and
`casetrail audit ask` are made from that, and say the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Struct, structs
from rich.console import Console

from api.composition import Desks
from api.http.errors import MalformedParameter
from api.http.times import moment_of, must_have_zone
from application.audit.log_scan import Reading
from application.audit.question_records import record_asked
from application.audit.wording import IN_WORDS
from domain.audit import AuditAsked
from domain.orders.order import order_stream
from domain.people import Actor
from domain.permissions import Permission
from domain.recorded import Recorded
from domain.validation import fault_from
from infrastructure.evidence_store import EvidenceStore
from infrastructure.postgres.datastore import LogHalted
from infrastructure.reports.money import MoneyReports
from infrastructure.reports.queries import Reports
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.proofs import Proofs

A = TypeVar("A", bound=Struct)
MOST_LEAVES = 100_000


class Asking(Struct, frozen=True, kw_only=True):
    """What a question takes: each field a parameter of its route and an option of its command, whose
    meaning is said with `Meta(description=…)`. What may be left out has a default."""

    def must_be_sound(self) -> None:
        """What no type says. Raises MalformedParameter."""
        for field in structs.fields(self):
            moment = getattr(self, field.name)
            if isinstance(moment, datetime):
                must_have_zone(field.encode_name, moment)


class Sources(Struct, frozen=True):
    """What answers are made from: all of the log, for whoever reads all of it."""

    desks: Desks
    evidence: EvidenceStore
    checkpoints: Checkpoints | None = None
    """Those outside of the database; None where this process does not know them."""
    most_leaves: int | None = MOST_LEAVES
    """How many envelopes are hashed anew for one answer; None: as many as there are."""
    progress: Callable[[int, int], None] | None = None

    @property
    def reading(self) -> Reading:
        """Of the log as it stands, for what reads all of it."""
        head, progress = self.desks.log.head(), self.progress
        if progress is None:
            return Reading(self.desks.log, head)
        return Reading(self.desks.log, head, lambda position: progress(position, head))

    def order_trail(self, lines: Sequence[Recorded]) -> list[Recorded]:
        """The trail of the order that the case with these lines is about."""
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
    answer: Callable[[Sources, Any], Any]
    """Its signature says what is `asked` and what it gives; its docstring tells it to people."""
    tell: Callable[[Console, Any], None] | None = None
    """For people, where a plain table of the answer is not good enough."""
    holds: Callable[[Any], bool] | None = None
    """Whether all is well, by the answer: the command ends with 1 if it is not."""
    needs: Permission = Permission.READ_LOG
    routes: Sequence[str] = ()
    """Other routes that answer it as well, or more of it: `GET /v1/…`."""
    commands: Sequence[str] = ()
    """Other commands: `casetrail …`."""
    recorded_as: str | None = None
    """Left out: `question 5`."""
    even_if_halted: bool = False
    """Answered by API on a log that takes no more appends, too: then nobody can record that it was
    asked. Beside the database, all of them are."""

    @property
    def name(self) -> str:
        """Of whoever answers: `who_could_have`."""
        return self.answer.__name__

    @property
    def asking(self) -> type[Asking]:
        kind: type[Asking] = get_type_hints(self.answer)["asked"]
        return kind

    @property
    def gives(self) -> type[Struct]:
        kind: type[Struct] = get_type_hints(self.answer)["return"]
        return kind

    @property
    def asks(self) -> str:
        return IN_WORDS[self.number]


class Answered(Struct, Generic[A], frozen=True, kw_only=True):
    """An answer, with what was asked and where in the log that stands."""

    question: int
    asks: str
    parameters: Mapping[str, str]
    position: int
    """How far the log reached."""
    recorded: int | None
    """The position of the event that says that it was asked; null only on a log that takes no more."""
    digest: str
    """SHA-256 of `answer` as JSON, as that event has it."""
    answer: A


def answered(
    question: Question, sources: Sources, asking: Asking, by: Actor, account: str | None = None
) -> Answered[Any]:
    """The answer, after it was recorded that it was asked. Raises LogHalted where that cannot be, but
    for what is to be known just then."""
    position = sources.desks.log.head()
    answer = question.answer(sources, asking)
    digest = hashlib.sha256(msgspec.json.encode(answer)).hexdigest()
    parameters = in_text(asking)
    name = question.recorded_as or f"question {question.number}"
    try:
        recorded = must_be_recorded(sources, name, parameters, position, digest, by, account)
    except LogHalted:
        if not question.even_if_halted and account is None:
            raise
        recorded = None
    return Answered(
        question=question.number,
        asks=question.asks,
        parameters=parameters,
        position=position,
        recorded=recorded,
        digest=digest,
        answer=answer,
    )


def must_be_recorded(
    sources: Sources,
    name: str,
    parameters: Mapping[str, str],
    position: int,
    digest: str,
    by: Actor,
    account: str | None = None,
) -> int:
    """Where it stands that this was asked and answered. Raises LogHalted, TooContended."""
    asked = AuditAsked(
        asked=name, parameters=parameters, position=position, answer=digest, account=account
    )
    return record_asked(sources.desks.log, asked, by, sources.desks.clock())


def in_text(asking: Asking) -> Mapping[str, str]:
    """What was asked for, as it would be written in an address; what was left out is left out."""
    told = msgspec.to_builtins(asking)
    return {
        name: said if isinstance(said, str) else msgspec.json.encode(said).decode()
        for name, said in told.items()
        if said is not None
    }


def asking_as(kind: type[Asking], fields: Mapping[str, Any]) -> Asking:
    """From what came as its fields: held against what each may be. Raises MalformedParameter."""
    asking = kind(**fields)
    asking.must_be_sound()
    try:
        # Bounds and patterns, which a struct does not look at when it is made.
        msgspec.convert(msgspec.to_builtins(asking), kind)
    except msgspec.ValidationError as error:
        raise MalformedParameter(_in_words(error)) from None
    return asking


def asking_of(question: Question, told: Mapping[str, str]) -> Asking:
    """From text, as people write it. Raises MalformedParameter."""
    hints = get_type_hints(question.asking)
    fields = structs.fields(question.asking)
    times = {f.encode_name for f in fields if datetime in get_args(hints[f.name])}
    try:
        asked = {name: moment_of(said) if name in times else said for name, said in told.items()}
        found = msgspec.convert(asked, question.asking, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedParameter(_in_words(error)) from None
    except ValueError as error:
        raise MalformedParameter(str(error)) from None
    found.must_be_sound()
    return found


def _in_words(error: msgspec.ValidationError) -> str:
    fault = fault_from(error)
    return f"{fault.pointer.removeprefix('/')}: {fault.detail}"
