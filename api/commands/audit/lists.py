"""casetrail audit access | statement"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from api.commands.audit.ask import telling_progress
from api.commands.audit.recording import account
from api.commands.options import AS_JSON, writing
from api.composition import migrated_desks
from api.routes.audit_lists import ACCESS, as_csv, statement_question
from api.routes.questions.in_tables import tell_answered
from api.routes.questions.question import Answered, Asking, Question, Sources, answered, asking_of
from domain.people import OPERATOR
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
    asking = asking_of(ACCESS, {"at": at} if at is not None else {})
    text = as_csv(_answered(settings, ACCESS, asking).answer)
    if out is None:
        click.echo(text, nl=False)
    else:
        with writing(out):
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
    found = _answered(settings, question, asking)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        tell_answered(Console(highlight=False), question, found)
    if found.answer.discrepancies:
        raise SystemExit(1)


def _answered(settings: Settings, question: Question, asking: Asking) -> Answered[Any]:
    with migrated_desks(settings) as desks, telling_progress() as progress:
        sources = Sources(desks, EvidenceStore(settings.evidence_place), progress=progress)
        return answered(question, sources, asking, OPERATOR, account())
