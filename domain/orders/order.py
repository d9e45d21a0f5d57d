"""The Order aggregate: its signals, the facts derived from them, and its cases and deadlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, structs

from domain.errors import SignalIdReused
from domain.orders import events
from domain.orders.facts import OrderFacts, facts_of
from domain.orders.signals import Signal
from domain.orders.stage import Passages, StageChanges, find_changes, with_changes
from domain.personal_data import erase_personal
from domain.policy.expectations import Deadline, Watch
from domain.policy.rulebook import Rulebook

ORDERS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:orders")


OpenWatches: TypeAlias = Sequence[tuple[Watch, Deadline]]


@lru_cache(maxsize=10_000)
def order_stream(order_id: str) -> UUID:
    """The stream id of an order, derived from the shop's order id."""
    return uuid5(ORDERS_NAMESPACE, order_id)


def is_same_signal(recorded: Signal, sent: Signal) -> bool:
    """Whether the sent signal is the recorded one; its personal data may have been erased since."""
    return recorded == sent or recorded == erase_personal(sent)


class CaseRef(Struct, frozen=True, gc=False):
    """The newest case of one kind of problem; `occurrence` counts the cases of that kind from 1."""

    case: UUID
    occurrence: int


class Order(Struct, frozen=True, kw_only=True):
    id: str
    version: int = 0
    signals: Mapping[str, Signal] = {}
    cases: Mapping[str, CaseRef] = {}
    concluded: Mapping[str, datetime] = {}
    """Rule of an expectation -> the deadline that was last decided."""
    passed: bool = False
    """The order passed intake, with no problem until then."""
    stages: Passages = {}
    """The recorded stages of standard work."""
    known_facts: OrderFacts | None = None
    known_watches: tuple[Rulebook, OpenWatches] | None = None
    earlier_facts: tuple[OrderFacts, frozenset[type]] | None = None
    """The facts of an earlier state, and the types of the signals since. Most facts have not changed."""
    earlier_deadlines: tuple[Rulebook, Sequence[Deadline | None], frozenset[str]] | None = None
    """The deadlines of an earlier state, in the order of the rulebook's watches, and the signal types since."""

    @property
    def facts(self) -> OrderFacts:
        """The facts derived from the signals; computed once per state."""
        if self.known_facts is None:
            earlier, fresh = self.earlier_facts or (None, frozenset())
            facts = facts_of(self.signals.values(), earlier, fresh)
            structs.force_setattr(self, "known_facts", facts)
            structs.force_setattr(self, "earlier_facts", None)
        assert self.known_facts is not None
        return self.known_facts

    @property
    def began(self) -> datetime:
        """When the order was placed, or the event time of its first signal."""
        placed_at = self.facts.milestones.placed_at
        return placed_at or min(signal.event_time for signal in self.signals.values())

    def passages(self, rulebook: Rulebook, named_at: datetime | None = None) -> Passages:
        """The stages of standard work, also those that no event has recorded yet."""
        return rulebook.standard_work.passages(self.facts, self.began, self.stages, named_at)

    def stage_changes(self, rulebook: Rulebook, named_at: datetime | None = None) -> StageChanges:
        """The stages that are to be recorded. None are, if policy has never named any."""
        if not self.stages and not rulebook.standard_work.names_stages:
            return {}
        return find_changes(self.stages, self.passages(rulebook, named_at))

    def record(self, signal: Signal) -> events.SignalRecorded | None:
        """The event that records the signal; None if it is recorded already.

        Raises SignalIdReused if the recorded signal with this identity has other content.
        """
        recorded = self.signals.get(signal.key)
        if recorded is None:
            return events.SignalRecorded(signal=signal)
        if not is_same_signal(recorded, signal):
            raise SignalIdReused(
                f"signal {signal.key} of order {self.id} is recorded already with other content"
            )
        return None

    def record_stages(
        self, event: events.OrderEvent, rulebook: Rulebook
    ) -> tuple[Order, events.OrderEvent]:
        """The order and the event of its last signal, with the stages that its new signals changed."""
        changes = self.stage_changes(rulebook)
        if not changes:
            return self, event
        assert isinstance(event, events.SignalRecorded)
        return (
            structs.replace(self, stages=with_changes(self.stages, changes)),
            structs.replace(event, stages=changes),
        )

    def overdue(self, rulebook: Rulebook, now: datetime) -> OpenWatches:
        """The expectations whose deadline has passed at `now`, earliest deadline first."""
        found = [(w, d) for w, d in self._open_watches(rulebook) if d.missed_from <= now]
        return sorted(found, key=lambda pair: (pair[1].at, pair[0].rule)) if found else ()

    def has_timer_from(self, rulebook: Rulebook) -> bool:
        """Whether this state computed its timer with this rulebook."""
        return self.known_watches is not None and self.known_watches[0] is rulebook

    def next_due(self, rulebook: Rulebook) -> datetime | None:
        """When the next expectation is missed if no signal arrives; None if none is open."""
        return min((d.missed_from for _, d in self._open_watches(rulebook)), default=None)

    def _open_watches(self, rulebook: Rulebook) -> OpenWatches:
        """The open expectations of this order; computed once per state and rulebook."""
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
        """The deadline of each watch; None where the facts show it met or void."""
        facts, earlier = self.facts, self.earlier_deadlines
        if earlier is None or earlier[0] is not rulebook:
            found = [watch.open_deadline(facts) for watch in rulebook.watches]
        else:
            found = [*earlier[1]]
            for n in rulebook.watch_indexes_for(earlier[2]) if earlier[2] else ():
                found[n] = rulebook.watches[n].open_deadline(facts)
        structs.force_setattr(self, "earlier_deadlines", (rulebook, found, frozenset()))
        return found

    def after(self, event: events.OrderEvent) -> Order:
        now = structs.replace(self, version=self.version + 1, known_watches=None)
        match event:
            case events.SignalRecorded(signal=signal, stages=changes):
                return structs.replace(
                    now,
                    signals={**self.signals, signal.key: signal},
                    stages=self.stages if changes is UNSET else with_changes(self.stages, changes),
                    known_facts=None,
                    earlier_facts=self._facts_before(type(signal)),
                    earlier_deadlines=self._deadlines_before(signal.type),
                )
            case events.ProblemDetected(kind=kind, case=case, occurrence=occurrence):
                return structs.replace(
                    now,
                    cases={**self.cases, kind: CaseRef(case, occurrence)},
                    concluded={**self.concluded, event.rule: event.deadline}
                    if event.deadline
                    else self.concluded,
                )
            case events.StagesNamed(stages=changes):
                return structs.replace(now, stages=with_changes(self.stages, changes))
            case events.PassedIntake():
                return structs.replace(now, passed=True)
            case events.OrderDataErased():
                signals = {key: erase_personal(signal) for key, signal in self.signals.items()}
                return structs.replace(
                    now,
                    signals=signals,
                    known_facts=None,
                    earlier_facts=None,
                    earlier_deadlines=None,
                )
            case events.ExpectationMet(decision=decision, deadline=deadline):
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
