"""casetrail audit ask NUMBER"""

import sys

import click
import msgspec

from api import terminal
from api.commands.audit.recording import answer_question
from api.commands.options import AS_JSON
from api.routes.questions import QUESTIONS, listed_questions
from api.routes.questions.answer_text import render_recorded_answer
from api.routes.questions.parameters import parameters_of
from api.routes.questions.question import Question, parse_parameters
from api.routes.questions.tables import render_question_list
from infrastructure.settings import Settings


class Questions(click.Group):
    """Questions in the order of their numbers."""

    def list_commands(self, _: click.Context) -> list[str]:
        return sorted(self.commands, key=int)


@click.group(
    cls=Questions,
    invoke_without_command=True,
    epilog="Example: casetrail audit ask 10 --first 1 --last 1000",
)
@AS_JSON
@click.pass_context
def ask(context: click.Context, as_json: bool) -> None:
    """Answer an auditor's question, by its number; without one, list the questions.

    The exit status is 1 if the answer is that something was altered, is missing or differs.
    """
    if context.invoked_subcommand is not None:
        return
    if as_json:
        click.echo(msgspec.json.encode(listed_questions()))
    else:
        render_question_list(terminal.console(), listed_questions())


def _command(question: Question) -> click.Command:
    def run(settings: Settings, as_json: bool, **options: str | None) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        parameters = parse_parameters(question, given)
        answered = answer_question(
            settings, question, parameters, f"casetrail audit ask {question.number}"
        )
        found = answered.found
        if as_json:
            click.echo(msgspec.json.encode(found))
        else:
            render_recorded_answer(terminal.console(), answered)
        sys.exit(0 if question.holds is None or question.holds(found.answer) else 1)

    parameters: list[click.Parameter] = [
        click.Option(
            [f"--{one.name.replace('_', '-')}", one.name],
            help=one.says,
            required=one.required,
            metavar=one.name.upper(),
        )
        for one in parameters_of(question.parameters_type)
    ]
    command = click.Command(
        str(question.number),
        params=parameters,
        callback=click.pass_obj(run),
        help=f"{question.asks}\n\n{question.answer.__doc__ or ''}",
        short_help=question.asks,
    )
    return AS_JSON(command)


for _question in QUESTIONS:
    ask.add_command(_command(_question))
