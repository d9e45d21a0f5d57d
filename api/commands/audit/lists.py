"""casetrail audit access | statement"""

from pathlib import Path

import click
import msgspec

from api import terminal
from api.commands.audit.recording import answer_question
from api.commands.options import AS_JSON, FILE, NEW_FILE, report_write_errors
from api.routes.audit_lists import ACCESS_QUESTION, render_csv, statement_question
from api.routes.questions.answer_text import render_recorded_answer
from api.routes.questions.question import parse_parameters
from infrastructure.settings import Settings


@click.command()
@click.option("--at", metavar="TIME", help="Access as recorded until this time [now].")
@click.option("--out", type=NEW_FILE, help="File to write [standard output].")
@click.pass_obj
def access(settings: Settings, at: str | None, out: Path | None) -> None:
    """List who had access to what (CSV): a row per grant, key, login, agent and delegate."""
    parameters = parse_parameters(ACCESS_QUESTION, {"at": at} if at is not None else {})
    found = answer_question(settings, ACCESS_QUESTION, parameters, "casetrail audit access").found
    text = render_csv(found.answer)
    if out is None:
        click.echo(text, nl=False)
    else:
        with report_write_errors(out):
            out.write_text(text, encoding="utf-8", newline="")


@click.command()
@FILE
@click.option("--provider", default="local", show_default=True, help="The provider that issued it.")
@AS_JSON
@click.pass_obj
def statement(settings: Settings, file: Path, provider: str, as_json: bool) -> None:
    """Compare a provider's statement (CSV) with the log; reconcile nothing.

    The exit status is 1 if something differs.
    """
    question, parameters = statement_question(file.read_bytes(), provider)
    answered = answer_question(settings, question, parameters, "casetrail audit statement")
    found = answered.found
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        render_recorded_answer(terminal.console(), answered)
    if found.answer.discrepancies:
        raise SystemExit(1)
