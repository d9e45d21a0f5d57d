"""casetrail policy check | show | activate"""

from itertools import groupby
from pathlib import Path

import click
import msgspec
import yaml
from rich.console import Console
from rich.table import Table

from api.composition import migrated_desks
from domain.policy.rulebook import Rulebook
from infrastructure.policy_files import DEFAULT, load_policy
from infrastructure.settings import Settings

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def policy() -> None:
    """The policy document: what is an exception, when it is late, and whose it is."""


@policy.command()
@FILE
def check(file: Path) -> None:
    """Name every fault of a policy document with its path; exit 2 if there is one."""
    rulebook = load_policy(file)
    click.echo(
        f"{file}: sound. version {rulebook.version}, digest {rulebook.digest[:12]}…, "
        f"{len(rulebook.document.kinds)} kinds, {len(rulebook.detectors)} detections, "
        f"{len(rulebook.watches)} expectations, {len(rulebook.document.route)} routes"
    )
    for name, calendar in rulebook.document.calendars.items():
        for year, days in groupby(sorted(calendar.closed), key=lambda day: day.year):
            told = ", ".join(f"{day:%m-%d}" for day in days)
            click.echo(f"  {name} is closed in {year} on {told}")


@policy.command()
@click.option("--yaml", "as_yaml", is_flag=True, help="The whole document, to edit a copy of.")
@click.pass_obj
def show(settings: Settings, as_yaml: bool) -> None:
    """The active policy; the one that ships, if none is active yet."""
    with migrated_desks(settings) as desks:
        rulebook = desks.policy.load() or load_policy()
    if as_yaml:
        shipped = load_policy()
        if rulebook.digest == shipped.digest:
            click.echo(DEFAULT.read_text())
        else:
            click.echo(yaml.safe_dump(msgspec.to_builtins(rulebook.document), sort_keys=False))
        return
    Console().print(table_of(rulebook))


def table_of(rulebook: Rulebook) -> Table:
    table = Table(title=f"{rulebook.document.policy}, version {rulebook.version}")
    for column in ("kind", "what", "bucket", "severity", "automation"):
        table.add_column(column)
    for name, kind in rulebook.document.kinds.items():
        table.add_row(name, kind.title, kind.bucket, kind.severity, kind.automation)
    return table


@policy.command()
@FILE
@click.pass_obj
def bootstrap(settings: Settings, file: Path) -> None:
    """Decide by this document, where none has decided yet. After that, propose one."""
    rulebook = load_policy(file)
    with migrated_desks(settings) as desks:
        desks.policy.bootstrap(rulebook, desks.clock())
    click.echo(f"active: version {rulebook.version}, digest {rulebook.digest[:12]}…")
