"""casetrail audit reads: who was shown personal data."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.commands.options import AS_JSON
from api.composition import migrated_desks
from api.routes.personal_data import why_nothing
from infrastructure.settings import Settings

PAGE = 1_000


@click.command()
@click.option("--order", help="Of this order.")
@click.option("--customer", help="Of all orders that are known to be this customer's.")
@click.option("--person", help="By this person.")
@AS_JSON
@click.pass_obj
def reads(
    settings: Settings, order: str | None, customer: str | None, person: str | None, as_json: bool
) -> None:
    """Who was shown the personal data of which order, and when; oldest first."""
    if order is not None and customer is not None:
        raise click.UsageError("say one of --order, --customer")
    with migrated_desks(settings) as desks:
        orders = None if order is None else [order]
        if customer is not None:
            assert desks.privacy is not None
            orders = desks.privacy.orders_of(customer)
        table = Table("when", "who", "what", "order")
        after = 0
        while page := desks.reads.of(orders, person, after, PAGE):
            after = page[-1].id
            for one in page:
                if as_json:
                    click.echo(msgspec.json.encode(one))
                who = one.person or one.principal
                table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}Z", who, escape(one.what), one.order_id)
        nothing = why_nothing(desks, orders, person) if not after else None
    if nothing is not None:
        click.echo(nothing.replace("by order", "by --order"), err=True)
    elif not as_json:
        Console().print(table)
