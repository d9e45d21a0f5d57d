"""Answers audit questions on the command line and records who asked: the operator's account."""

import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.progress import Progress

from api import terminal
from api.commands.personal_data import record_personal_reads
from api.composition import Desks, migrated_desks
from api.configured_checkpoints import read_only_checkpoints
from api.routes.questions.question import (
    Answered,
    AnswerSources,
    Question,
    QuestionParameters,
    answer_and_record,
)
from application.audit.question_records import record_question
from domain.audit import AuditAsked
from domain.people import OPERATOR_ACTOR
from infrastructure.evidence_store import EvidenceStore
from infrastructure.postgres.datastore import LogHalted
from infrastructure.settings import Settings
from infrastructure.transparency.witness_policy import read_witness_policy


def system_account() -> str:
    """The operating system's account that runs the command, or `unknown`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def answer_question(
    settings: Settings, question: Question, parameters: QuestionParameters, command: str
) -> Answered:
    """The answer, with a progress bar meanwhile; records the question and the personal data read."""
    with (
        migrated_desks(settings) as desks,
        record_personal_reads(desks, command),
        show_progress() as progress,
    ):
        sources = AnswerSources(
            desks,
            EvidenceStore(settings.evidence_place),
            read_only_checkpoints(settings),
            None,
            progress,
            witnesses=read_witness_policy(settings),
        )
        return answer_and_record(question, sources, parameters, OPERATOR_ACTOR, system_account())


@contextmanager
def show_progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, visible from the first call: done, total."""
    with Progress(console=terminal.console(stderr=True), transient=True) as progress:
        bar = progress.add_task("reading the log", visible=False)
        yield lambda done, of: progress.update(bar, completed=done, total=of, visible=True)


def record_local_question(
    desks: Desks, name: str, parameters: Mapping[str, str], position: int, digest: str
) -> int | None:
    """The position of the record; None, with a message, if the log accepts no writes."""
    asked = AuditAsked(
        asked=name,
        parameters=parameters,
        position=position,
        answer=digest,
        account=system_account(),
    )
    try:
        return record_question(desks.log, asked, OPERATOR_ACTOR, desks.clock())
    except LogHalted:
        terminal.console(stderr=True).print("Writes are halted, so this question is not recorded.")
        return None
