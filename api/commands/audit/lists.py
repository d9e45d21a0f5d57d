"""casetrail audit access | statement"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from api.commands.audit.ask import show_progress
from api.commands.audit.recording import system_account
from api.commands.options import AS_JSON, report_write_errors
from api.composition import migrated_desks
from api.routes.audit_lists import ACCESS_QUESTION, render_csv, statement_question
from api.routes.questions.question import (
    AnswerSources,
    Question,
    QuestionParameters,
    RecordedAnswer,
    answer_and_record,
    parse_parameters,
)
from api.routes.questions.tables import render_recorded_answer
from domain.people import OPERATOR_ACTOR
from infrastructure.evidence_store import EvidenceStore
from infrastructure.settings import Settings


@click.command()
@click.option("--at", help="As it was recorded until then: an RFC 3339 time [now].")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="A file [standard output]."
)
@click.pass_obj
def access(settings: Settings, at: str | None, out: Path | None) -> None:
    """Who might do what, as a table (CSV): a row for each grant, key, login, agent and delegate."""
    asking = parse_parameters(ACCESS_QUESTION, {"at": at} if at is not None else {})
    text = render_csv(_answer_question(settings, ACCESS_QUESTION, asking).answer)
    if out is None:
        click.echo(text, nl=False)
    else:
        with report_write_errors(out):
            out.write_text(text, encoding="utf-8", newline="")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--provider", default="local", show_default=True, help="Whose list it is.")
@AS_JSON
@click.pass_obj
def statement(settings: Settings, file: Path, provider: str, as_json: bool) -> None:
    """Hold a provider's list (CSV) against the log, and reconcile nothing. Ends with 1 if something does
    not agree."""
    question, asking = statement_question(file.read_bytes(), provider)
    found = _answer_question(settings, question, asking)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        render_recorded_answer(Console(highlight=False), question, found)
    if found.answer.discrepancies:
        raise SystemExit(1)


def _answer_question(
    settings: Settings, question: Question, asking: QuestionParameters
) -> RecordedAnswer[Any]:
    with migrated_desks(settings) as desks, show_progress() as progress:
        sources = AnswerSources(desks, EvidenceStore(settings.evidence_place), progress=progress)
        return answer_and_record(question, sources, asking, OPERATOR_ACTOR, system_account())
