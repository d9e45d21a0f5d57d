"""The duties that people have over an order, in all of its cases.

Duties are separated once there is money. Until the order's first adjustment, an act on one of its cases
only guards the order's ledger: a proposal at the same moment makes one of the two decide again. From then
on, each act reads the other cases and guards their versions, and its duties are also rows of the order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from application.log.caller import Caller
from application.log.event_log import Write
from application.log.recorder import DutyRow
from application.log.repository import Repository
from application.log.streams import CASE, LEDGER
from domain.adjustments.kinds import Duty
from domain.adjustments.ledger import Ledger, ledger_of_order
from domain.cases.duties import Duties, DutiesElsewhere, first_duties
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.orders.order import Order, order_stream

BY_HAND = "{kind}\nby hand"
"""The problem of a case that a person opened for an order that was not known."""


class OrderCases(Struct, frozen=True):
    """An order, seen from one of its cases: the other cases, and whether there is money."""

    order: str
    ledger: Ledger
    """The order's ledger: of version 0 before its first adjustment."""
    others: Mapping[UUID, ExceptionCase] = {}
    """The other cases; without money, none is read."""

    @property
    def elsewhere(self) -> DutiesElsewhere:
        return {id: case.duties for id, case in self.others.items()}

    def without(self, case: ExceptionCase) -> OrderCases:
        others = {id: other for id, other in self.others.items() if id != case.id}
        return OrderCases(self.order, self.ledger, others)

    def all_duties(self, case: ExceptionCase) -> list[Duties]:
        return [case.duties, *self.elsewhere.values()]

    def glasses(self, case: ExceptionCase) -> Sequence[str]:
        """The break-glasses under which people acted on a case of the order."""
        every = (case, *self.others.values())
        return [*dict.fromkeys(glass for one in every for glass in one.glasses)]

    def guards(self, by: Caller, besides: Collection[Write]) -> list[Write]:
        """Writes that let an append fail if the order got an adjustment, or another case an act, by then."""
        known = {write.stream for write in besides}
        ledger = ledger_of_order(self.order)
        guards = [by.write(ledger, LEDGER, self.ledger.version, [], self.order)]
        guards += [
            by.write(id, CASE, case.version, [], self.order) for id, case in self.others.items()
        ]
        return [guard for guard in guards if guard.stream not in known]

    def rows(
        self, case: ExceptionCase, is_proposal: bool, taken: Iterable[DutyRow]
    ) -> list[DutyRow]:
        """Rows of the order, for the duties `taken` in a case: the database refuses a second duty there too.

        A proposal also brings the duties of all cases so far. Of a person who had several before they were
        counted over the order, it brings the first.
        """
        key = order_stream(self.order)
        rows: list[tuple[str, Duty]] = []
        if is_proposal:
            first = first_duties(self.all_duties(case))
            rows += [(name, held.duty) for name, held in first.items()]
        rows += [(row.person, row.duty) for row in taken]
        return [DutyRow(key, name, duty) for name, duty in dict.fromkeys(rows)]


class OrderDuties:
    def __init__(
        self,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        ledgers: Repository[Ledger],
        kinds: Callable[[], Iterable[str]],
    ) -> None:
        """`kinds` are the kinds of problem that policy names."""
        self._orders = orders
        self._cases = cases
        self._ledgers = ledgers
        self._kinds = kinds

    def of(self, case: ExceptionCase, order: Order | None = None) -> OrderCases:
        """The cases of this case's order, as the log has them now if there is money.

        Without money it reads nothing: a ledger that is not in memory is taken for empty, and the guard
        finds out. The order is read unless it is given.
        """
        known = self._ledgers.kept(ledger_of_order(case.order))
        if not case.adjustments and (known is None or not known.version):
            return OrderCases(case.order, Ledger())
        return self.read([case.order], order)[case.order].without(case)

    def complete(self, case: ExceptionCase) -> OrderCases:
        """The same, also where there is no money, with cases that the order does not list."""
        found = self.read([case.order])[case.order]
        unlisted = self._find_unlisted(case.order)
        return OrderCases(case.order, found.ledger, {**found.others, **unlisted}).without(case)

    def read(self, names: Sequence[str], known: Order | None = None) -> dict[str, OrderCases]:
        """All cases of the orders with these names; an order that is known is not read again."""
        orders = {order_stream(known.id): known} if known is not None else {}
        unread = [order_stream(name) for name in names if order_stream(name) not in orders]
        orders |= self._orders.refreshed(unread)
        ledgers = self._ledgers.current([ledger_of_order(name) for name in names])
        wanted: dict[str, dict[UUID, None]] = {}
        for name in names:
            order, ledger = orders.get(order_stream(name)), ledgers.get(ledger_of_order(name))
            wanted[name] = dict.fromkeys(_listed(order))
            wanted[name] |= dict.fromkeys(entry.case for entry in (ledger or Ledger()).entries)
        found = self._cases.refreshed([*{id for ids in wanted.values() for id in ids}])
        return {
            name: OrderCases(
                name,
                ledgers.get(ledger_of_order(name)) or Ledger(),
                {id: found[id] for id in ids if id in found},
            )
            for name, ids in wanted.items()
        }

    def refresh(self, order: str) -> None:
        """Read the ledger of an order again, after an append was refused."""
        self._ledgers.current([ledger_of_order(order)])

    def _find_unlisted(self, order: str) -> dict[UUID, ExceptionCase]:
        """The cases that people opened while the order was not known; the order does not list them."""
        found: dict[UUID, ExceptionCase] = {}
        kinds, occurrence = [*self._kinds()], 1
        while kinds:
            ids = {k: case_stream(order, BY_HAND.format(kind=k), occurrence) for k in kinds}
            some = self._cases.refreshed([*ids.values()])
            found |= some
            kinds = [kind for kind, id in ids.items() if id in some]
            occurrence += 1
        return found


def _listed(order: Order | None) -> list[UUID]:
    """The cases of an order: it has the newest of each kind of problem, whose number tells the earlier ones."""
    if order is None:
        return []
    return [
        case_stream(order.id, kind, occurrence)
        for kind, ref in order.cases.items()
        for occurrence in range(1, ref.occurrence + 1)
    ]
