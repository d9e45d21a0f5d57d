"""casetrail case show | diff | trail"""

import click
import msgspec
from rich.console import Console

from api import terminal
from api.commands.case_ids import CASE_ID, CASE_ID_HELP, find_case
from api.commands.options import AS_JSON, SHOP
from api.commands.personal_data import record_personal_reads
from api.composition import migrated_desks
from api.routes.case import case_diff_of, parse_point
from api.routes.cases import CasePartView, view_of
from api.routes.trail import TrailView, trail_of
from api.routes.trail_page import describe_details, render_csv
from api.tables import Table
from application.cases.history import case_of, lines_until
from application.cases.trail import TrailLine
from domain.orders.order_names import describe_name
from infrastructure.settings import Settings


@click.group()
def case() -> None:
    """Show a case, its changes and its decision trail."""


@case.command(epilog=CASE_ID_HELP)
@CASE_ID
@SHOP
@click.option(
    "--at",
    "--as-of",
    "at",
    metavar="POINT",
    help="A version, or a time until which events count [now].",
)
@AS_JSON
@click.pass_obj
def show(settings: Settings, case_id: str, shop: str, at: str | None, as_json: bool) -> None:
    """Show a case as it is, or as it was at a version or time."""
    point = parse_point("--at", at) if at is not None else None
    with migrated_desks(settings) as desks, record_personal_reads(desks, "casetrail case"):
        found = find_case(desks, case_id, shop)
        if point is None:
            view = view_of(desks.cases.case(found))
        else:
            view = view_of(case_of(lines_until(desks.cases.trail(found), point)))
    if as_json:
        click.echo(msgspec.json.encode(view))
        return
    table = Table("", "", has_header=False)
    for name, value in msgspec.to_builtins(view).items():
        if name == "parts":
            value = "\n".join(describe_part(part) for part in view.parts)
        table.add_row(name, "" if value is None else str(value))
    table.print_on(terminal.console())


def describe_part(part: CasePartView) -> str:
    """A part in a line: since when it has the problem, by which rule, and what became of it."""
    told = f"{part.key or 'the whole order'} since {part.since:%Y-%m-%d %H:%M:%S}Z by {part.rule}"
    if part.cleared_by is not None:
        told += f"; cleared by {part.cleared_by}"
        told += ", it was never so" if part.corrected else ""
    return f"{told}; {part.outcome.replace('_', ' ')}" if part.outcome is not None else told


@case.command(epilog=CASE_ID_HELP)
@CASE_ID
@SHOP
@click.argument("since", metavar="FROM")
@click.argument("until", metavar="[TO]", required=False)
@AS_JSON
@click.pass_obj
def diff(
    settings: Settings, case_id: str, shop: str, since: str, until: str | None, as_json: bool
) -> None:
    """Show what changed in a case and in its packet, from FROM to TO [now].

    FROM and TO are versions or times.
    """
    before = parse_point("FROM", since)
    after = parse_point("TO", until) if until is not None else None
    with migrated_desks(settings) as desks, record_personal_reads(desks, "casetrail case"):
        identity = find_case(desks, case_id, shop)
        lines = desks.cases.trail(identity)
        at_last = lines_until(lines, after) if after is not None else lines
        found = case_diff_of(lines_until(lines, before), at_last)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    click.echo(f"case {identity}, version {found.before.version} → {found.after.version}")
    for title, changes in (("case", found.case), ("packet", found.packet)):
        click.echo(f"\n{title}: {'' if changes else 'nothing changed'}")
        for change in changes:
            click.echo(f"  {change.how}")


@case.command(epilog=CASE_ID_HELP)
@CASE_ID
@SHOP
@AS_JSON
@click.option("--csv", "as_table", is_flag=True, help="Print CSV for spreadsheets.")
@click.pass_obj
def trail(settings: Settings, case_id: str, shop: str, as_json: bool, as_table: bool) -> None:
    """List every event of a case: who, when, what, why, and on what evidence."""
    if as_json and as_table:
        raise click.UsageError("Use one of --json and --csv.")
    with migrated_desks(settings) as desks, record_personal_reads(desks, "casetrail case"):
        found = trail_of(desks, find_case(desks, case_id, shop))
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif as_table:
        click.echo(render_csv(found.told), nl=False)
    else:
        _print_trail(found)


def _print_trail(found: TrailView) -> None:
    console = terminal.console(soft_wrap=True)
    order = f"order {describe_name(found.order, found.shop)}" if found.order else "no order"
    console.print(f"case {found.case} of {order}")
    for line in found.told:
        _print_line(console, line)
    if found.refusals:
        console.print("\nRefused requests:")
    for line in found.refusals:
        _print_line(console, line)


def _print_line(console: Console, line: TrailLine) -> None:
    """One event: what happened, who did it and when; then its details."""
    at = f"{line.recorded_at:%Y-%m-%d %H:%M:%S}Z"
    if line.happened_at != line.recorded_at:
        at += f", happened {line.happened_at:%Y-%m-%d %H:%M:%S}Z"
    console.print(f"\n{line.version}  {line.said}", style="bold")
    console.print(f"  {line.type} by {line.who}, {at}, position {line.position}")
    for note in describe_details(line):
        console.print(f"  {note}")
