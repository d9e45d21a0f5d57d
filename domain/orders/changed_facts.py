"""Which groups of facts differ between two states of an order."""

from typing import Final

from msgspec import structs

from domain.orders.facts import NO_FACTS, OrderFacts
from domain.orders.parts import OrderParts

_GROUP_NAMES: Final = OrderFacts.__struct_fields__
_PART_NAMES: Final = tuple(f"{name.removesuffix('_')}[]" for name in OrderParts.__struct_fields__)


_COMPARED_LAST: Final[list[tuple[OrderFacts, OrderFacts, frozenset[str]]]] = [
    (NO_FACTS, NO_FACTS, frozenset())
]
"""The pair that was compared last: detection and expectations ask for the same one."""


def find_changed(before: OrderFacts, now: OrderFacts) -> frozenset[str]:
    """The groups of facts (`payment`) and kinds of parts (`parcel[]`) that were computed since and differ."""
    one, other, known = _COMPARED_LAST[0]
    if one is before and other is now:
        return known
    pairs = zip(_GROUP_NAMES, structs.astuple(before), structs.astuple(now), strict=True)
    changed = [name for name, one, other in pairs if one is not other]
    if before.parts is not now.parts:
        every = zip(
            _PART_NAMES, structs.astuple(before.parts), structs.astuple(now.parts), strict=True
        )
        changed += [name for name, one, other in every if one is not other]
    found = frozenset(changed)
    _COMPARED_LAST[0] = before, now, found
    return found
