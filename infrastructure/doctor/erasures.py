"""Checks whether personal data arrived for an order after its erasure."""

from psycopg.rows import tuple_row

from domain.orders.order_names import describe_order
from infrastructure.doctor.findings import Finding, ok, warning
from infrastructure.event_store.rights import Connection
from infrastructure.personal.key_ring import HELD_AFTER_ERASURE

_MOST_NAMED = 5


def check_after_erasure(connection: Connection) -> Finding:
    what = "after erasures"
    with connection.cursor(row_factory=tuple_row) as cursor:
        orders = [describe_order(key) for (key,) in cursor.execute(HELD_AFTER_ERASURE).fetchall()]
    if not orders:
        return ok(what, "no personal data arrived for an order after its erasure")
    named = ", ".join(orders[:_MOST_NAMED]) + (" …" if len(orders) > _MOST_NAMED else "")
    count = "1 order" if len(orders) == 1 else f"{len(orders)} orders"
    return warning(
        what,
        f"personal data arrived after the erasure of {count}: {named}",
        "tell the privacy officer: `casetrail personal-data after-erasure` lists it, and "
        "`casetrail personal-data erase --order ORDER --shop SHOP` erases it.",
    )
