"""casetrail case show | trail"""

from uuid import UUID

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.composition import migrated_desks
from api.routes.cases import view_of
from domain.recorded import Recorded
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
@click.pass_obj
def trail(settings: Settings, case_id: UUID, as_json: bool) -> None:
    """Every event of the case: when, who, what, why."""
    with migrated_desks(settings) as desks:
        lines = desks.cases.trail(case_id)
    if as_json:
        click.echo(msgspec.json.encode(lines))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"case {case_id} of order {lines[0].order}")
    for line in lines:
        _tell(console, line)


def _tell(console: Console, line: Recorded) -> None:
    """One line of the trail: what, by whom, because of what; then its facts, decisions last."""
    who = line.actor.person or line.actor.principal
    at = f"{line.recorded_at:%Y-%m-%d %H:%M:%S}Z"
    console.print(f"\n[bold]{line.type}[/bold]  by {escape(who)}, {at}, position {line.position}")
    if line.cause:
        console.print(f"  because of {line.cause}", markup=False)
    for name, value in msgspec.to_builtins(line.event).items():
        if name == "type" or value in (None, "", [], ()):
            continue
        if name == "packet":
            console.print(f"  packet: {len(value)} facts")
        elif isinstance(value, dict) and "verdicts" in value:
            console.print(f"  {name}: policy {value['policy']}, rule {value['rule']}", markup=False)
            for v in value["verdicts"]:
                read = "nothing" if v["read"] is None else v["read"]
                mark = "✓" if v["passed"] else "–"
                console.print(f"    {mark} {v['fact']} {v['test']}: read {read}", markup=False)
        elif isinstance(value, dict):
            told = ", ".join(f"{key} {_plain(one)}" for key, one in value.items() if one)
            console.print(f"  {name}: {told}", markup=False)
        else:
            console.print(f"  {name}: {_plain(value)}", markup=False)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
