"""casetrail audit ask NUMBER"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from api.composition import checkpoints_of, migrated_desks
from api.routes.questions import QUESTIONS, listed, parameters_of
from api.routes.questions.in_tables import tell_answered, tell_list
from api.routes.questions.question import Question, Sources, answered, asking_of
from domain.people import OPERATOR
from infrastructure.evidence_store import EvidenceStore
from infrastructure.settings import Settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group(invoke_without_command=True)
@AS_JSON
@click.pass_context
def ask(context: click.Context, as_json: bool) -> None:
    """Ask one of the auditor's questions, by its number; without a number: which there are."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        click.echo(msgspec.json.encode(listed()))
    else:
        tell_list(Console(highlight=False), listed())


def account() -> str:
    """Of the machine: whoever sits beside the database."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@contextmanager
def told_how_far(head: int) -> Iterator[Callable[[int], None]]:
    """On standard error, where somebody looks at it."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading the log", total=head)
        yield lambda position: progress.update(task, completed=position)


def _command(question: Question) -> click.Command:
    def run(settings: Settings, as_json: bool, **told: str | None) -> None:
        said = {name: value for name, value in told.items() if value is not None}
        asking = asking_of(question, said)
        with migrated_desks(settings) as desks:
            evidence = EvidenceStore(settings.evidence_place)
            with told_how_far(desks.log.head()) as far:
                sources = Sources(desks, evidence, checkpoints_of(settings), far)
                found = answered(question, sources, asking, OPERATOR, account())
        if as_json:
            click.echo(msgspec.json.encode(found))
        else:
            tell_answered(Console(highlight=False), question, found)

    parameters: list[click.Parameter] = [
        click.Option(
            [f"--{one.name.replace('_', '-')}", one.name],
            help=one.says,
            required=one.required,
            metavar=one.name.upper(),
        )
        for one in parameters_of(question)
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
