"""casetrail references check | rebuild"""

import sys
from collections.abc import Iterable

import click
import msgspec

from api.commands.options import AS_JSON
from api.composition import prepare_database
from infrastructure.event_store.reference_table import Progress, check_references, fill_references
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import READER, WRITER, dsn_for_role
from infrastructure.settings import Settings


@click.group()
def references() -> None:
    """Check or rebuild the table of references, by which signals find their orders."""


@references.command()
@AS_JSON
@click.pass_obj
def check(settings: Settings, as_json: bool) -> None:
    """Compare the table with the log. The exit status is 1 if references are missing."""
    with open_database(settings) as dsn:
        prepare_database(dsn)
        with connect(dsn_for_role(dsn, READER)) as connection:
            last = _show(check_references(connection))
    _print(
        last, as_json, f"{last.missing} references are missing: run `casetrail references rebuild`"
    )
    if last.missing:
        raise SystemExit(1)


@references.command()
@AS_JSON
@click.pass_obj
def rebuild(settings: Settings, as_json: bool) -> None:
    """Add the references that the table lacks. The service may keep running."""
    with open_database(settings) as dsn:
        prepare_database(dsn)
        with connect(dsn_for_role(dsn, WRITER)) as connection:
            last = _show(fill_references(connection))
    _print(last, as_json, f"{last.missing} missing references were added")


def _show(steps: Iterable[Progress]) -> Progress:
    """Show the progress on standard error, where it is a terminal; return the last step."""
    last = Progress(0, 0, 0)
    with click.progressbar(length=1, file=sys.stderr) as bar:
        for step in steps:
            bar.length = max(step.head, 1)
            bar.update(step.position - last.position)
            last = step
    return last


def _print(last: Progress, as_json: bool, of_missing: str) -> None:
    if as_json:
        click.echo(msgspec.json.encode(last))
    else:
        click.echo(of_missing if last.missing else f"nothing is missing up to position {last.head}")
