"""casetrail doctor"""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infrastructure.doctor import examine, most_serious
from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings

_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.UNSAFE: "bold red"}


@click.command()
@click.option("--whole", is_flag=True, help="Read the whole log against all that is said about it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def doctor(settings: Settings, whole: bool, as_json: bool) -> None:
    """Whether the database and the log are as they must be; nothing is changed.

    The exit status is 1 if something is unsafe: neither `serve` nor `worker` starts on it.
    """
    with open_database(settings, to_write=False) as dsn, connect(dsn) as connection:
        found = examine(connection, settings, whole=whole)
    verdict = most_serious(found)
    if as_json:
        click.echo(msgspec.json.encode({"verdict": verdict, "findings": found}))
    else:
        _say(found)
    sys.exit(1 if verdict is Verdict.UNSAFE else 0)


def _say(found: list[Finding]) -> None:
    table = Table()
    table.add_column("what", no_wrap=True)
    table.add_column("verdict")
    table.add_column("found")
    for one in found:
        colour = _COLOURS[one.verdict]
        told = escape(one.found)
        if one.to_do:
            told += f"\n[dim]what to do:[/dim] {escape(one.to_do)}"
        table.add_row(one.what, f"[{colour}]{one.verdict}[/{colour}]", told)
    Console(highlight=False).print(table)
