"""Signals as the systems of a shop send them: many orders at a time, one in seven in trouble.

Both streams are written in plain JSON, so that the service of an earlier version reads the flat one too.
Everything happens when the bodies are written: no deadline has passed, and nothing is ahead of the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

import msgspec

AT_A_TIME = 70
"""How many orders are sent at a time, one signal of each in turn."""
TROUBLED = 7
"""Every seventh order was paid wrongly."""
Body = dict[str, Any]


def flat_bodies(signals_each: int) -> Iterator[bytes]:
    """Bodies with orders as version 0 knew them: one line, one payment, one parcel. Without end."""
    return _bodies(signals_each, _flat_order)


def shaped_bodies(signals_each: int) -> Iterator[bytes]:
    """Bodies with orders of three lines, two captures and two parcels. Without end."""
    return _bodies(signals_each, _shaped_order)


def _bodies(signals_each: int, order: Callable[[str, int], list[Body]]) -> Iterator[bytes]:
    stream, encode = _interleaved(order), msgspec.json.Encoder().encode
    while True:
        yield encode(list(islice(stream, signals_each)))


def _interleaved(order: Callable[[str, int], list[Body]]) -> Iterator[Body]:
    numbers = count()
    while True:
        lives = [order(f"B-{n}", n) for n in islice(numbers, AT_A_TIME)]
        for step in zip(*lives, strict=True):
            yield from step


def _money(amount: str) -> Body:
    return {"amount": amount, "currency": "EUR"}


def _tell(order: str, *steps: Body) -> list[Body]:
    """The steps of one order, each a moment after the one before."""
    begins = datetime.now(UTC) - timedelta(seconds=len(steps))
    return [
        {
            "id": f"{order}-{n}",
            "order": order,
            "event_time": (begins + timedelta(milliseconds=n)).isoformat(),
            **step,
        }
        for n, step in enumerate(steps)
    ]


def _placed(n: int, lines: list[Body], **more: Any) -> Body:
    day = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    return {
        "type": "order.placed",
        "source": "storefront",
        "customer": {"id": f"c-{n}", "tier": "gold" if n % 5 == 0 else "standard"},
        "lines": lines,
        "tenders": ["card"],
        "promise": {"delivery_date": day, "time_zone": "Europe/Berlin"},
        **more,
    }


def _flat_order(order: str, n: int) -> list[Body]:
    payment, parcel = f"pay-{order}", {"shipment": f"{order}-P1", "carrier": "dhl"}
    paid = "49.90" if n % TROUBLED else "45.00"
    return _tell(
        order,
        _placed(n, [{"sku": f"sku-{n % 300}", "price": _money("49.90")}]),
        {"type": "payment.authorized", "source": "psp", "payment": payment},
        {"type": "payment.captured", "source": "psp", "payment": payment, "amount": _money(paid)},
        {"type": "stock.allocated", "source": "wms"},
        {"type": "fulfilment.released", "source": "wms"},
        {"type": "shipment.label_created", "source": "wms", **parcel, "tracking": f"T{order}"},
        {"type": "shipment.handed_over", "source": "wms", **parcel, "tracking": f"T{order}"},
    )


def _shaped_order(order: str, n: int) -> list[Body]:
    payment = f"pay-{order}"
    lines: list[Body] = [
        {"id": str(m), "sku": f"sku-{(n + m) % 300}", "quantity": m, "price": _money("10.00")}
        for m in (1, 2, 3)
    ]
    pieces = [{"line": str(m), "quantity": m} for m in (1, 2, 3)]
    parcels: list[Body] = [
        {"shipment": f"{order}-P{m}", "carrier": "dhl", "tracking": f"T{order}-{m}", "lines": held}
        for m, held in ((1, pieces[:2]), (2, pieces[2:]))
    ]
    captured = {"type": "payment.captured", "source": "psp", "payment": payment}
    second = "34.90" if n % TROUBLED else "40.00"
    return _tell(
        order,
        _placed(n, lines, charges=[{"kind": "shipping", "amount": _money("4.90")}]),
        {
            "type": "payment.authorized",
            "source": "psp",
            "payment": payment,
            "amount": _money("64.90"),
        },
        {"type": "stock.allocated", "source": "wms", "lines": pieces},
        {"type": "fulfilment.released", "source": "wms"},
        {"type": "shipment.label_created", "source": "wms", **parcels[0]},
        {"type": "shipment.handed_over", "source": "wms", **parcels[0]},
        {**captured, "capture": f"{order}-1", "amount": _money("30.00")},
        {"type": "shipment.label_created", "source": "wms", **parcels[1]},
        {"type": "shipment.handed_over", "source": "wms", **parcels[1]},
        {**captured, "capture": f"{order}-2", "amount": _money(second), "final": True},
    )
