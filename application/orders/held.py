"""Holds signals whose references lead to no order, and records them when they do."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from application.log.caller import system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import ReferenceRow, VersionTaken
from application.log.references import HELD as HELD_ROW
from application.log.repository import Repository
from application.log.streams import HELD, held_signal_of
from application.orders.batches import Arrival, find_refusal
from application.orders.order_finder import Assigned, OrderFinder, with_order
from application.orders.unmatched import UnmatchedSignals
from domain.errors import CasetrailError, SignalIdReused
from domain.orders.held_signals import (
    FIRST_LOOK,
    HELD_PREFIX,
    HeldReported,
    HeldSignal,
    HeldSignalJoined,
    SignalHeld,
    held_name,
    held_stream,
)
from domain.orders.order import Order, order_stream
from domain.orders.references import SIGNAL, Reference, is_same_statement, references_of
from domain.orders.signals import Signal
from domain.people import TIMEKEEPER_ACTOR, Actor

ASK_AGAIN_SECONDS: Final = 1.0
"""How long a process may believe that no signal was ever held."""
ATTEMPTS: Final = 5


class RecordFound(Protocol):
    """Records signals whose orders are known, with further writes in the same transaction."""

    def __call__(
        self, arrivals: Sequence[Arrival], actor: Actor, extra: Sequence[Write]
    ) -> Sequence[CasetrailError | None]:
        """Why each of them was refused, if it was. Raises VersionTaken if a further write conflicts."""


class Holding(Struct, frozen=True):
    """What holding signals leads to: the writes, and the state or the refusal of each, by its place."""

    writes: Sequence[Write] = ()
    held: Mapping[int, HeldSignal] = {}
    refused: Mapping[int, CasetrailError] = {}


class HeldSignals:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        finder: OrderFinder,
        held_at_most: Callable[[], timedelta | None],
        record: RecordFound,
        unmatched: UnmatchedSignals,
    ) -> None:
        """`held_at_most`: how long policy allows to hold a signal; None for ever."""
        self._log = log
        self._orders = orders
        self._finder = finder
        self._held_at_most = held_at_most
        self._record = record
        self._unmatched = unmatched
        self._any = False
        self._asked_at = 0.0

    def any(self) -> bool:
        """Whether a signal was ever held. Another process may have held its first one a second ago."""
        if not self._any and time.monotonic() - self._asked_at > ASK_AGAIN_SECONDS:
            self._any = self._log.recorder.has_held_signals()
            self._asked_at = time.monotonic()
        return self._any

    # holding

    def hold(self, arrivals: Sequence[Arrival], assigned: Assigned, actor: Actor) -> Holding:
        """Hold the signals that lead nowhere. One that is held already is held once."""
        names = {n: held_name(arrivals[n].signal) for n in assigned.held}
        known = self.load(names.values())
        writes: list[Write] = []
        refused: dict[int, CasetrailError] = {}
        held: dict[int, HeldSignal] = {}
        for n, name in names.items():
            signal, at = arrivals[n].signal, arrivals[n].received_at
            before = known.get(name)
            if before is None and (refusal := find_refusal(signal, at)) is not None:
                refused[n] = refusal
            elif before is not None and not is_same_statement(before.signal, signal):
                refused[n] = SignalIdReused(
                    f"{signal.key} was recorded with other content; send a new id"
                )
            elif before is not None:
                held[n] = before
            else:
                match = assigned.held[n]
                assert match.why is not None
                event = SignalHeld(signal=signal, why=match.why, orders=match.orders)
                known[name] = held[n] = HeldSignal(
                    name=name,
                    signal=signal,
                    why=match.why,
                    held_at=at,
                    actor=actor,
                    orders=match.orders,
                )
                by = system_caller(actor, at, f"signal:{signal.key}")
                writes.append(by.write(held_stream(name), HELD, 0, [event], name, at + FIRST_LOOK))
        if writes:
            self._any = True
        return Holding(writes, held, refused)

    def load(self, names: Iterable[str]) -> dict[str, HeldSignal]:
        """The held signals of these names, as the log has them now."""
        trails = self._log.trails([held_stream(name) for name in names])
        return {state.name: state for state in map(held_signal_of, trails.values())}

    # joining

    def join_taught(self, signals: Iterable[Signal], now: datetime) -> None:
        """Record each held signal that waits for something that these recorded signals tell."""
        told = [*signals]
        while told:
            waiting = self._waiting_for(told)
            told = [
                signal
                for held in self.load(waiting).values()
                if not held.joined
                for signal in self.join(held, now, waiting[held.name])
            ]

    def _waiting_for(self, told: Sequence[Signal]) -> dict[str, tuple[str, ...]]:
        """The held signals that may be about these orders. Those that came again with their order are
        about that one."""
        wanted: dict[Reference, None] = {}
        for signal in told:
            wanted[SIGNAL, signal.key] = None
            wanted.update(dict.fromkeys(references_of(signal)))
        rows = self._log.recorder.select_references([*wanted])
        found: dict[str, tuple[str, ...]] = {}
        for row in rows:
            if row.order.startswith(HELD_PREFIX) and row.kind != HELD_ROW:
                found.setdefault(row.order, ())
                if row.kind == SIGNAL:
                    found[row.order] = tuple(
                        signal.order_key for signal in told if _is_told_by_order(row, signal)
                    )
        return found

    def join(
        self, held: HeldSignal, now: datetime, orders: tuple[str, ...] = ()
    ) -> Sequence[Signal]:
        """Record a held signal in its orders, if its references lead there by now; return what it is
        then. `orders` are known to have it."""
        for _ in range(ATTEMPTS):
            orders = orders or self._finder.find(held.signal)
            signals = [with_order(held.signal, key) for key in orders]
            if not orders or held.joined or self._is_contradicted(signals):
                return ()
            by = system_caller(held.actor, now, f"signal:{held.signal.key}")
            event = HeldSignalJoined(orders=orders, keys=self._log.keys_of(held.stream))
            joined = by.write(held.stream, HELD, held.version, [event], held.name, None)
            try:
                cleared = self._unmatched.settle(held, now) if held.reported_at else ()
                arrivals = [Arrival(s, now) for s in signals]
                refused = self._record(arrivals, held.actor, [joined, *cleared])
            except VersionTaken:
                held = self.load([held.name])[held.name]
                continue
            return [s for s, refusal in zip(signals, refused, strict=True) if refusal is None]
        return ()

    def _is_contradicted(self, signals: Sequence[Signal]) -> bool:
        """Whether an order has another statement with the identity of one of these."""
        states = self._orders.refreshed([order_stream(signal.order_key) for signal in signals])
        known = {state.id: state for state in states.values()}
        return any(
            (order := known.get(signal.order_key)) is not None
            and (other := order.recorded(signal.key)) is not None
            and not is_same_statement(other, signal)
            for signal in signals
        )

    # time

    def tick(self, stream: UUID, now: datetime) -> None:
        """Look again for the order of a held signal; report it if it is held for too long."""
        held = held_signal_of(self._log.trail(stream))
        signals = self.join(held, now)
        if signals:
            self.join_taught(signals, now)
            return
        held_at_most = self._held_at_most()
        is_late = held_at_most is not None and now - held.held_at >= held_at_most
        by = system_caller(TIMEKEEPER_ACTOR, now, "due")
        if held.joined:
            write = by.write(stream, HELD, held.version, (), held.name, None)
        elif is_late and held.reported_at is None:
            self._log.append([self.record_report(held, now), *self._unmatched.report(held, now)])
            return
        else:
            due = held.next_look(now, held_at_most)
            write = by.write(stream, HELD, held.version, (), held.name, due)
        self._log.append([write])

    def record_report(self, held: HeldSignal, now: datetime) -> Write:
        """The write that notes that the signal was reported."""
        after = held.after(HeldReported(held_at=held.held_at), now)
        due = after.next_look(now, None)
        by = system_caller(TIMEKEEPER_ACTOR, now, f"due:{now.isoformat()}")
        event = HeldReported(held_at=held.held_at)
        return by.write(held.stream, HELD, held.version, [event], held.name, due)


def _is_told_by_order(row: ReferenceRow, signal: Signal) -> bool:
    """Whether this signal is the held one of the row, told with its order."""
    shop = row.order[len(HELD_PREFIX) :].partition(HELD_PREFIX)[0]
    return signal.key == row.value and shop in ("", signal.shop_name)
