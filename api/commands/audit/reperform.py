"""casetrail audit reperform"""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

import click
import msgspec
from rich.console import Console

from api import terminal
from api.commands.audit.recording import record_local_question
from api.commands.options import AS_JSON, FROM, TIME_HELP, TO
from api.composition import migrated_desks
from api.http.times import require_ordered_period
from application.audit.reperformance import ReperformanceSummary, summarize_reperformance
from application.policy.reperformance import Period, Reperformance, ReperformedDecision
from domain.cases.reperformance import DecisionDifference
from domain.orders.order_names import describe_name
from infrastructure.settings import Settings


@click.command(epilog=TIME_HELP)
@click.option("--case", "case_id", type=click.UUID, help="Only decisions of this case [all].")
@FROM
@TO
@AS_JSON
@click.pass_obj
def reperform(
    settings: Settings,
    case_id: UUID | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Repeat every recorded policy decision on the same facts and under the same policy.

    Decisions with another result are listed, and the exit status is then 1. Those that differ only because
    facts are read differently today are listed apart.
    """
    if case_id is not None and (since is not None or until is not None):
        raise click.UsageError("Use either --case, or --from and --to.")
    require_ordered_period(since, until)
    progress = terminal.console(stderr=True)
    with migrated_desks(settings) as desks:
        desk = Reperformance(desks.log, desks.policy.cited)
        position = desks.log.head()
        period = Period(since, until)
        orders = (
            [desk.reperform_case(case_id)] if case_id is not None else desk.reperform_all(period)
        )
        found = summarize_reperformance(_with_progress(orders, progress), position)
        given = {"case": case_id, "from": period.since, "to": period.until}
        parameters = {name: str(value) for name, value in given.items() if value is not None}
        digest = hashlib.sha256(msgspec.json.encode(found)).hexdigest()
        record_local_question(desks, "reperform", parameters, position, digest)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _print_summary(found)
    sys.exit(1 if found.differing else 0)


def _with_progress(
    orders: Iterable[Sequence[ReperformedDecision]], progress: Console
) -> Iterator[Sequence[ReperformedDecision]]:
    """The same orders, with the number done shown on standard error."""
    with progress.status("repeating decisions") as status:
        for n, decisions in enumerate(orders, start=1):
            if n % 100 == 0:
                status.update(f"repeating decisions: {n} orders")
            yield decisions


def _print_summary(found: ReperformanceSummary) -> None:
    click.echo(
        f"{found.decisions} decisions of {found.orders} orders repeated, up to position "
        f"{found.position}: {len(found.differing)} with another result"
    )
    for one in found.differing:
        _print_decision(one, one.differs)
    if found.differing_by_reading:
        click.echo(
            f"\n{len(found.differing_by_reading)} have another result only because facts are read "
            f"differently today ({found.readings})"
        )
    for one in found.differing_by_reading:
        _print_decision(one, one.differs_by_reading)
        click.echo(f"  read differently since reading {one.reading}: {', '.join(one.reread_facts)}")


def _print_decision(one: ReperformedDecision, differences: Sequence[DecisionDifference]) -> None:
    where = (
        f"case {one.case}"
        if one.case is not None
        else f"order {describe_name(one.order, one.shop)}"
    )
    click.echo(f"\n{where}, version {one.version} (position {one.position}), {one.type}")
    if one.policy:
        click.echo(f"  policy {one.policy}, rule {one.rule}")
    for differs in differences:
        what = differs.what.replace("_", " ")
        click.echo(f"  {what}: recorded {differs.recorded}, repeated {differs.came_out}")
