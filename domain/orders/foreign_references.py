"""Notices about statements that name their order, and in `refs` a reference of another order."""

from collections.abc import Iterator, Mapping, Sequence

from domain.orders.notices import Notice
from domain.orders.order_names import describe_order
from domain.orders.references import TRACKING, orders_by_reference
from domain.orders.signal_body import given, split_order_key
from domain.orders.signals import Signal


def find_foreign_references(
    signal: Signal, candidates: Mapping[str, Sequence[Signal]]
) -> Iterator[Notice]:
    """A notice for each reference that is of another order, or of this order and another one.

    `candidates` are the orders that may have them, this one among them, with their statements that count.
    Several orders may have one parcel.
    """
    refs = given(signal.refs)
    if refs is None or not signal.order:
        return
    key = signal.order_key
    in_shop = {k: told for k, told in candidates.items() if _shop_of(k) == signal.shop_name}
    for (kind, _), orders in orders_by_reference(refs, signal, in_shop):
        others = sorted(orders - {key})
        if not others or (kind == TRACKING and key in orders):
            continue
        value = refs.tracking.code if kind == TRACKING and refs.tracking else getattr(refs, kind)
        what = f"{kind} {value}"
        names = " and ".join(describe_order(one) for one in others)
        if key in orders:
            detail = (
                f"{what} is also named by order {names}: a signal that names its order by it alone is held "
                "as ambiguous. Correct the reference, or replace the statement that is wrong"
            )
        else:
            detail = (
                f"{what} is of order {names}. This statement counts for the order that it names, and the "
                "reference still leads to the other. Correct the reference, or retract the statement and "
                "send it with the other order"
            )
        yield Notice(signal=signal.key, pointer=f"/refs/{kind}", detail=detail)


def _shop_of(key: str) -> str:
    return split_order_key(key)[1]
