"""Finds the orders of signals that were sent without one. The order of arrival is irrelevant.

A signal teaches the references that it names only in the orders that it belongs to. So signals are placed
in rounds: first by the statements that name their order, then also by the signals that the round before placed.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import UNSET, Struct, structs

from domain.orders.events import FoundIn
from domain.orders.order import Order
from domain.orders.references import Match, is_same_statement, match_orders
from domain.orders.signal_body import OWN_SOURCE, SignalRetracted, split_order_key
from domain.orders.signals import Signal, event_time_key
from domain.orders.standing import named_statement, standing

MOST_ROUNDS: Final = 10
"""Rounds in which signals that teach and take back references of each other are placed."""


def place_signals(
    referring: Mapping[str, Signal], told: Mapping[str, Sequence[Signal]]
) -> dict[str, Match]:
    """The orders of each of these signals, by its name.

    `referring` are the signals without their order, `told` the other signals of each order.
    """
    placed: dict[str, Match] = {}
    for _ in range(MOST_ROUNDS):
        knowledge = _Knowledge(referring, told, placed)
        now = {name: knowledge.find(name, signal) for name, signal in referring.items()}
        if now == placed:
            break
        placed = now
    return placed


class _Knowledge:
    """The signals of each order, after a round."""

    def __init__(
        self,
        referring: Mapping[str, Signal],
        told: Mapping[str, Sequence[Signal]],
        placed: Mapping[str, Match],
    ) -> None:
        self._told = told
        self._signals = {key: [*signals] for key, signals in told.items()}
        for name, match in placed.items():
            for key in match.orders if match.why is None else ():
                self._signals.setdefault(key, []).append(referring[name])
        self._standing = {key: standing(signals) for key, signals in self._signals.items()}

    def find(self, name: str, signal: Signal) -> Match:
        """The orders of the signal. It is no evidence for itself, and a correction does not hide the
        statement that leads it to its order."""
        direct = [
            key
            for key, signals in self._told.items()
            for one in signals
            if one.key == signal.key and _may_be_of(signal, key) and is_same_statement(one, signal)
        ]
        if direct:
            return Match(tuple(sorted(direct)))
        target = named_statement(signal)
        if target is None:
            known = {
                key: [one for one in signals if one is not signal]
                for key, signals in self._standing.items()
            }
        else:
            known = {
                key: standing(
                    s for s in signals if s is not signal and named_statement(s) != target
                )
                for key, signals in self._signals.items()
            }
        return match_orders(signal, known)


def _may_be_of(signal: Signal, key: str) -> bool:
    return signal.shop is UNSET or split_order_key(key)[1] == signal.shop


class FoundSignal(Struct, frozen=True):
    """A signal that references led to an order."""

    recorded: Signal
    sent: Signal
    """As it was sent: without its order."""
    withdrawals: Sequence[SignalRetracted]
    """Our statements that it is not of this order: each one takes back the one before it."""

    @property
    def is_withdrawn(self) -> bool:
        return len(self.withdrawals) % 2 == 1

    def turn(self, reason: str) -> SignalRetracted:
        """The statement that takes the signal out of the order, or that it is of this order again."""
        return turn(self.recorded, self.withdrawals, reason)


def turn(signal: Signal, withdrawals: Sequence[SignalRetracted], reason: str) -> SignalRetracted:
    """Our statement that takes a recorded signal out of its order, or the last such statement back."""
    named: Signal = withdrawals[-1] if withdrawals else signal
    digest = hashlib.sha256(signal.key.encode()).hexdigest()[:32]
    return SignalRetracted(
        source=OWN_SOURCE,
        id=f"withdrawn:{len(withdrawals) + 1}:{digest}",
        order=signal.order,
        shop=signal.shop,
        event_time=signal.event_time,
        of=named.id,
        of_source=named.source,
        reason=reason,
    )


def withdrawals_of(order: Order, key: str) -> Sequence[SignalRetracted]:
    """Our statements about a recorded signal that take it out of the order or back, first one first."""
    return _chain(_own_withdrawals(order), key)


def found_signals(order: Order) -> Iterator[FoundSignal]:
    """The signals that references led to this order, also those that were taken out since."""
    own = _own_withdrawals(order) if order.found else {}
    for key, where in order.found.items():
        recorded = order.recorded(key)
        if recorded is not None:
            shop = UNSET if where is FoundIn.ANY_SHOP else recorded.shop
            sent = structs.replace(recorded, order="", shop=shop)
            yield FoundSignal(recorded, sent, _chain(own, key))


def told_signals(order: Order) -> list[Signal]:
    """The signals that named this order themselves."""
    signals = (*order.signals.values(), *order.ahead.values())
    return sorted(
        (s for s in signals if s.key not in order.found and not _is_withdrawal(s)),
        key=event_time_key,
    )


def _own_withdrawals(order: Order) -> dict[str, SignalRetracted]:
    """Our withdrawals, by the statement that they name."""
    signals: Iterable[Signal] = (*order.signals.values(), *order.ahead.values())
    return {
        named: signal
        for signal in signals
        if isinstance(signal, SignalRetracted)
        and _is_withdrawal(signal)
        and (named := named_statement(signal)) is not None
    }


def _is_withdrawal(signal: Signal) -> bool:
    return (
        isinstance(signal, SignalRetracted)
        and signal.source == OWN_SOURCE
        and signal.of_source is not UNSET
    )


def _chain(own: Mapping[str, SignalRetracted], key: str) -> Sequence[SignalRetracted]:
    found: list[SignalRetracted] = []
    while (following := own.get(key)) is not None:
        found.append(following)
        key = following.key
    return found
