"""What was authorized of each payment, what of it is open, and how payments failed."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from domain.money import ZERO
from domain.orders.fact_metadata import SignalsByType
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentExpired,
    PaymentFailed,
    PaymentPending,
    PaymentVoided,
)
from domain.orders.signal_body import given
from domain.orders.signals import event_time_key

PAYMENT_SIGNALS: Final = (
    PaymentPending,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentVoided,
    PaymentExpired,
    PaymentFailed,
)
MATCH_WINDOW: Final = timedelta(days=1)
"""Two sources that state equal amounts within this time mean one thing."""
_ENDINGS: Final = (PaymentVoided, PaymentExpired)


class Authorization(Struct, frozen=True, kw_only=True):
    """The authorization of a payment, by its latest statement."""

    amount: Decimal | None = None
    currency: str | None = None
    settles: Decimal | None = None
    at: datetime | None = None
    """When it was first stated."""
    expires_at: datetime | None = None
    released: Decimal = ZERO
    """Voided or expired since its amount was stated."""
    is_ended: bool = False
    """Nothing more will be captured."""
    is_of_payment: bool = False
    """It names its payment. One that names none says that the order's payment was approved."""

    def open_amount(self, captured: Decimal) -> Decimal:
        """What may still be captured; 0 if no amount was stated."""
        if self.amount is None or self.is_ended:
            return ZERO
        return max(self.amount - captured - self.released, ZERO)

    def is_open(self, captured: Decimal, has_captures: bool) -> bool:
        """Whether something may still be captured, also where no amount was stated."""
        if self.at is None or self.is_ended:
            return False
        return not has_captures if self.amount is None else self.open_amount(captured) > 0


class Failure(Struct, frozen=True, kw_only=True):
    """The last failure: when it was first stated, and whether it is open."""

    at: datetime
    is_open: bool


def authorization_of(stated: Sequence[Any]) -> Authorization:
    """The authorization by the statements about one payment, sorted by time.

    A second authorization replaces the amount: what was voided before it no longer counts.
    """
    found = Authorization()
    authorized = _authorizations(stated)
    if authorized:
        last = authorized[-1]
        amount = next((s.amount for s in reversed(authorized) if s.amount is not None), None)
        settles = next((m for s in reversed(authorized) if (m := given(s.settles))), None)
        since = [s for s in stated if s.event_time >= last.event_time]
        found = Authorization(
            amount=amount.value if amount is not None else None,
            currency=amount.currency if amount is not None else None,
            settles=settles.value if settles is not None else None,
            at=authorized[0].event_time,
            expires_at=next((s.expires_at for s in reversed(authorized) if s.expires_at), None),
            released=sum(
                (s.amount.value for s in since if isinstance(s, _ENDINGS) and s.amount is not None),
                ZERO,
            ),
            is_ended=any(_ends(s) for s in since),
            is_of_payment=any(s.payment is not None for s in authorized),
        )
    return found


def _authorizations(stated: Sequence[Any]) -> list[PaymentAuthorized]:
    """The authorizations, each once: another source that states an equal amount within a day of one
    repeats it, and authorizes nothing again."""
    found: list[PaymentAuthorized] = []
    for signal in stated:
        if isinstance(signal, PaymentAuthorized) and not any(
            known.source != signal.source
            and known.amount == signal.amount
            and signal.event_time - known.event_time <= MATCH_WINDOW
            for known in found
        ):
            found.append(signal)
    return found


def _ends(signal: Any) -> bool:
    if isinstance(signal, _ENDINGS):
        return signal.amount is None
    return isinstance(signal, PaymentAuthorized | PaymentCaptured) and bool(given(signal.final))


def last_failure(stated: Iterable[Any]) -> Failure | None:
    """The last failure. The same failure again (payment, stage, capture, reason) is no new one.

    An authorization or a capture at the same time or later closes it.
    """
    failures: list[PaymentFailed] = []
    secured: list[datetime] = []
    for signal in stated:
        if isinstance(signal, PaymentFailed):
            failures.append(signal)
        elif isinstance(signal, PaymentAuthorized | PaymentCaptured):
            secured.append(signal.event_time)
    if not failures:
        return None
    last = failures[-1]
    since = max((at for at in secured if at < last.event_time), default=None)
    same = [
        f.event_time
        for f in failures
        if _identity(f) == _identity(last) and (since is None or f.event_time > since)
    ]
    return Failure(at=min(same), is_open=not any(at >= last.event_time for at in secured))


def _identity(failure: PaymentFailed) -> tuple[Any, ...]:
    return failure.payment, failure.stage, given(failure.capture), failure.reason


def statements_by_time(signals: SignalsByType, kinds: Iterable[type[Any]]) -> list[Any]:
    """The signals of these types, by event time and identity."""
    found = [signal for kind in kinds if kind in signals for signal in signals[kind]]
    if len(found) > 1:
        found.sort(key=event_time_key)
    return found
