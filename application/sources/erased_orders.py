"""Whether what a source sent was erased: it may be held by a delivery whose orders were not known then."""

from collections.abc import Collection, Iterable
from datetime import datetime

from application.log import streams
from application.log.event_codec import from_state
from application.log.event_log import EventLog
from domain.orders.events import OrderDataErased
from domain.orders.held_signals import HELD_PREFIX
from domain.orders.order import order_stream
from domain.orders.order_names import describe_order
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.signal_body import given
from domain.orders.signals import Signal


class ErasedOrders:
    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._records = streams.privacy_records(log)

    def find(
        self, orders: Collection[str], signals: Iterable[Signal], since: datetime
    ) -> str | None:
        """What was erased, in words, if one of the orders or a customer of the signals was erased since; None if
        nothing was. Raises KeyStoreUnavailable."""
        wanted = [order_stream(name) for name in orders if not name.startswith(HELD_PREFIX)]
        rows = self._log.recorder.select_streams(wanted) if wanted else ()
        for line in (from_state(position, state) for position, state in rows):
            if isinstance(line.event, OrderDataErased) and line.recorded_at >= since:
                return f"order {describe_order(line.order or '')}"
        customers = {
            customer.id
            for signal in signals
            if isinstance(signal, OrderPlaced | OrderEdited)
            and (customer := given(signal.customer)) is not None
            and customer.id is not None
        }
        records = self._records.current([*map(self._log.subject_of, customers)])
        erased = any(one.ordered_at >= since for r in records.values() for one in r.erasures)
        return "its customer" if erased else None
