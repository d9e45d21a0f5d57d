"""casetrail held"""

import click
import msgspec

from api.commands.options import AS_JSON
from api.commands.output import print_table
from api.composition import prepare_database
from api.routes.held import signal_view
from domain.orders.order_names import describe_name
from infrastructure.postgres.databases import open_database
from infrastructure.postgres.datastore import Datastore
from infrastructure.postgres.roles import READER, dsn_for_role
from infrastructure.reports.queries import Reports
from infrastructure.settings import Settings

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
            views = [signal_view(row) for row in Reports(datastore).held(None, limit)]
        finally:
            datastore.close()
    if as_json:
        click.echo(msgspec.json.encode(views))
        return
    print_table(
        ("held since", "signal", "type", "why", "references", "orders"),
        (
            (
                f"{view.held_at:%Y-%m-%d %H:%M:%S}Z",
                view.signal,
                view.type,
                view.why,
                ", ".join(f"{one.kind} {one.value}" for one in view.references),
                ", ".join(describe_name(one.order, one.shop) for one in view.orders),
            )
            for view in views
        ),
    )
