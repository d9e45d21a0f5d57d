"""How many pieces of each line the parcels of an order hold."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from domain.orders.content import OrderLine
from domain.orders.parcels import Parcel
from domain.orders.pieces import PieceCount, count_stated


class PackedPieces(Struct, frozen=True):
    """The outbound parcels, with the pieces that each is known to hold."""

    parcels: Sequence[Parcel]
    told: Mapping[str, PieceCount]
    unknown: Sequence[Parcel]

    def count(self, line: OrderLine, kept: int, holds: Callable[[Parcel], bool]) -> int:
        """How many pieces of a line are in the parcels for which `holds`.

        Parcels without lines hold what is in no other parcel; of several, only when all of them do.
        """
        known = count_stated(line, (self.told[p.id] for p in self.parcels if p.id in self.told))
        found = count_stated(
            line, (self.told[p.id] for p in self.parcels if p.id in self.told and holds(p))
        )
        if self.unknown and line.is_shipped and all(holds(p) for p in self.unknown):
            found += max(kept - known, 0)
        return min(found, kept)
