"""Facts about what the customer claims is wrong with what came."""

from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from
from domain.orders.shipment_signals import ClaimKind, CustomerClaimed
from domain.orders.signal_body import given

_claimed = derived_from(CustomerClaimed)


class ClaimFacts(Struct, frozen=True, gc=False):
    """`…_of_order` are claims that name no line: they are about the whole order."""

    not_received: Annotated[bool, _claimed] = False
    """The customer says that a parcel did not arrive."""
    damaged: Annotated[bool, _claimed] = False
    """The customer says that something is damaged."""
    damaged_of_order: Annotated[bool, _claimed] = False
    """And no parcel either."""
    wrong_item: Annotated[bool, _claimed] = False
    """The customer says that another product came."""
    wrong_item_of_order: Annotated[bool, _claimed] = False
    """The same, and the claim names no line."""
    missing_item: Annotated[bool, _claimed] = False
    """The customer says that pieces are missing."""
    missing_item_of_order: Annotated[bool, _claimed] = False
    """The same, and the claim names no line."""
    not_as_described: Annotated[bool, _claimed] = False
    """The customer says that a product is not as described."""
    not_as_described_of_order: Annotated[bool, _claimed] = False
    """The same, and the claim names no line."""


NO_CLAIM: Final = ClaimFacts()


def claim_facts(signals: SignalsByType) -> ClaimFacts:
    claims: list[CustomerClaimed] = signals.get(CustomerClaimed, [])
    if not claims:
        return NO_CLAIM
    kinds = {claim.kind for claim in claims}
    whole = {claim.kind for claim in claims if not given(claim.lines)}
    return ClaimFacts(
        not_received=ClaimKind.NOT_RECEIVED in kinds,
        damaged=ClaimKind.DAMAGED in kinds,
        damaged_of_order=any(
            c.kind is ClaimKind.DAMAGED and not given(c.lines) and not c.parcel for c in claims
        ),
        wrong_item=ClaimKind.WRONG_ITEM in kinds,
        wrong_item_of_order=ClaimKind.WRONG_ITEM in whole,
        missing_item=ClaimKind.MISSING_ITEM in kinds,
        missing_item_of_order=ClaimKind.MISSING_ITEM in whole,
        not_as_described=ClaimKind.NOT_AS_DESCRIBED in kinds,
        not_as_described_of_order=ClaimKind.NOT_AS_DESCRIBED in whole,
    )
