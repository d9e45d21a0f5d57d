"""The shops of the demonstration: their products, markets and customers."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

CATALOGUE: Final = (
    ("kettle-17", "39.90", "Kettle, 1.7 l"),
    ("lamp-oak", "89.00", "Lamp, oak"),
    ("rug-220", "249.00", "Rug, 220 cm"),
    ("boots-42", "129.50", "Boots, size 42"),
    ("tea-assam", "12.40", "Tea, Assam"),
    ("desk-180", "419.00", "Desk, 180 cm"),
    ("headphones-b", "199.00", "Headphones, black"),
    ("plant-ficus", "34.95", "Plant, ficus"),
)
EXPENSIVE_ITEM: Final = ("sofa-3", "899.00", "Sofa, three seats")


class Market(Struct, frozen=True, kw_only=True):
    """A country that a shop sells to."""

    time_zone: str
    currency: str
    address: tuple[str, str, str, str, str]
    """Country, area, city, postal code, street."""
    shop: str | UnsetType = UNSET
    """The shop; left out for the first one."""
    tax_percent: int
    tax_included: bool
    """Whether prices include the tax."""


MARKETS: Final = (
    Market(
        time_zone="Europe/Berlin",
        currency="EUR",
        address=("DE", "", "Berlin", "10115", "Chausseestr. 12"),
        tax_percent=19,
        tax_included=True,
    ),
    Market(
        time_zone="Europe/Lisbon",
        currency="EUR",
        address=("PT", "", "Lisboa", "1100-148", "Rua Augusta 24"),
        tax_percent=23,
        tax_included=True,
    ),
    Market(
        time_zone="Europe/London",
        currency="GBP",
        address=("GB", "", "London", "EC1A 1BB", "12 Little Britain"),
        shop="uk",
        tax_percent=20,
        tax_included=True,
    ),
    Market(
        time_zone="America/New_York",
        currency="USD",
        address=("US", "NY", "New York", "10001", "350 W 31st St"),
        shop="us",
        tax_percent=8,
        tax_included=False,
    ),
)
TIERS: Final = ("standard", "standard", "standard", "standard", "gold", "vip")
