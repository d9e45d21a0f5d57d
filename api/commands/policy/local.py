"""casetrail policy check | show | history | diff | bootstrap, on files and the local database"""

from itertools import groupby
from pathlib import Path

import click
import msgspec
import yaml
from rich.console import Console

from api import terminal
from api.commands.options import AS_JSON, FILE
from api.commands.output import print_table
from api.composition import Desks, migrated_desks
from api.routes.policies import view_of
from domain.policy.differences import find_differences
from domain.policy.document import PolicyDocument
from domain.policy.governance_decisions import require_policy
from domain.policy.rechecks import Recheck
from domain.policy.rulebook import Rulebook
from domain.policy.versions import Policy
from infrastructure.policies.files import DEFAULT_POLICY_FILE, load_policy
from infrastructure.settings import Settings


@click.group()
def policy() -> None:
    """Show, check and change the policy.

    A policy says what is an exception, when it is late, and who owns it. check, diff, show, history and bootstrap use files and the database directly. The other commands
    call the API and need your token.
    """


@policy.command()
@FILE
def check(file: Path) -> None:
    """Check a policy document and list every error with its path.

    The exit status is 2 if there is one.
    """
    rulebook = load_policy(file)
    click.echo(
        f"{file}: no errors. Version {rulebook.version}, digest {rulebook.digest[:12]}…, "
        f"{len(rulebook.document.kinds)} kinds, {len(rulebook.detectors)} detections, "
        f"{len(rulebook.watches)} expectations, {len(rulebook.document.route)} routes"
    )
    for name, calendar in rulebook.document.calendars.items():
        for year, days in groupby(sorted(calendar.closed), key=lambda day: day.year):
            dates = ", ".join(f"{day:%m-%d}" for day in days)
            click.echo(f"  {name} is closed in {year} on {dates}")


@policy.command()
@click.argument("version", required=False)
@click.option(
    "--yaml", "as_yaml", is_flag=True, help="Print the whole document, as a file to edit."
)
@AS_JSON
@click.pass_obj
def show(settings: Settings, version: str | None, as_yaml: bool, as_json: bool) -> None:
    """Show a policy, by version or digest [the active one].

    Where none is active yet, it shows the policy that ships with casetrail.
    """
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
        console = terminal.console(soft_wrap=True)
        console.print(f"{view.state}, digest {view.digest}")
        for notice in view.notices:
            console.print(f"Notice: {notice}")
        _print_acts(console, policy)
        if recheck is not None:
            console.print(_describe_recheck(recheck))
        if view.against is not None:
            console.print(f"compared with version {view.against}:")
            for one in view.differences:
                console.print(f"  {one.where}: {one.how}")


def _print_rulebook(rulebook: Rulebook, as_yaml: bool) -> None:
    if not as_yaml:
        _print_kinds(rulebook)
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
        "stopped: another policy became active"
        if recheck.overtaken
        else f"{recheck.done_percent} % of the log"
    )
    return (
        f"open orders checked again: {recheck.orders} ({how}), {recheck.opened} cases opened, "
        f"{recheck.cleared} cleared (resolved if their kind is automatic, else left to a person)"
    )


@policy.command()
@click.pass_obj
def history(settings: Settings) -> None:
    """List every policy version, newest first, with all acts on it."""
    console = terminal.console(soft_wrap=True)
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
    """Compare two policies (versions, digests or files) and say how they differ in words.

    With BEFORE alone, compare it with the active policy.
    """
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


def _print_kinds(rulebook: Rulebook) -> None:
    print_table(
        ("kind", "what", "bucket", "severity", "automation"),
        (
            (name, kind.title, kind.bucket, kind.severity, kind.automation)
            for name, kind in rulebook.document.kinds.items()
        ),
        title=f"{rulebook.document.policy}, version {rulebook.version}",
    )


@policy.command()
@FILE
@click.pass_obj
def bootstrap(settings: Settings, file: Path) -> None:
    """Activate the first policy of a new database.

    If a policy is active already, use `policy propose` instead.
    """
    rulebook = load_policy(file)
    with migrated_desks(settings) as desks:
        desks.policy.bootstrap(rulebook, desks.clock())
    click.echo(f"active: version {rulebook.version}, digest {rulebook.digest[:12]}…")
