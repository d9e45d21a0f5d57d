"""casetrail doctor"""

import sys

import click
import msgspec
from rich.text import Text

from api import terminal
from api.commands.options import AS_JSON
from api.tables import Table
from infrastructure.doctor import examine, most_serious
from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings

_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.UNSAFE: "bold red"}


@click.command()
@click.option(
    "--whole",
    is_flag=True,
    help="Also check every event of the log; takes longer as the log grows.",
)
@AS_JSON
@click.pass_obj
def doctor(settings: Settings, whole: bool, as_json: bool) -> None:
    """Check the database, its rights and the log, and say what to do; change nothing.

    The exit status is 1 if something is unsafe; `serve` and `worker` then refuse to start.
    """
    with open_database(settings, to_write=False) as dsn, connect(dsn) as connection:
        found = examine(connection, settings, whole=whole)
    verdict = most_serious(found)
    if as_json:
        click.echo(msgspec.json.encode({"verdict": verdict, "findings": found}))
    else:
        _print_findings(found)
    sys.exit(1 if verdict is Verdict.UNSAFE else 0)


def _print_findings(found: list[Finding]) -> None:
    table = Table("what", "verdict", "found")
    for one in found:
        colour = _COLOURS[one.verdict]
        text = Text(one.found)
        if one.to_do:
            text.append("\nwhat to do:", "dim").append(f" {one.to_do}")
        table.add_row(one.what, Text(one.verdict, colour), text)
    table.print_on(terminal.console())
