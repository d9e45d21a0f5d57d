"""The part of a policy about look-ups: checks of an order against data outside its own signals."""

from datetime import timedelta

from domain.policy import document_types as types


class DuplicateLookUp(types.Part, frozen=True, kw_only=True):
    """Orders of one customer with one basket, at most `within` apart, are duplicates."""

    within: timedelta


class PriceLookUp(types.Part, frozen=True, kw_only=True):
    """A product's usual price: the median over the period `over`, weighted by time."""

    over: timedelta
    least_history: timedelta
    """A product with a shorter history has no usual price yet. One order counts for this long at most."""


class LookUps(types.Part, frozen=True, kw_only=True):
    """Checks of an arriving order against data outside its own signals. An absent one is off."""

    duplicates: DuplicateLookUp | None = None
    prices: PriceLookUp | None = None
    addresses: bool = False
