"""casetrail audit reads"""

import click
import msgspec

from api.commands.options import AS_JSON, SHOP
from api.commands.output import print_table
from api.composition import migrated_desks
from api.routes.personal_data import explain_no_reads
from domain.orders.signal_body import order_key
from infrastructure.settings import Settings

PAGE = 1_000


@click.command()
@click.option("--order", help="Only reads of this order.")
@SHOP
@click.option("--customer", help="Only reads of orders known to be this customer's.")
@click.option("--person", help="Only reads by this person.")
@AS_JSON
@click.pass_obj
def reads(
    settings: Settings,
    order: str | None,
    shop: str,
    customer: str | None,
    person: str | None,
    as_json: bool,
) -> None:
    """List who read personal data, of which order and when; oldest first.

    With --json, it prints one JSON document per line.
    """
    if order is not None and customer is not None:
        raise click.UsageError("Use one of --order and --customer.")
    with migrated_desks(settings) as desks:
        orders = None if order is None else [order_key(order, shop)]
        if customer is not None:
            assert desks.privacy is not None
            orders = desks.privacy.orders_of(customer)
        rows = []
        after = 0
        while page := desks.reads.of(orders, person, after, PAGE):
            after = page[-1].id
            for one in page:
                if as_json:
                    click.echo(msgspec.json.encode(one))
                else:
                    who = one.person or one.principal
                    rows.append(
                        (f"{one.at:%Y-%m-%d %H:%M:%S}Z", who, one.what, one.order_id, one.shop)
                    )
        message = explain_no_reads(desks, orders, person) if not after else None
    if message is not None:
        click.echo(message.replace("by order", "by --order"), err=True)
    elif not as_json:
        print_table(("when", "who", "what", "order", "shop"), rows)
