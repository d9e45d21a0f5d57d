"""casetrail held"""

import click
import msgspec

from api.commands.options import AS_JSON
from api.commands.output import print_table
from api.composition import prepare_database
from domain.orders.signal_body import split_order_key
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import Datastore
from infrastructure.postgres.roles import READER, dsn_for_role
from infrastructure.reports.queries import Reports
from infrastructure.settings import Settings
from projections.held import HeldReference

MOST_ROWS = 200


@click.command()
@AS_JSON
@click.option("--limit", default=MOST_ROWS, show_default=True, type=click.IntRange(1, 10_000))
@click.pass_obj
def held(settings: Settings, as_json: bool, limit: int) -> None:
    """List the signals whose references lead to no order yet, or to several.

    The one that is held for longest comes first. The list is as current as the reports.
    """
    with open_database(settings) as dsn:
        prepare_database(dsn)
        datastore = Datastore(dsn_for_role(dsn, READER))
        try:
            rows = Reports(datastore).held(None, limit)
        finally:
            datastore.close()
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    print_table(
        ("held since", "signal", "type", "why", "references", "orders"),
        (
            (
                f"{row.held_at:%Y-%m-%d %H:%M:%S}Z",
                row.signal,
                row.type,
                row.why,
                ", ".join(
                    f"{one.kind} {one.value}"
                    for one in msgspec.convert(row.references, list[HeldReference])
                ),
                ", ".join("/".join(split_order_key(key)[::-1]) for key in row.orders),
            )
            for row in rows
        ),
    )
