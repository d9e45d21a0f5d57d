"""The Order aggregate: a fold of signals into facts, and what has been made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.errors import SignalIdReused
from domain.orders.events import (
    ExpectationMet,
    OrderDataErased,
    OrderEvent,
    PassedIntake,
    ProblemDetected,
    SignalRecorded,
)
from domain.orders.facts import OrderFacts, facts_of
from domain.orders.signals import Signal
from domain.personal_data import erased
from domain.policy.expectations import Deadline, Watch
from domain.policy.rulebook import Rulebook

ORDERS = uuid5(NAMESPACE_URL, "casetrail:orders")


Watches: TypeAlias = Sequence[tuple[Watch, Deadline]]


@lru_cache(maxsize=10_000)
def order_stream(order_id: str) -> UUID:
    """The stream of an order follows from the shop's id of it."""
    return uuid5(ORDERS, order_id)


def is_the_same(taken: Signal, sent: Signal) -> bool:
    """Whether what is sent was taken before, perhaps with what is personal in it erased since."""
    return taken == sent or taken == erased(sent)


class CaseRef(Struct, frozen=True, gc=False):
    """The newest case of one kind of problem; `occurrence` counts them from 1."""

    case: UUID
    occurrence: int


class Order(Struct, frozen=True, kw_only=True):
    id: str
    version: int = 0
    signals: Mapping[str, Signal] = {}
    cases: Mapping[str, CaseRef] = {}
    concluded: Mapping[str, datetime] = {}
    """Rule of an expectation -> the deadline that was looked at last."""
    passed: bool = False
    """It has passed intake, with nothing wrong until then."""
    known_facts: OrderFacts | None = None
    known_watches: tuple[Rulebook, Watches] | None = None
    earlier_facts: tuple[OrderFacts, frozenset[type]] | None = None
    """Of a state before, and the types of the signals since: most facts are still what they were."""
    earlier_deadlines: tuple[Rulebook, Sequence[Deadline | None], frozenset[str]] | None = None
    """The same of what was expected then: by each watch of the rulebook, in their order."""

    @property
    def facts(self) -> OrderFacts:
        """What follows from the signals; worked out once per state."""
        if self.known_facts is None:
            earlier, fresh = self.earlier_facts or (None, frozenset())
            facts = facts_of(self.signals.values(), earlier, fresh)
            structs.force_setattr(self, "known_facts", facts)
            structs.force_setattr(self, "earlier_facts", None)
        assert self.known_facts is not None
        return self.known_facts

    def record(self, signal: Signal) -> SignalRecorded | None:
        """The event that takes the signal; None if it was taken before.

        Raises SignalIdReused if the same identity was taken with other content.
        """
        taken = self.signals.get(signal.key)
        if taken is None:
            return SignalRecorded(signal=signal)
        if not is_the_same(taken, signal):
            raise SignalIdReused(f"{signal.key} of order {self.id} was taken with other content")
        return None

    def overdue(self, rulebook: Rulebook, now: datetime) -> Watches:
        """The expectations to decide on at `now`, by deadline."""
        found = [(w, d) for w, d in self._open_watches(rulebook) if d.missed_from <= now]
        return sorted(found, key=lambda pair: (pair[1].at, pair[0].rule)) if found else ()

    def is_watched_by(self, rulebook: Rulebook) -> bool:
        """Whether its timer was set by this rulebook, as far as this state remembers."""
        return self.known_watches is not None and self.known_watches[0] is rulebook

    def next_due(self, rulebook: Rulebook) -> datetime | None:
        """When this order needs a look with no signal to ask for it."""
        return min((d.missed_from for _, d in self._open_watches(rulebook)), default=None)

    def _open_watches(self, rulebook: Rulebook) -> Watches:
        """What is still expected of this order; worked out once per state and rulebook."""
        if self.known_watches is None or self.known_watches[0] is not rulebook:
            found = [
                (watch, deadline)
                for watch, deadline in zip(rulebook.watches, self._deadlines(rulebook), strict=True)
                if deadline is not None and self.concluded.get(watch.rule) != deadline.at
            ]
            structs.force_setattr(self, "known_watches", (rulebook, found))
        assert self.known_watches is not None
        return self.known_watches[1]

    def _deadlines(self, rulebook: Rulebook) -> Sequence[Deadline | None]:
        """Of each watch, unless it is met or void by what is known."""
        facts, earlier = self.facts, self.earlier_deadlines
        if earlier is None or earlier[0] is not rulebook:
            found = [watch.open_deadline(facts) for watch in rulebook.watches]
        else:
            found = [*earlier[1]]
            for place in rulebook.watches_fed_by(earlier[2]) if earlier[2] else ():
                found[place] = rulebook.watches[place].open_deadline(facts)
        structs.force_setattr(self, "earlier_deadlines", (rulebook, found, frozenset()))
        return found

    def after(self, event: OrderEvent) -> Order:
        now = structs.replace(self, version=self.version + 1, known_watches=None)
        match event:
            case SignalRecorded(signal=signal):
                return structs.replace(
                    now,
                    signals={**self.signals, signal.key: signal},
                    known_facts=None,
                    earlier_facts=self._facts_before(type(signal)),
                    earlier_deadlines=self._deadlines_before(signal.type),
                )
            case ProblemDetected(kind=kind, case=case, occurrence=occurrence):
                return structs.replace(
                    now,
                    cases={**self.cases, kind: CaseRef(case, occurrence)},
                    concluded={**self.concluded, event.rule: event.deadline}
                    if event.deadline
                    else self.concluded,
                )
            case PassedIntake():
                return structs.replace(now, passed=True)
            case OrderDataErased():
                signals = {key: erased(signal) for key, signal in self.signals.items()}
                return structs.replace(
                    now,
                    signals=signals,
                    known_facts=None,
                    earlier_facts=None,
                    earlier_deadlines=None,
                )
            case ExpectationMet(decision=decision, deadline=deadline):
                concluded = {**self.concluded, decision.rule: deadline}
                return structs.replace(now, concluded=concluded)
            case _:
                assert_never(event)

    def _facts_before(self, kind: type) -> tuple[OrderFacts, frozenset[type]] | None:
        if self.known_facts is not None:
            return self.known_facts, frozenset((kind,))
        earlier = self.earlier_facts
        return (earlier[0], earlier[1] | {kind}) if earlier is not None else None

    def _deadlines_before(
        self, kind: str
    ) -> tuple[Rulebook, Sequence[Deadline | None], frozenset[str]] | None:
        earlier = self.earlier_deadlines
        return (earlier[0], earlier[1], earlier[2] | {kind}) if earlier is not None else None
