"""casetrail case show | trail"""

from uuid import UUID

import click
import msgspec
from rich.console import Console
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
    table = Table(title=f"case {case_id} of order {lines[0].order}")
    for column in ("position", "recorded at", "who", "event", "facts", "because"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(
            str(line.position),
            f"{line.recorded_at:%Y-%m-%d %H:%M:%S}",
            line.actor.person or line.actor.principal,
            line.type,
            facts_of(line),
            line.cause or "",
        )
    Console().print(table)


def facts_of(line: Recorded) -> str:
    """The event's facts in a few words; decisions as the verdicts that they rest on."""
    told = []
    for name, value in msgspec.to_builtins(line.event).items():
        if name in ("type", "packet") or value in (None, "", [], ()):
            continue
        if isinstance(value, dict) and "verdicts" in value:
            tests = "; ".join(
                f"{v['fact']} {v['test']} (read {v['read']}): {'yes' if v['passed'] else 'no'}"
                for v in value["verdicts"]
            )
            value = f"policy {value['policy']}, rule {value['rule']}: {tests or 'always'}"
        told.append(f"{name}: {value}")
    return "\n".join(told)
