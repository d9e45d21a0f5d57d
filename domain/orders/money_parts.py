"""The facts of each payment, refund and charge."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.money import ZERO
from domain.orders.authorizations import PAYMENT_SIGNALS
from domain.orders.disputes import DISPUTE_SIGNALS
from domain.orders.fact_metadata import derived_from
from domain.orders.goods import Goods
from domain.orders.goods_parts import GOODS_FEEDS
from domain.orders.money_structs import OrderMoney, PaymentMoney, RefundMoney, RefundState
from domain.orders.purchase_signals import OrderCancelled, OrderEdited, OrderPlaced
from domain.orders.refund_statements import REFUND_SIGNALS

_CURRENCY: Final = "part.currency"
_ORDER: Final = (OrderPlaced, OrderEdited, OrderCancelled)
ALL_FEEDS: Final = (*_ORDER, *PAYMENT_SIGNALS, *REFUND_SIGNALS, *DISPUTE_SIGNALS)
_REFUNDS: Final = (*_ORDER, *PAYMENT_SIGNALS, *REFUND_SIGNALS)
_charge = derived_from(*_REFUNDS)
_charge_amount = derived_from(*_REFUNDS, currency=_CURRENCY)
_payment = derived_from(*_ORDER, *PAYMENT_SIGNALS)
_payment_amount = derived_from(*_ORDER, *PAYMENT_SIGNALS, currency=_CURRENCY)
_refund = derived_from(*_REFUNDS)
_refund_amount = derived_from(*_REFUNDS, currency=_CURRENCY)
_void = derived_from(*GOODS_FEEDS, *PAYMENT_SIGNALS)
_all = derived_from(*ALL_FEEDS)
_all_amount = derived_from(*ALL_FEEDS, currency=_CURRENCY)


class ChargePart(Struct, frozen=True, gc=False):
    """A charge beside the lines, such as shipping."""

    id: Annotated[str, _charge]
    """Its kind, with its `id` if it has one."""
    kind: Annotated[str | None, _charge] = None
    """What it is for: `shipping`, `duty`, `tip` …"""
    currency: Annotated[str | None, _charge] = None
    """The currency of its amounts."""
    charged: Annotated[Decimal | None, _charge_amount] = None
    """What it costs."""
    refunded: Annotated[Decimal | None, _charge_amount] = None
    """What was given back of it."""
    left: Annotated[Decimal | None, _charge_amount] = None
    """What may still be given back of it."""
    too_much: Annotated[bool | None, _charge] = None
    """More was given back than was charged."""


class PaymentPart(Struct, frozen=True, gc=False):
    """A payment. Its amounts are in its own currency."""

    id: Annotated[str, _all]
    """The provider's id."""
    currency: Annotated[str | None, _payment] = None
    """The currency in which it was taken."""
    tender: Annotated[str | None, _payment] = None
    """What it was paid with: `card`, `gift_card` …"""
    authorized: Annotated[Decimal | None, _payment_amount] = None
    """The last authorized amount."""
    open_authorization: Annotated[Decimal | None, _payment_amount] = None
    """Authorized, and neither captured nor voided, expired or final."""
    authorization_open: Annotated[bool | None, _payment] = None
    """Something of it may still be captured; also where no amount was stated."""
    authorized_at: Annotated[datetime | None, _payment] = None
    """When it was last authorized."""
    expires_at: Annotated[datetime | None, _payment] = None
    """When its authorization ends, while it is open."""
    captured: Annotated[Decimal | None, _payment_amount] = None
    """The sum of its captures."""
    captures: Annotated[int | None, _payment] = None
    """How many captures it has."""
    refunded: Annotated[Decimal | None, _all_amount] = None
    """The sum of its refunds that were issued and did not fail."""
    reserved: Annotated[Decimal | None, _all_amount] = None
    """The sum of its refunds that were requested and not issued."""
    disputed: Annotated[Decimal | None, _all_amount] = None
    """What disputes take back of it."""
    left: Annotated[Decimal | None, _all_amount] = None
    """What may still be given back of it."""
    failed_at: Annotated[datetime | None, _payment] = None
    """When its last failure was first stated."""
    failure_open: Annotated[bool | None, _payment] = None
    """Nothing of it was authorized or captured since it last failed."""
    to_void_since: Annotated[datetime | None, _void] = None
    """Since when it is open although the order was cancelled: the later of both."""
    too_much: Annotated[bool | None, _all] = None
    """More was given back of it than was captured."""
    too_much_reason: Annotated[str | None, _all] = None
    """`twice` if a refund is the same again, else `more_than_captured`."""
    assumed: Annotated[bool | None, _payment] = None
    """Two sources stated a capture of it without a common id: that they mean one is assumed."""


