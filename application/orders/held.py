"""Holds signals whose references lead to no order, and records them when they do."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from msgspec import UNSET, Struct

from application.log.caller import system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import ReferenceRow, VersionTaken
from application.log.references import found_by
from application.log.repository import Repository
from application.log.streams import HELD, held_signal_of
from application.orders.batches import Arrival, find_refusal, id_reused
from application.orders.order_finder import Assigned
from application.orders.placements import Join, Placements, orders_by_reference
from application.orders.unmatched import UnmatchedSignals
from domain.errors import CasetrailError
from domain.orders.held_signals import (
    FIRST_LOOK,
    HELD_PREFIX,
    HeldReported,
    HeldSignal,
    HeldSignalJoined,
    SignalHeld,
    held_name,
    held_stream,
    is_told_by_order,
)
from domain.orders.order import Order, order_stream
from domain.orders.references import SIGNAL, Reference, is_same_statement, references_of
from domain.orders.signals import Signal
from domain.orders.standing import named_statement
from domain.people import POLICY_ACTOR, TIMEKEEPER_ACTOR, Actor

ASK_AGAIN_SECONDS: Final = 1.0
"""How long a process may believe that no signal ever named its order by references."""
ATTEMPTS: Final = 5
_SentAgain = Mapping[str, tuple[str, ...]]


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
        held_at_most: Callable[[], timedelta | None],
        record: RecordFound,
        unmatched: UnmatchedSignals,
    ) -> None:
        """`held_at_most`: how long policy allows to hold a signal; None for ever."""
        self._log = log
        self._orders = orders
        self._placements = Placements(log, orders, self.load)
        self._held_at_most = held_at_most
        self._record = record
        self._unmatched = unmatched
        self._any = False
        self._asked_at = 0.0

    def any(self) -> bool:
        """Whether a signal ever named its order by references. Another process may have taken its first such
        one a second ago."""
        if not self._any and time.monotonic() - self._asked_at > ASK_AGAIN_SECONDS:
            self._any = self._log.has_referring_signals()
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
                near = self._placements.held_near(signal)
                refused[n] = id_reused(signal.key, before.signal, signal, near)
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
        self._any = True
        return Holding(writes, held, refused)

    def load(self, names: Iterable[str]) -> dict[str, HeldSignal]:
        """The held signals of these names, as the log has them now."""
        trails = self._log.trails([held_stream(name) for name in names])
        return {state.name: state for state in map(held_signal_of, trails.values())}

    # joining

    def join_taught(self, arrivals: Iterable[Arrival], now: datetime) -> list[Join]:
        """Record each signal where these recorded ones show that it belongs.

        Held signals join their orders, and are returned. Signals that were found in an order are recorded in
        further ones, or are taken out of it again.
        """
        told, joins = [*arrivals], list[Join]()
        for _ in range(ATTEMPTS):
            if not told:
                break
            references = dict.fromkeys(r for one in told for r in self._taught_by(one.signal))
            asked = [*references, *map(found_by, references)]
            asked += [(SIGNAL, one.signal.key) for one in told]
            rows = self._log.references(asked)
            again = self._sent_again(rows, told)
            if not again and not self._may_concern_others(rows, told):
                break
            told = self._settle(references, now, again, joins)
        return joins

    def look_again(self, signals: Iterable[Signal], now: datetime) -> None:
        """Look for the orders of these signals that are held."""
        references = dict.fromkeys(r for signal in signals for r in references_of(signal))
        if references:
            self.join_taught(self._settle(references, now, {}, []), now)

    def complete(self, due: Sequence[tuple[Order, datetime]]) -> bool:
        """Record the signals of these orders that a process left behind when it died, each at its moment.

        Says whether anything was recorded.
        """
        if not due or not self.any():
            return False
        taught = {
            order.id: dict.fromkeys(
                r for signal in order.signals.values() for r in references_of(signal)
            )
            for order, _ in due
        }
        wanted = dict.fromkeys(r for references in taught.values() for r in references)
        rows = self._log.references([*wanted, *map(found_by, wanted)])
        named = orders_by_reference(rows)
        changed = False
        for order, now in due:
            shared = [
                reference
                for reference in taught[order.id]
                if (found := named.get(found_by(reference)))
                and len(found | named.get(reference, set())) > 1
            ]
            if shared and (recorded := self._settle(shared, now, {}, [])):
                changed = True
                self.join_taught(recorded, now)
        return changed

    def _taught_by(self, signal: Signal) -> Iterator[Reference]:
        """The references that a recorded signal teaches, or takes back from its order."""
        yield from references_of(signal)
        seen = {signal.key}
        target = named_statement(signal)
        stream = order_stream(signal.order_key)
        order = self._orders.cached([stream]).get(stream) if target is not None else None
        while order is not None and target is not None and target not in seen:
            seen.add(target)
            named = order.recorded(target)
            if named is None:
                return
            yield from references_of(named)
            target = named_statement(named)

    def _sent_again(self, rows: Iterable[ReferenceRow], told: Sequence[Arrival]) -> _SentAgain:
        """The held signals that were sent again with their order, and so are about that one."""
        found: dict[str, tuple[str, ...]] = {}
        for row in rows:
            if row.kind == SIGNAL:
                keys = (
                    one.signal.order_key
                    for one in told
                    if one.found_in is UNSET and is_told_by_order(row.order, row.value, one.signal)
                )
                if orders := tuple(dict.fromkeys(keys)):
                    found[row.order] = orders
        return found

    def _may_concern_others(self, rows: Sequence[ReferenceRow], told: Sequence[Arrival]) -> bool:
        """Whether signals without their order may belong elsewhere than before these were recorded."""
        named = orders_by_reference(rows)
        waiting = {row.order for row in rows if row.order.startswith(HELD_PREFIX)}
        if any(not one.joined for one in self.load(waiting).values()):
            return True
        for one in told:
            for reference in self._taught_by(one.signal):
                found = named.get(found_by(reference), set())
                orders = named.get(reference, set())
                is_first_hand = one.found_in is UNSET or named_statement(one.signal) is not None
                if found and (is_first_hand or len(orders | found) > 1):
                    return True
        return False

    def _settle(
        self, references: Iterable[Reference], now: datetime, again: _SentAgain, joins: list[Join]
    ) -> list[Arrival]:
        """Record what the plan for these references says, and note in `joins` what joins; return what is new
        in orders then."""
        for _ in range(ATTEMPTS):
            plan = self._placements.plan(references, now, again)
            recorded: list[Arrival] = []
            try:
                if plan.moves or plan.writes:
                    recorded += self._recorded(plan.moves, POLICY_ACTOR, plan.writes)
                for join in plan.joins:
                    recorded += self._join(join, now)
                    joins.append(join)
            except VersionTaken:
                continue
            return recorded
        return []

    def _join(self, join: Join, now: datetime) -> list[Arrival]:
        """Record a held signal in its orders."""
        held = join.held
        by = system_caller(held.actor, now, f"signal:{held.signal.key}")
        event = HeldSignalJoined(orders=join.orders, keys=self._log.keys_of(held.stream, held.name))
        joined = by.write(held.stream, HELD, held.version, [event], held.name, None)
        cleared = self._unmatched.settle(held, now) if held.reported_at else ()
        return self._recorded(join.arrivals, held.actor, [joined, *cleared])

    def _recorded(
        self, arrivals: Sequence[Arrival], actor: Actor, extra: Sequence[Write]
    ) -> list[Arrival]:
        refused = self._record(arrivals, actor, extra)
        return [a for a, refusal in zip(arrivals, refused, strict=True) if refusal is None]

    # time

    def tick(self, stream: UUID, now: datetime) -> None:
        """Look again for the order of a held signal; report it if it is held for too long."""
        held = held_signal_of(self._log.trail(stream))
        if not held.joined:
            self.look_again([held.signal], now)
            held = held_signal_of(self._log.trail(stream))
            if held.joined:
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
