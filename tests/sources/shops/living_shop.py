"""A shop whose orders live. Its systems hold what happened, as Shopify, Stripe and Zendesk tell it, and send a
webhook of each step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.sources.shops.life import Life, Systems, Truth

DOMAIN = "living.myshopify.com"
FATES = (
    *("delivered",) * 10,
    *("in_two_parcels", "on_its_way", "cancelled", "one_piece_back") * 2,
    *("complained", "disputed"),
)


@dataclass
class LivingShop(Systems):
    """`webhooks` is by time, `truths` by order."""

    truths: dict[str, Truth] = field(default_factory=dict)

    def live(self, orders: int, seed: int, begins: datetime) -> None:
        """Let so many orders live; the first is placed when it `begins`, and all is over ten days later."""
        chance = random.Random(seed)
        for n in range(orders):
            at = begins + timedelta(minutes=chance.randrange(3 * 24 * 60), seconds=n % 60)
            life = Life(self, n, at, chance)
            life.live(chance.choice(FATES))
            self.truths[str(life.number)] = life.truth
        self.webhooks.sort(key=lambda one: one.at)
        self.stripe.events.sort(key=lambda one: (one["created"], one["id"]))
