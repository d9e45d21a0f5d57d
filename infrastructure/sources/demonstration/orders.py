"""Generates orders: most without trouble, the others with each kind of trouble in turn."""

from datetime import datetime, timedelta
from typing import Final

from infrastructure.sources.demonstration.shop import Shop
from infrastructure.sources.demonstration.signal_plan import SignalPlan
from infrastructure.sources.demonstration.troubles import TROUBLES, Trouble
from infrastructure.sources.demonstration.usual_orders import usual_order

SHARE_WITHOUT_TROUBLE: Final = 0.85
DETECTION_MARGIN: Final = timedelta(hours=1)


class OrderGenerator:
    def __init__(self, seed: int, prefix: str) -> None:
        self._shop = Shop(seed, prefix)
        self._coming: list[Trouble] = []

    def order(self, at: datetime, shows_by: datetime | None = None) -> SignalPlan:
        """An order bought at this time, or earlier if its trouble must show by `shows_by`."""
        if self._shop.chance.random() < SHARE_WITHOUT_TROUBLE:
            return usual_order(self._shop, at)
        trouble = self._next_trouble()
        if shows_by is not None:
            at = min(at, shows_by - trouble.shows_after - DETECTION_MARGIN)
        return trouble.plan(self._shop, at)

    def order_in_trouble_now(self, now: datetime) -> SignalPlan:
        """An order bought long ago whose trouble shows within seconds."""
        trouble = self._next_trouble()
        soon = timedelta(seconds=self._shop.chance.uniform(2, 10))
        return trouble.plan(self._shop, now + soon - trouble.shows_after)

    def _next_trouble(self) -> Trouble:
        """The next kind of trouble. Every kind comes once before any comes again."""
        if not self._coming:
            self._coming = [*TROUBLES]
            self._shop.chance.shuffle(self._coming)
        return self._coming.pop()
