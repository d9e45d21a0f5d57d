"""A strategy for rare signals, which often contradict each other."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from hypothesis import strategies as st

from domain.money import PositiveMoney
from domain.orders.message_signals import Channel, MessageReceived, MessageSent, WarehouseNoted
from domain.orders.payment_signals import RefundRequested
from domain.orders.purchase_signals import PriceFlagged
from domain.orders.relation_signals import DuplicateSuspected
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnLabelFailed,
    ReturnRefused,
)
from domain.orders.scan_status import IncidentReason
from domain.orders.screening_signals import FraudDecided, FraudDecision
from domain.orders.shipment_signals import DamageReported, LabelCreated
from domain.orders.signals import Signal
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    StockCounted,
    StockLevelTold,
    SubstitutionDecided,
    SubstitutionProposed,
)
from domain.orders.systems_of_record import StatedField, System, SystemStated

SAME_FEW: Final = st.sampled_from(["a", "b", None])
SKUS: Final = st.sampled_from(["s", "t"])
SOME_SKUS: Final = st.sampled_from([(), ("s",), ("t",), ("s", "t")])
INCIDENTS: Final = st.sampled_from([None, None, *IncidentReason])
FEW: Final = st.integers(0, 2)
DAYS: Final = st.sampled_from([None, date(2018, 1, 12), date(2018, 1, 14), date(2018, 1, 30)])
PRICES: Final = st.sampled_from(["0", "10", "40", "100"]).flatmap(
    lambda amount: st.sampled_from([PositiveMoney(amount, "BRL"), PositiveMoney(amount, "USD")])
)

FIELDS: Final[dict[type[Any], dict[str, st.SearchStrategy[Any]]]] = {
    DuplicateSuspected: {"other": st.sampled_from(["o-2", "o-3"])},
    PriceFlagged: {"sku": SKUS, "price": PRICES, "usual_price": PRICES},
    FraudDecided: {"decision": st.sampled_from(list(FraudDecision))},
    AllocationFailed: {"skus": SOME_SKUS},
    StockLevelTold: {"sku": SKUS, "on_hand": st.integers(-1, 2), "allocated": st.none() | FEW},
    StockCounted: {"sku": SKUS, "counted": FEW, "system": FEW},
    Backordered: {"expected_on": DAYS},
    MessageSent: {"channel": st.just(Channel.EMAIL), "summary": st.just("Soon.")},
    MessageReceived: {"channel": st.just(Channel.CHAT), "summary": st.just("When?")},
    WarehouseNoted: {"note": st.just("Shelf empty.")},
    SubstitutionProposed: {"sku": SKUS, "substitute": st.just("u")},
    SubstitutionDecided: {"sku": SKUS, "approved": st.booleans()},
    LabelCreated: {"shipment": SAME_FEW, "tracking": st.sampled_from(["", "T-1"])},
    DamageReported: {"shipment": SAME_FEW},
    ReturnAuthorized: {},
    ReturnRefused: {},
    ReturnLabelCreated: {},
    ReturnLabelFailed: {},
    RefundRequested: {},
    SystemStated: {
        "system": st.sampled_from(list(System)),
        "field": st.sampled_from(list(StatedField)),
        "value": st.sampled_from(["3", "3.00", "4"]),
    },
}
RARE: Final = tuple(FIELDS)


@st.composite
def rare(draw: st.DrawFn, kind: type[Any], common: dict[str, Any]) -> Signal:
    """A rare signal with the fields of every signal."""
    signal: Signal = kind(**common, **{name: draw(drawn) for name, drawn in FIELDS[kind].items()})
    return signal
