"""The disputes of an order, each by every statement about it.

The stages of one dispute escalate: inquiry, chargeback, second chargeback. An inquiry only asks and
moves no money, so it does not count as given back.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import structs

from domain.money import ZERO
from domain.orders.authorizations import statements_by_time
from domain.orders.exchange import in_order, in_payment
from domain.orders.fact_metadata import SignalsByType
from domain.orders.money_structs import DisputeMoney, PaymentMoney, RefundMoney, RefundState
from domain.orders.payment_signals import (
    DisputeClosed,
    DisputeEvidenceSent,
    DisputeOpened,
    DisputeStage,
)

DISPUTE_SIGNALS: Final = (DisputeOpened, DisputeEvidenceSent, DisputeClosed)
_STAGES: Final = [*DisputeStage]
_RANKS: Final = {kind: n for n, kind in enumerate(DISPUTE_SIGNALS)}


def disputes_of(
    signals: SignalsByType,
    payments: Mapping[str, PaymentMoney],
    refunds: Sequence[RefundMoney],
    only_payment: str | None,
    currency: str | None,
) -> list[DisputeMoney]:
    """The disputes by their first statement, their amounts also in the order's and the payment's currency."""
    found: list[DisputeMoney] = []
    for id, statements in group_by_dispute(signals, only_payment).items():
        one = _dispute(id, statements, payments, refunds, only_payment, found)
        payment, own = payments.get(one.payment or ""), one.currency
        found.append(
            structs.replace(
                one,
                of_payment=in_payment(one.amount, own, None, payment, currency),
                settled=in_order(one.amount, own or currency, None, payment, currency),
            )
        )
    return found


def group_by_dispute(signals: SignalsByType, only_payment: str | None) -> dict[str, list[Any]]:
    """The statements about each dispute: by the provider's id, else by the payment. `only_payment` is
    meant where none is named."""
    stated: dict[str, list[Any]] = {}
    every = statements_by_time(signals, DISPUTE_SIGNALS)
    named = {
        (s.payment or only_payment): s.dispute for s in reversed(every) if s.dispute is not None
    }
    for signal in every:
        payment = signal.payment or only_payment
        stated.setdefault(signal.dispute or named.get(payment) or payment or "", []).append(signal)
    return stated


def _dispute(
    id: str,
    stated: list[Any],
    payments: Mapping[str, PaymentMoney],
    refunds: Sequence[RefundMoney],
    only_payment: str | None,
    earlier: Sequence[DisputeMoney],
) -> DisputeMoney:
    # At the same time, the end counts as the later statement.
    stated.sort(key=lambda s: (s.event_time, _RANKS[type(s)], s.key))
    name = next((s.payment for s in stated if s.payment is not None), only_payment)
    payment = payments.get(name or "")
    opened = [s for s in stated if isinstance(s, DisputeOpened)] or stated[:1]
    last_opened = opened[-1].event_time
    moves = [s for s in stated if isinstance(s, DisputeOpened | DisputeClosed)]
    closed = moves[-1] if moves and isinstance(moves[-1], DisputeClosed) else None
    closings = [s for s in moves if closed is not None and isinstance(s, DisputeClosed)]
    sent = [
        s.event_time
        for s in stated
        if isinstance(s, DisputeEvidenceSent) and s.event_time >= last_opened
    ]
    told = next((s.amount for s in reversed(stated) if s.amount is not None), None)
    amount = told.value if told is not None else _left(payment, refunds, opened[0], earlier)
    currency = told.currency if told is not None else payment.currency if payment else None
    return DisputeMoney(
        id=id or str(stated[0].id),
        payment=name,
        amount=amount,
        currency=currency,
        opened_at=opened[0].event_time,
        stage=max(
            (s.stage for s in stated if s.stage is not None), key=_STAGES.index, default=None
        ),
        respond_by=next((s.respond_by for s in reversed(stated) if s.respond_by), None),
        evidence_sent_at=max(sent, default=None),
        outcome=closed.outcome if closed is not None else None,
        closed_at=min(s.event_time for s in closings if s.event_time >= last_opened)
        if closings
        else None,
    )


def _left(
    payment: PaymentMoney | None,
    refunds: Sequence[RefundMoney],
    opened: Any,
    earlier: Sequence[DisputeMoney],
) -> Decimal:
    """What was left of the payment when the dispute opened: all of it, if it was captured later."""
    if payment is None:
        return ZERO
    at = opened.event_time
    captured = sum((c.amount for c in payment.captures if c.at <= at), ZERO) or payment.captured
    given_back = sum(
        (
            refund.of_payment
            for refund in refunds
            if refund.payment == payment.id
            and refund.state is RefundState.ISSUED
            and refund.at <= at
        ),
        ZERO,
    )
    disputed = sum((d.of_payment for d in earlier if d.payment == payment.id and d.counts), ZERO)
    return max(captured - given_back - disputed, ZERO)
