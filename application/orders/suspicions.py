"""Suspected duplicates that relations between orders rule out, whichever order states the relation, and when."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import structs

from application.log.event_log import EventLog
from application.log.references import SUSPECTED
from application.log.repository import Repository
from application.orders.batches import Arrival
from application.orders.held import RecordFound
from application.orders.look_ups import LookUpResult, PlacedOrder
from domain.orders.order import Order, order_stream
from domain.orders.order_names import describe_order
from domain.orders.placement import turn, withdrawals_of
from domain.orders.relation_signals import DuplicateSuspected, OrderRelated
from domain.orders.relations import are_related, relations_of
from domain.orders.standing import named_statement
from domain.people import POLICY_ACTOR


class Suspicions:
    def __init__(self, log: EventLog, orders: Repository[Order], record: RecordFound) -> None:
        self._log = log
        self._orders = orders
        self._record = record

    def rule_out(
        self,
        found: LookUpResult,
        placed: Sequence[PlacedOrder],
        arrivals: Iterable[Arrival],
        orders: Iterable[Order],
    ) -> LookUpResult:
        """The findings without duplicates of orders that were cancelled, since the next order replaces such
        a one, and of orders that are related to the new one, also by a statement of this batch.

        `orders` are those of the batch before it.
        """
        pairs = {
            (key, signal.order_key, signal.other_key)
            for key, derived in found.signals.items()
            for signal in derived
            if isinstance(signal, DuplicateSuspected)
        }
        if not pairs:
            return found
        known = {order.id: order for order in orders}
        known.update(self._load({earlier for _, _, earlier in pairs}))
        arrived_at = {(p.signal.order_key, p.signal.key): p.received_at for p in placed}
        in_batch = [(a.received_at, a.signal) for a in arrivals]
        ruled_out = set()
        for key, new, earlier in pairs:
            stated = {
                name: [
                    *(relations_of(known[name]) if name in known else ()),
                    *(
                        signal
                        for at, signal in in_batch
                        if isinstance(signal, OrderRelated)
                        and signal.order_key == name
                        and at <= arrived_at[key]
                    ),
                ]
                for name in (new, earlier)
            }
            other = known.get(earlier)
            if (other is not None and other.facts.order.cancelled) or are_related(
                new, stated[new], earlier, stated[earlier]
            ):
                ruled_out.add((key, earlier))
        signals = {
            key: [
                s
                for s in derived
                if not isinstance(s, DuplicateSuspected) or (key, s.other_key) not in ruled_out
            ]
            for key, derived in found.signals.items()
        }
        return structs.replace(found, signals=signals)

    def look_again(self, arrivals: Sequence[Arrival], now: datetime) -> None:
        """Take back suspicions that these recorded statements rule out, and state again those that they
        rule out no more."""
        touched = dict.fromkeys(self._touched(arrivals))
        if not touched:
            return
        rows = self._log.references([(SUSPECTED, key) for key in touched])
        suspecting = self._load({*touched, *(row.order for row in rows)})
        open_ones = [
            (order, signal)
            for order in suspecting.values()
            for signal in (*order.signals.values(), *order.ahead.values())
            if isinstance(signal, DuplicateSuspected) and not signal.is_about_itself
            if order.id in touched or signal.other_key in touched
        ]
        missing = {signal.other_key for _, signal in open_ones} - suspecting.keys()
        known = {**suspecting, **self._load(missing)}
        turns = []
        for order, signal in open_ones:
            other = known.get(signal.other_key)
            # What the order states itself, its facts read.
            is_related = other is not None and are_related(
                order.id, _shared(relations_of(order), other.id), other.id, [*relations_of(other)]
            )
            withdrawals = withdrawals_of(order, signal.key)
            if is_related != (len(withdrawals) % 2 == 1):
                name = describe_order(signal.other_key)
                reason = f"the order {'is' if is_related else 'is not'} related to {name}"
                turns.append(Arrival(turn(signal, withdrawals, reason), now, is_own=True))
        if turns:
            self._record(turns, POLICY_ACTOR, ())

    def _touched(self, arrivals: Iterable[Arrival]) -> Iterator[str]:
        """The orders whose relations or suspicions these statements change."""
        for signal in (arrival.signal for arrival in arrivals):
            seen: set[str] = set()
            named = signal
            while not isinstance(named, OrderRelated | DuplicateSuspected):
                target = named_statement(named)
                if target is None or target in seen:
                    break
                seen.add(target)
                order = self._orders.cached([order_stream(signal.order_key)])
                found = [one.recorded(target) for one in order.values()]
                if not found or found[0] is None:
                    break
                named = found[0]
            else:
                yield signal.order_key

    def _load(self, names: Iterable[str]) -> Mapping[str, Order]:
        states = self._orders.refreshed([order_stream(name) for name in names])
        return {order.id: order for order in states.values()}


def _shared(relations: Iterable[OrderRelated], other: str) -> list[OrderRelated]:
    return [one for one in relations if one.other_key != other]
