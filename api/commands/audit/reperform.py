"""casetrail audit reperform"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

import click
import msgspec
from rich.console import Console

from api.commands.audit.recording import record_here
from api.commands.options import Moment
from api.composition import migrated_desks
from api.http.times import must_be_in_order
from application.audit.reperformance import Reperformed, summed
from application.policy.reperformance import Period, Redone, Reperformance
from infrastructure.settings import Settings


@click.command()
@click.option("--case", "case_id", type=click.UUID, help="This case alone.")
@click.option(
    "--from", "since", type=Moment(), help="Recorded from then on (UTC, if it says no zone)."
)
@click.option("--to", "until", type=Moment(), help="Recorded before then.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def reperform(
    settings: Settings,
    case_id: UUID | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Make every recorded decision of policy again, on the same facts and under the same policy.

    A decision that comes out differently is named, and the exit status is 1.
    """
    if case_id is not None and (since is not None or until is not None):
        raise click.UsageError("say --case, or --from and --to")
    must_be_in_order(since, until)
    progress = Console(stderr=True, highlight=False)
    with migrated_desks(settings) as desks:
        desk = Reperformance(desks.log, desks.policy.cited)
        position = desks.log.head()
        period = Period(since, until)
        all_of_it = [desk.of_case(case_id)] if case_id is not None else desk.of_all(period)
        found = summed(_told(all_of_it, progress), position)
        told = {"case": case_id, "from": period.since, "to": period.until}
        asked = {name: str(said) for name, said in told.items() if said is not None}
        digest = hashlib.sha256(msgspec.json.encode(found)).hexdigest()
        record_here(desks, "reperform", asked, position, digest)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _say(found)
    sys.exit(1 if found.differing else 0)


def _told(orders: Iterable[Sequence[Redone]], progress: Console) -> Iterator[Sequence[Redone]]:
    """The same, saying how far it has come."""
    with progress.status("making decisions again") as status:
        for n, redone in enumerate(orders, start=1):
            if n % 100 == 0:
                status.update(f"making decisions again: {n} orders")
            yield redone


def _say(found: Reperformed) -> None:
    click.echo(
        f"{found.decisions} decisions of {found.orders} orders made again, up to position "
        f"{found.position}: {len(found.differing)} came out differently"
    )
    for one in found.differing:
        where = f"case {one.case}" if one.case is not None else f"order {one.order}"
        click.echo(f"\n{where}, version {one.version} (position {one.position}), {one.type}")
        if one.policy:
            click.echo(f"  policy {one.policy}, rule {one.rule}")
        for differs in one.differs:
            click.echo(f"  {differs.what}")
            click.echo(f"    recorded: {differs.recorded}")
            click.echo(f"    came out: {differs.came_out}")
