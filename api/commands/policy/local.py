"""casetrail policy check | show | history | diff | bootstrap: files, and the log beside us."""

from itertools import groupby
from pathlib import Path

import click
import msgspec
import yaml
from rich.console import Console
from rich.table import Table

from api.composition import Desks, migrated_desks
from api.routes.policies import view_of
from domain.policy.differences import find_differences
from domain.policy.document import PolicyDocument
from domain.policy.governance import Policy
from domain.policy.governance_decisions import require_policy
from domain.policy.rechecks import Recheck
from domain.policy.rulebook import Rulebook
from infrastructure.policies.files import DEFAULT_POLICY_FILE, load_policy
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
@click.argument("version", required=False)
@click.option("--yaml", "as_yaml", is_flag=True, help="The whole document, to edit a copy of.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def show(settings: Settings, version: str | None, as_yaml: bool, as_json: bool) -> None:
    """A policy by its version or digest; left out, the active one, else the one that ships."""
    with migrated_desks(settings) as desks:
        active = desks.policy.load()
        governance, now = desks.policy.governance, desks.clock()
        if version is None and active is None:
            _print_rulebook(load_policy(), as_yaml)
            return
        policy = require_policy(governance, version or (active.digest if active else ""))
        recheck = desks.rechecks.progress(policy.digest)
        view = view_of(governance, policy, now, recheck=recheck)
        rulebook = desks.policy.rulebook(policy)
    if as_json:
        click.echo(msgspec.json.encode(view))
        return
    _print_rulebook(rulebook, as_yaml)
    if not as_yaml:
        console = Console(highlight=False, markup=False, soft_wrap=True)
        console.print(f"{view.state}, digest {view.digest}")
        for notice in view.notices:
            console.print(f"Notice: {notice}")
        _print_acts(console, policy)
        if recheck is not None:
            console.print(_describe_recheck(recheck))
        if view.against is not None:
            console.print(f"against version {view.against}:")
            for one in view.differences:
                console.print(f"  {one.where}: {one.how}")


def _print_rulebook(rulebook: Rulebook, as_yaml: bool) -> None:
    if not as_yaml:
        Console().print(rulebook_table(rulebook))
    elif rulebook.digest == load_policy().digest:
        click.echo(DEFAULT_POLICY_FILE.read_text())
    else:
        click.echo(yaml.safe_dump(msgspec.to_builtins(rulebook.document), sort_keys=False))


def _print_acts(console: Console, policy: Policy) -> None:
    for act in policy.acts:
        who = act.by.person or act.by.principal
        note = f": {act.note}" if act.note else ""
        console.print(f"  {act.at:%Y-%m-%d %H:%M:%S}Z {act.what} by {who}{note}")


def _describe_recheck(recheck: Recheck) -> str:
    how = (
        "overtaken by another policy"
        if recheck.overtaken
        else f"{recheck.done_percent} % of the log"
    )
    return (
        f"open orders looked at: {recheck.orders} ({how}), {recheck.opened} cases opened, "
        f"{recheck.cleared} cleared"
    )


@policy.command()
@click.pass_obj
def history(settings: Settings) -> None:
    """Every version that there ever was, the newest first, with who did what about it."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with migrated_desks(settings) as desks:
        governance, now = desks.policy.refresh(), desks.clock()
    for one in reversed([*governance.policies.values()]):
        console.print(f"{one.version}  {governance.state(one, now)}  {one.digest}")
        _print_acts(console, one)


@policy.command()
@click.argument("before")
@click.argument("after", required=False)
@click.pass_obj
def diff(settings: Settings, before: str, after: str | None) -> None:
    """How two policies differ, in words: versions, digests or files. With one alone, how it
    differs from what decides now."""
    with migrated_desks(settings) as desks:
        old = _document(desks, before) if after is not None else _active_document(desks)
        new = _document(desks, after or before)
    for one in find_differences(old, new):
        click.echo(str(one))


def _document(desks: Desks, name: str) -> PolicyDocument:
    if Path(name).is_file():
        return load_policy(Path(name)).document
    return require_policy(desks.policy.refresh(), name).document


def _active_document(desks: Desks) -> PolicyDocument:
    return (desks.policy.load() or load_policy()).document


def rulebook_table(rulebook: Rulebook) -> Table:
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
