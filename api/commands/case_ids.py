"""The argument CASE_ID: the id of a case, or the id of an order that has exactly one case."""

from uuid import UUID

import click

from api.composition import Desks
from domain.cases.exception_case import case_stream
from domain.orders.order import order_stream
from domain.orders.order_names import describe_name
from domain.orders.signal_body import order_key

CASE_ID = click.argument("case_id")
CASE_ID_HELP = "CASE_ID is the id of a case, or of an order that has exactly one case."


def find_case(desks: Desks, text: str, shop: str) -> UUID:
    """The id of the case that the argument names. Raises ClickException, with the cases of the order."""
    try:
        return UUID(text)
    except ValueError:
        pass
    order = desks.orders.current([stream := order_stream(order_key(text, shop))]).get(stream)
    if order is None:
        raise click.UsageError(
            f"{text} is neither a case id (a UUID) nor the id of a known order in the shop {shop}."
        )
    cases = [
        (case_stream(order.id, kind, occurrence), kind)
        for kind, newest in order.cases.items()
        for occurrence in range(1, newest.occurrence + 1)
    ]
    if len(cases) == 1:
        return cases[0][0]
    name = describe_name(text, shop)
    listed = "".join(f"\n  {case} ({kind})" for case, kind in cases)
    raise click.UsageError(
        f"The order {name} has {len(cases)} cases; name one by its id:{listed}"
        if cases
        else f"The order {name} has no case."
    )
