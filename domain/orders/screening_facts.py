"""Facts about how the order was screened: for fraud, and for an address that can be delivered to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import LASTING, ONCE_KNOWN, SignalsByType, derived_from, fact_meta
from domain.orders.signals import (
    AddressChecked,
    AddressVerdict,
    FraudDecided,
    FraudDecision,
    FraudScreened,
    FraudVerdict,
    OrderPlaced,
)
from domain.regions import region_of


class FraudFacts(Struct, frozen=True, gc=False):
    flagged: Annotated[
        bool, fact_meta(LASTING, "A screening wants a review or a refusal.", (FraudScreened,))
    ] = False
    accepted_at: Annotated[
        datetime | None,
        fact_meta(
            ONCE_KNOWN, "First accepted, by screening or decision.", (FraudScreened, FraudDecided)
        ),
    ] = None
    open: Annotated[bool | None, derived_from(FraudScreened, FraudDecided)] = None
    """Nobody decided, and no screening accepted, since it was last flagged."""


class AddressFacts(Struct, frozen=True, gc=False):
    bad: Annotated[
        bool, fact_meta(LASTING, "A check found it wanting: nothing gets there.", (AddressChecked,))
    ] = False
    open: Annotated[bool | None, derived_from(AddressChecked)] = None
    """The last check found it wanting."""
    verdict: Annotated[str | None, derived_from(AddressChecked)] = None
    """Of the last check."""
    region: Annotated[str | None, derived_from(OrderPlaced)] = None
    """Where it ships to (ISO 3166): the country, with its part where a code names that."""


NOT_SCREENED: Final = FraudFacts()
NOT_CHECKED: Final = AddressFacts()
_GOOD: Final = frozenset([AddressVerdict.VALID, AddressVerdict.CORRECTED])


def fraud_facts(told: SignalsByType) -> FraudFacts:
    screened: list[FraudScreened] = told.get(FraudScreened, [])
    decided: list[FraudDecided] = told.get(FraudDecided, [])
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


def address_facts(told: SignalsByType) -> AddressFacts:
    checks: list[AddressChecked] = told.get(AddressChecked, [])
    region = _region(told)
    if not checks:
        return NOT_CHECKED if region is None else AddressFacts(region=region)
    return AddressFacts(
        region=region,
        bad=any(check.verdict not in _GOOD for check in checks),
        open=checks[-1].verdict not in _GOOD,
        verdict=checks[-1].verdict.value,
    )


def _region(told: SignalsByType) -> str | None:
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    to = placed[0].ship_to if placed else None
    return region_of(to.country_code, to.country_area) if to is not None else None
