"""Facts about the screening of an order: for fraud, and for a deliverable address."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.content import OrderContent
from domain.orders.fact_metadata import SignalsByType, derived_from, lasting, once_known
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.screening_signals import (
    AddressChecked,
    AddressVerdict,
    FraudDecided,
    FraudDecision,
    FraudScreened,
    FraudVerdict,
)
from domain.regions import region_of


class FraudFacts(Struct, frozen=True, gc=False):
    flagged: Annotated[bool, lasting(FraudScreened)] = False
    """A screening asks for review or rejection."""
    accepted_at: Annotated[datetime | None, once_known(FraudScreened, FraudDecided)] = None
    """When it was first accepted, by screening or decision."""
    open: Annotated[bool | None, derived_from(FraudScreened, FraudDecided)] = None
    """Since the last flag there was no decision, and no screening that accepted."""


class AddressFacts(Struct, frozen=True, gc=False):
    bad: Annotated[bool, lasting(AddressChecked)] = False
    """A check found the address undeliverable."""
    open: Annotated[bool | None, derived_from(AddressChecked)] = None
    """The last check found the address undeliverable."""
    verdict: Annotated[str | None, derived_from(AddressChecked)] = None
    """The result of the last check."""
    region: Annotated[str | None, derived_from(OrderPlaced, OrderEdited)] = None
    """The country of delivery (ISO 3166-1), with its subdivision where that has a code (ISO 3166-2)."""


NOT_SCREENED: Final = FraudFacts()
NOT_CHECKED: Final = AddressFacts()
_GOOD: Final = frozenset([AddressVerdict.VALID, AddressVerdict.CORRECTED])


def fraud_facts(signals: SignalsByType) -> FraudFacts:
    screened: list[FraudScreened] = signals.get(FraudScreened, [])
    decided: list[FraudDecided] = signals.get(FraudDecided, [])
    if not screened and not decided:
        return NOT_SCREENED
    flags = [s.event_time for s in screened if s.verdict is not FraudVerdict.ACCEPT]
    accepted = [s.event_time for s in screened if s.verdict is FraudVerdict.ACCEPT]
    answers = [*accepted, *(d.event_time for d in decided)]
    accepted += [d.event_time for d in decided if d.decision is FraudDecision.ACCEPT]
    return FraudFacts(
        flagged=bool(flags),
        accepted_at=min(accepted, default=None),
        open=bool(flags) and not any(answer >= flags[-1] for answer in answers),
    )


def address_facts(signals: SignalsByType, content: OrderContent) -> AddressFacts:
    checks: list[AddressChecked] = signals.get(AddressChecked, [])
    region = _region(content)
    if not checks:
        return NOT_CHECKED if region is None else AddressFacts(region=region)
    return AddressFacts(
        region=region,
        bad=any(check.verdict not in _GOOD for check in checks),
        open=checks[-1].verdict not in _GOOD,
        verdict=checks[-1].verdict.value,
    )


def _region(content: OrderContent) -> str | None:
    to = content.current.ship_to if content.current is not None else None
    return region_of(to.country_code, to.country_area) if to is not None else None
