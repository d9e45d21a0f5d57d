"""The signals about parts of an order, with the required fields only and with all fields."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

from domain.money import Money, PositiveMoney
from domain.orders import payment_signals as payments
from domain.orders import purchase_signals as purchase
from domain.orders import relation_signals as relations
from domain.orders import return_signals as returns
from domain.orders import shipment_signals as shipments
from domain.orders import stock_signals as stock
from domain.orders.signal_body import LinePieces, SignalRetracted
from domain.orders.signals import Signal

_NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)
_TEN = PositiveMoney("10.50", "BRL")
_TEXT = "\"'\\/ € ü 漢字 🚚 \u2028 %s {} $1"


def _body() -> Iterator[dict[str, object]]:
    for number in count(1):
        yield {"source": "shop", "id": f"part-{number}", "order": "O-1", "event_time": _NOON}


_bodies = _body()
_PIECES = (LinePieces(line="1", quantity=2), LinePieces(sku="S", quantity=1))
_RETURNED = (
    returns.ReturnedPieces(line="1", quantity=1, condition=returns.GoodsCondition.DAMAGED),
)
_DISPUTE = {"dispute": "dp_1", "payment": "pi_1", "amount": _TEN, "reason": _TEXT}

PART_SIGNALS: tuple[Signal, ...] = (
    purchase.OrderEdited(**next(_bodies)),
    purchase.OrderEdited(
        **next(_bodies),
        revision=7,
        customer=None,
        lines=(
            purchase.Line(id="1", title=_TEXT, quantity=2, price=_TEN, discount=_TEN, tax=_TEN),
        ),
        charges=(
            purchase.Charge(
                kind=purchase.ChargeKind.SHIPPING, id="c", amount=Money("10.50", "BRL")
            ),
        ),
        discounts=(purchase.OrderDiscount(amount=_TEN, code=_TEXT),),
        total=_TEN,
        presentment=purchase.Presentment(currency="EUR", total=_TEN),
        terms=purchase.Terms(due_at=_NOON),
        ship_by=_NOON,
        promise=None,
    ),
    relations.OrderRelated(
        **next(_bodies), other="O-2", relation=relations.OrderRelation.SPLIT_FROM
    ),
    payments.PaymentPending(**next(_bodies)),
    payments.PaymentPending(
        **next(_bodies), payment="pi_1", amount=_TEN, tender="boleto", expires_at=_NOON
    ),
    payments.PaymentVoided(**next(_bodies), payment="pi_1", amount=_TEN, reason=_TEXT),
    payments.PaymentExpired(**next(_bodies), payment="pi_1"),
    payments.RefundFailed(**next(_bodies), payment="pi_1", refund="re_1", amount=_TEN),
    payments.RefundFailed(
        **next(_bodies), refund="re_2", amount=_TEN, lines=(payments.RefundedPieces(line="1"),)
    ),
    payments.DisputeOpened(**next(_bodies)),
    payments.DisputeOpened(
        **next(_bodies), **_DISPUTE, stage=payments.DisputeStage.CHARGEBACK, respond_by=_NOON
    ),
    payments.DisputeEvidenceSent(**next(_bodies), **_DISPUTE),
    payments.DisputeClosed(**next(_bodies), **_DISPUTE, outcome=payments.DisputeOutcome.WON),
    payments.FraudWarned(**next(_bodies), **_DISPUTE),
    shipments.ShipmentCancelled(**next(_bodies), shipment="P1", reason=_TEXT),
    shipments.ShipmentLost(**next(_bodies), shipment="P1", carrier="C", tracking=_TEXT),
    shipments.CustomerClaimed(**next(_bodies), kind=shipments.ClaimKind.NOT_RECEIVED),
    shipments.CustomerClaimed(
        **next(_bodies), kind=shipments.ClaimKind.WRONG_ITEM, lines=_PIECES, summary=_TEXT
    ),
    stock.FulfilmentHeld(**next(_bodies)),
    stock.FulfilmentHeld(**next(_bodies), warehouse="W", lines=_PIECES, reason=_TEXT),
    stock.FulfilmentUnheld(**next(_bodies), skus=("S",)),
    stock.FulfilmentRejected(**next(_bodies), lines=_PIECES, reason=_TEXT),
    returns.ReturnCancelled(**next(_bodies), rma="R", reason=_TEXT, lines=_RETURNED),
    returns.ReturnClosed(
        **next(_bodies),
        rma="R",
        lines=_RETURNED,
        condition=returns.GoodsCondition.SELLABLE,
        fees=(returns.ReturnFee(kind="restocking", amount=_TEN),),
    ),
    SignalRetracted(**next(_bodies), of="part-1", reason=_TEXT),
    SignalRetracted(**next(_bodies), of="part-2", replaces="part-3"),
)
