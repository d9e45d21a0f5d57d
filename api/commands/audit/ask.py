"""casetrail audit ask NUMBER"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from api.commands.audit.recording import account
from api.commands.options import AS_JSON
from api.commands.personal_data import noted
from api.composition import checkpoints_to_look_at, migrated_desks
from api.routes.questions import QUESTIONS, listed
from api.routes.questions.in_tables import tell_answered, tell_list
from api.routes.questions.parameters import parameters_of
from api.routes.questions.question import Question, Sources, answered, asking_of
from domain.people import OPERATOR
from infrastructure.evidence_store import EvidenceStore
from infrastructure.settings import Settings


@click.group(invoke_without_command=True)
@AS_JSON
@click.pass_context
def ask(context: click.Context, as_json: bool) -> None:
    """Ask one of the auditor's questions, by its number; without a number: which there are. Ends with 1
    where the answer is that something was altered, is missing or differs."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        click.echo(msgspec.json.encode(listed()))
    else:
        tell_list(Console(highlight=False), listed())


@contextmanager
def telling_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal, as soon as there is something to tell."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("reading the log", visible=False)
        yield lambda done, of: progress.update(bar, completed=done, total=of, visible=True)


def _command(question: Question) -> click.Command:
    def run(settings: Settings, as_json: bool, **told: str | None) -> None:
        said = {name: value for name, value in told.items() if value is not None}
        asking = asking_of(question, said)
        what = f"casetrail audit ask {question.number}"
        with migrated_desks(settings) as desks, noted(desks, what):
            evidence = EvidenceStore(settings.evidence_place)
            with telling_progress() as progress:
                sources = Sources(desks, evidence, checkpoints_to_look_at(settings), None, progress)
                found = answered(question, sources, asking, OPERATOR, account())
        if as_json:
            click.echo(msgspec.json.encode(found))
        else:
            tell_answered(Console(highlight=False), question, found)
        sys.exit(0 if question.holds is None or question.holds(found.answer) else 1)

    parameters: list[click.Parameter] = [
        click.Option(
            [f"--{one.name.replace('_', '-')}", one.name],
            help=one.says,
            required=one.required,
            metavar=one.name.upper(),
        )
        for one in parameters_of(question.asking)
    ]
    parameters.append(click.Option(["--json", "as_json"], is_flag=True, help="One JSON document."))
    return click.Command(
        str(question.number),
        params=parameters,
        callback=click.pass_obj(run),
        help=f"{question.asks}\n\n{question.answer.__doc__ or ''}",
        short_help=question.asks,
    )


for _question in QUESTIONS:
    ask.add_command(_command(_question))