class RefundPart(Struct, frozen=True, gc=False):
    """A refund, by every statement about it."""

    id: Annotated[str, _refund]
    """The provider's id."""
    state: Annotated[str | None, _refund] = None
    """requested, issued or failed."""
    currency: Annotated[str | None, _refund] = None
    """The currency of its amount."""
    amount: Annotated[Decimal | None, _refund_amount] = None
    """How much it gives back."""
    payment: Annotated[str | None, _refund] = None
    """The payment that it gives back."""
    tender: Annotated[str | None, _refund] = None
    """How it is given: `original`, `store_credit` …"""
    requested_at: Annotated[datetime | None, _refund] = None
    """When it was requested."""
    issued_at: Annotated[datetime | None, _refund] = None
    """When it was issued; unknown while it is not."""
    failed_at: Annotated[datetime | None, _refund] = None
    """When it failed; unknown if it was issued again since."""
    made_up: Annotated[bool | None, _refund] = None
    """It failed, and another refund of the payment gave at least as much since."""
    stalled_since: Annotated[datetime | None, _refund] = None
    """When it was requested, while it is neither issued nor failed."""
    too_much: Annotated[bool | None, _refund] = None
    """With it, more was given back than was captured, or than a line or a charge costs."""
    too_much_reason: Annotated[str | None, _refund] = None
    """`twice`, `more_than_captured`, `more_than_line` or `more_than_charge`."""
    assumed: Annotated[bool | None, _refund] = None
    """Two sources stated it without a common id: that they mean one refund is assumed."""


def charge_parts(goods: Goods, money: OrderMoney) -> tuple[ChargePart, ...]:
    """The charges of now; and those that an edit removed, once something was given back for them."""
    now = [
        ChargePart(
            id=key,
            kind=charge.kind.value,
            currency=charge.amount.currency,
            charged=cost,
            refunded=money.charge_refunds.get(key, ZERO),
            left=money.charge_left.get(key),
            too_much=key in money.exceeded_charges,
        )
        for key, charge, cost in goods.content.charges
    ]
    known = {one.id for one in now}
    removed = [
        ChargePart(
            id=key,
            kind=key.partition(":")[0].partition("#")[0],
            currency=money.currency,
            charged=ZERO,
            refunded=money.charge_refunds[key],
            left=left,
            too_much=key in money.exceeded_charges,
        )
        for key, left in money.charge_left.items()
        if key not in known and key in money.charge_refunds
    ]
    return (*now, *removed)


def payment_parts(goods: Goods, money: OrderMoney) -> tuple[PaymentPart, ...]:
    reasons: dict[str, str] = {}
    for refund in money.refunds:
        if refund.payment is not None and refund.too_much == "twice":
            reasons[refund.payment] = refund.too_much
    cancelled_at = goods.cancelled_at if money.is_cancelled else None
    return tuple(_payment_part(one, reasons, cancelled_at) for one in money.payments)


def _payment_part(
    one: PaymentMoney, reasons: Mapping[str, str], cancelled_at: datetime | None
) -> PaymentPart:
    is_too_much = one.given_back + one.disputed > one.captured
    to_void = None
    if cancelled_at is not None and one.is_open and one.authorized_at is not None:
        to_void = max(cancelled_at, one.authorized_at)
    return PaymentPart(
        id=one.id,
        currency=one.currency,
        tender=one.tender,
        authorized=one.authorized,
        open_authorization=one.open_authorization,
        authorization_open=one.is_open,
        authorized_at=one.authorized_at,
        expires_at=one.expires_at if one.is_open else None,
        captured=one.captured,
        captures=len(one.captures),
        refunded=one.given_back,
        reserved=one.reserved,
        disputed=one.disputed,
        left=one.left,
        failed_at=one.failed_at,
        failure_open=one.failure_open,
        to_void_since=to_void,
        too_much=is_too_much,
        too_much_reason=reasons.get(one.id, "more_than_captured") if is_too_much else None,
        assumed=any(capture.assumed for capture in one.captures),
    )


def refund_parts(money: OrderMoney) -> tuple[RefundPart, ...]:
    reserved = {payment.id for payment in money.payments if payment.reserved > 0}
    return tuple(
        _refund_part(
            one, _is_unanswered(one, money.refunds, reserved), _is_made_up(one, money.refunds)
        )
        for one in money.refunds
    )


def _is_unanswered(
    request: RefundMoney, refunds: Sequence[RefundMoney], reserved: Collection[str]
) -> bool:
    """Whether a request still reserves money: several refunds may answer it. One without an amount reserves
    none; any refund since answers it."""
    if request.amount:
        return request.payment is None or request.payment in reserved
    return not any(one.state is RefundState.ISSUED and one.at >= request.at for one in refunds)


def _is_made_up(failed: RefundMoney, refunds: Sequence[RefundMoney]) -> bool:
    return failed.state is RefundState.FAILED and any(
        one.state is RefundState.ISSUED
        and one.payment == failed.payment
        and one.currency == failed.currency
        and one.amount >= failed.amount
        and one.at >= failed.at
        for one in refunds
    )


def _refund_part(one: RefundMoney, unanswered: bool, made_up: bool) -> RefundPart:
    def at(state: RefundState) -> datetime | None:
        return one.at if one.state is state else None

    return RefundPart(
        id=one.id,
        state=one.state.value,
        currency=one.currency,
        amount=one.amount,
        payment=one.payment,
        tender=one.tender,
        requested_at=one.requested_at,
        issued_at=at(RefundState.ISSUED),
        failed_at=at(RefundState.FAILED),
        made_up=made_up,
        stalled_since=at(RefundState.REQUESTED) if unanswered else None,
        too_much=one.too_much is not None,
        too_much_reason=one.too_much,
        assumed=one.assumed,
    )
