"""casetrail case show | trail"""

from uuid import UUID

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.composition import migrated_desks
from api.routes.cases import view_of
from api.routes.trail import TrailView, trail_of
from api.trail_pages import as_csv, notes
from application.told_trail import ToldLine
from infrastructure.settings import Settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group()
def case() -> None:
    """One case: as it stands, and its decision trail."""


@case.command()
@click.argument("case_id", type=click.UUID)
@AS_JSON
@click.pass_obj
def show(settings: Settings, case_id: UUID, as_json: bool) -> None:
    """The case as it stands."""
    with migrated_desks(settings) as desks:
        view = view_of(desks.cases.case(case_id))
    if as_json:
        click.echo(msgspec.json.encode(view))
        return
    table = Table(show_header=False)
    for name, value in msgspec.to_builtins(view).items():
        table.add_row(name, "" if value is None else str(value))
    Console().print(table)


@case.command()
@click.argument("case_id", type=click.UUID)
@AS_JSON
@click.option("--csv", "as_table", is_flag=True, help="A table for spreadsheets.")
@click.pass_obj
def trail(settings: Settings, case_id: UUID, as_json: bool, as_table: bool) -> None:
    """Every event of the case: who, when, what, why, and on what evidence."""
    if as_json and as_table:
        raise click.UsageError("say one of --json, --csv")
    with migrated_desks(settings) as desks:
        found = trail_of(desks, case_id)
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif as_table:
        click.echo(as_csv(found.told), nl=False)
    else:
        _tell(found)


def _tell(found: TrailView) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"case {found.case} of order {found.order}")
    for line in found.told:
        _tell_line(console, line)
    if found.refusals:
        console.print("\nWhat was refused:")
    for line in found.refusals:
        _tell_line(console, line)


def _tell_line(console: Console, line: ToldLine) -> None:
    """What, by whom and when; then what stands beside it."""
    at = f"{line.recorded_at:%Y-%m-%d %H:%M:%S}Z"
    if line.happened_at != line.recorded_at:
        at += f", happened {line.happened_at:%Y-%m-%d %H:%M:%S}Z"
    console.print(f"\n[bold]{line.version}  {escape(line.said)}[/bold]")
    console.print(f"  {line.type} by {line.who}, {at}, position {line.position}", markup=False)
    for note in notes(line):
        console.print(f"  {note}", markup=False)
