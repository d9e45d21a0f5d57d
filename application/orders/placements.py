"""Plans where signals belong that name their orders by references, among all that references tie together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime

from msgspec import Struct

from application.log.caller import system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import ReferenceRow
from application.log.repository import Repository
from application.log.streams import HELD
from application.orders.batches import Arrival
from application.orders.order_finder import found_in, with_order
from domain.orders.held_signals import (
    FIRST_LOOK,
    HELD_PREFIX,
    HeldSignal,
    HeldSignalJoined,
    SignalHeld,
    held_name,
    held_stream,
)
from domain.orders.order import Order, order_stream
from domain.orders.order_names import describe_order
from domain.orders.placement import FoundSignal, found_signals, place_signals, told_signals
from domain.orders.references import Match, Reference, is_same_statement, references_of
from domain.orders.signals import Signal
from domain.people import POLICY_ACTOR


class Join(Struct, frozen=True):
    """A held signal, its orders, and what is recorded in them."""

    held: HeldSignal
    orders: tuple[str, ...]
    arrivals: Sequence[Arrival]


class Plan(Struct, frozen=True):
    """What makes recorded and held signals be where they belong."""

    joins: Sequence[Join]
    moves: Sequence[Arrival]
    """Signals for further orders, and our statements that take signals out of orders."""
    writes: Sequence[Write]
    """What is written of held signals together with the moves."""

    def __bool__(self) -> bool:
        return bool(self.joins or self.moves or self.writes)


class Neighbours(Struct, frozen=True):
    """The orders and held signals that references tie together."""

    references: Set[Reference]
    orders: Mapping[str, Order]
    held: Mapping[str, HeldSignal]

    def has(self, signal: Signal) -> bool:
        """Whether the signal is one of them: it names one of the references, and so all of its own are here."""
        return any(reference in self.references for reference in references_of(signal))


class Placements:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        load_held: Callable[[Iterable[str]], Mapping[str, HeldSignal]],
    ) -> None:
        self._log = log
        self._orders = orders
        self._load_held = load_held

    def plan(
        self, references: Iterable[Reference], now: datetime, known: Mapping[str, tuple[str, ...]]
    ) -> Plan:
        """What is to be done about all signals that these references may lead to an order.

        `known` has the orders of held signals that were sent again with their order.
        """
        near = self._neighbours(references, known)
        found: dict[str, dict[str, FoundSignal]] = {}
        sent: dict[str, Signal] = {}
        told = {key: told_signals(order) for key, order in near.orders.items()}
        for key, order in near.orders.items():
            for one in found_signals(order):
                if near.has(one.sent):
                    name = held_name(one.sent)
                    sent.setdefault(name, one.sent)
                    found.setdefault(name, {})[key] = one
                elif not one.is_withdrawn:
                    told[key].append(one.recorded)
        sent.update((name, held.signal) for name, held in near.held.items())
        places = place_signals(sent, told)
        places.update((name, Match(orders)) for name, orders in known.items() if name in sent)
        joins: list[Join] = []
        moves: list[Arrival] = []
        writes: list[Write] = []
        for name, match in places.items():
            signal, held = sent[name], near.held.get(name)
            targets = match.orders if match.why is None else ()
            if any(_is_other_statement(near.orders.get(key), signal) for key in targets):
                continue
            here = found.get(name, {})
            added = [*_additions(signal, targets, near, here, now)]
            if held is not None and not held.joined and targets:
                joins.append(Join(held, targets, added))
            else:
                moves += added
                writes += self._held_writes(name, signal, held, match, now)
            moves += _withdrawals(here, match, now)
        return Plan(joins, moves, writes)

    def held_near(self, signal: Signal) -> list[Signal]:
        """The held signals that the references of this one lead to."""
        return [one.signal for one in self._neighbours(references_of(signal), {}).held.values()]

    def _neighbours(
        self, references: Iterable[Reference], known: Mapping[str, tuple[str, ...]]
    ) -> Neighbours:
        """Follow the references of signals that were sent without their order, as far as they lead."""
        orders: dict[str, Order] = {}
        held: dict[str, HeldSignal] = dict(self._load_held(known))
        wanted = dict.fromkeys(references)
        wanted.update(dict.fromkeys(r for one in held.values() for r in references_of(one.signal)))
        asked: set[Reference] = set()
        while missing := [reference for reference in wanted if reference not in asked]:
            asked.update(missing)
            rows = self._log.references(missing)
            names = {row.order for row in rows} - orders.keys() - held.keys()
            new_held = self._load_held([name for name in names if name.startswith(HELD_PREFIX)])
            held.update(new_held)
            keys = [name for name in names if not name.startswith(HELD_PREFIX)]
            states = self._orders.refreshed([order_stream(key) for key in keys])
            orders.update((order.id, order) for order in states.values())
            for signal in _referring(orders.values(), held.values()):
                named = dict.fromkeys(references_of(signal))
                if any(reference in asked for reference in named):
                    wanted.update(named)
        return Neighbours(asked, orders, held)

    def _held_writes(
        self, name: str, signal: Signal, held: HeldSignal | None, match: Match, now: datetime
    ) -> Iterator[Write]:
        """What is written of the signal in its own stream: why it is held, or what it joined."""
        stream, version = held_stream(name), held.version if held is not None else 0
        by = system_caller(POLICY_ACTOR, now, f"signal:{signal.key}")
        if match.why is not None:
            if held is None or held.joined or (held.why, held.orders) != (match.why, match.orders):
                event = SignalHeld(signal=signal, why=match.why, orders=match.orders)
                yield by.write(stream, HELD, version, [event], name, now + FIRST_LOOK)
        elif held is not None and set(held.joined) != set(match.orders):
            joined = HeldSignalJoined(orders=match.orders, keys=self._log.keys_of(stream, name))
            yield by.write(stream, HELD, version, [joined], name, None)


def _additions(
    signal: Signal,
    targets: Sequence[str],
    near: Neighbours,
    here: Mapping[str, FoundSignal],
    now: datetime,
) -> Iterator[Arrival]:
    """The signal for the orders that lack it."""
    for key in targets:
        order = near.orders.get(key)
        if key in here:
            if here[key].is_withdrawn:
                again = here[key].turn("its references lead to this order after all")
                yield Arrival(again, now, is_own=True)
        elif order is None or order.recorded(signal.key) is None:
            yield Arrival(with_order(signal, key), now, found_in=found_in(signal))


def _withdrawals(here: Mapping[str, FoundSignal], match: Match, now: datetime) -> Iterator[Arrival]:
    """Our statements that take the signal out of the orders that it is not of."""
    targets = match.orders if match.why is None else ()
    if targets:
        reason = f"its references lead to {' and '.join(map(describe_order, targets))}"
    elif match.orders:
        reason = f"its references fit {' and '.join(map(describe_order, match.orders))}"
    else:
        reason = "its references lead to no order any more"
    for key, one in here.items():
        if key not in targets and not one.is_withdrawn:
            yield Arrival(one.turn(reason[:500]), now, is_own=True)


def _referring(orders: Iterable[Order], held: Iterable[HeldSignal]) -> Iterator[Signal]:
    for order in orders:
        for key in order.found:
            if (signal := order.recorded(key)) is not None:
                yield signal
    for one in held:
        yield one.signal


def _is_other_statement(order: Order | None, signal: Signal) -> bool:
    """Whether the order has another statement with this identity."""
    recorded = order.recorded(signal.key) if order is not None else None
    return recorded is not None and not is_same_statement(recorded, signal)


def orders_by_reference(rows: Iterable[ReferenceRow]) -> dict[Reference, set[str]]:
    """The orders of these rows, without the held signals that wait for them."""
    named: dict[Reference, set[str]] = {}
    for row in rows:
        if not row.order.startswith(HELD_PREFIX):
            named.setdefault((row.kind, row.value), set()).add(row.order)
    return named
