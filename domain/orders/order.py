"""The Order aggregate: its signals, the facts derived from them, and its cases and deadlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, UnsetType, structs

from domain.errors import SignalIdReused
from domain.orders import events
from domain.orders.fact_metadata import SignalsByType
from domain.orders.facts import NO_FACTS, OrderFacts, facts_after
from domain.orders.notices import Notice
from domain.orders.order_names import describe_order
from domain.orders.order_notices import find_notices
from domain.orders.same_values import values_of
from domain.orders.signals import Signal, event_time_key
from domain.orders.signals_by_type import group_by_type, with_statement
from domain.orders.stage import Passages, StageChanges, find_changes, with_changes
from domain.orders.standing import named_statement
from domain.personal_data import erase_personal
from domain.policy.expectations import Deadline, Watch
from domain.policy.rule_results import OpenDeadlines, Problems, find_open_deadlines, find_problems
from domain.policy.rulebook import Rulebook

ORDERS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:orders")


OpenWatches: TypeAlias = Sequence[tuple[Watch, str, Deadline]]
"""Each open expectation, with the part that it is about (`""` for the order) and its deadline."""
_Concluded: TypeAlias = Mapping[tuple[str, str], datetime]


@lru_cache(maxsize=10_000)
def order_stream(order_id: str) -> UUID:
    """The stream id of an order, derived from the shop's order id."""
    return uuid5(ORDERS_NAMESPACE, order_id)


def is_same_signal(recorded: Signal, sent: Signal) -> bool:
    """Whether the sent signal is the recorded one, also if it is written differently. Its personal data may
    have been erased since."""
    if recorded == sent or recorded == (erased := erase_personal(sent)):
        return True
    return values_of(recorded) in (values_of(sent), values_of(erased))


class CaseRef(Struct, frozen=True, gc=False):
    """The newest case of one kind of problem; `occurrence` counts the cases of that kind from 1."""

    case: UUID
    occurrence: int


_FORGOTTEN: Final[dict[str, None]] = dict.fromkeys(
    ("known_facts", "earlier_facts", "earlier_deadlines", "known_problems", "known_by_type")
)
"""What an order has computed, after a change of the statements that it was computed from."""


class Order(Struct, frozen=True, kw_only=True):
    id: str
    version: int = 0
    signals: Mapping[str, Signal] = {}
    cases: Mapping[str, CaseRef] = {}
    ahead: Mapping[str, Signal] = {}
    """Signals whose event time is still to come: they do not count yet."""
    found: Mapping[str, events.FoundIn] = {}
    """The signals that were sent without their order, and that references led here."""
    missed: _Concluded = {}
    """Rule of an expectation and part -> the deadline that was last missed."""
    met: _Concluded = {}
    """Rule of an expectation and part -> the deadline that was last met."""
    is_corrected: bool = False
    """A signal names another one that it retracts or replaces."""
    passed: bool = False
    """The order passed intake, with no problem until then."""
    stages: Passages = {}
    """The recorded stages of standard work."""
    known_facts: OrderFacts | None = None
    known_watches: tuple[Rulebook, OpenWatches] | None = None
    earlier_facts: tuple[OrderFacts, frozenset[type]] | None = None
    """The facts of an earlier state, and the types of the signals since. Most facts have not changed."""
    earlier_deadlines: OpenDeadlines | None = None
    """The open deadlines of this state or an earlier one."""
    known_problems: Problems | None = None
    """The problems that were found last, in this state or an earlier one."""
    known_by_type: SignalsByType | None = None
    """The signals by type, while none corrects another."""

    @property
    def facts(self) -> OrderFacts:
        """The facts derived from the signals; computed once per state."""
        if self.known_facts is None:
            facts = NO_FACTS
            if self.signals:
                earlier, fresh = self.earlier_facts or (None, frozenset())
                facts = facts_after(self._by_type(), earlier, fresh)
            structs.force_setattr(self, "known_facts", facts)
            structs.force_setattr(self, "earlier_facts", None)
        assert self.known_facts is not None
        return self.known_facts

    @property
    def stated(self) -> list[Signal]:
        """All recorded signals, also those whose time is still to come."""
        return [*self.signals.values(), *self.ahead.values()]

    def _by_type(self) -> SignalsByType:
        """The statements that count, by type; grouped once and then kept up to date."""
        if self.is_corrected:
            return group_by_type(self.signals.values())
        if self.known_by_type is None:
            structs.force_setattr(self, "known_by_type", group_by_type(self.signals.values()))
        assert self.known_by_type is not None
        return self.known_by_type

    @property
    def began(self) -> datetime:
        """When the order was placed, or the event time of its first signal."""
        placed_at = self.facts.milestones.placed_at
        return placed_at or min(one.event_time for one in (self.signals or self.ahead).values())

    def passages(self, rulebook: Rulebook, named_at: datetime | None = None) -> Passages:
        """The stages of standard work, also those that no event has recorded yet."""
        return rulebook.standard_work.passages(self.facts, self.began, self.stages, named_at)

    def stage_changes(self, rulebook: Rulebook, named_at: datetime | None = None) -> StageChanges:
        """The stages that are to be recorded. None are, if policy has never named any."""
        if not self.stages and not rulebook.standard_work.names_stages:
            return {}
        return find_changes(self.stages, self.passages(rulebook, named_at))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is odd about statements that are kept all the same."""
        return find_notices(self.signals, self._by_type(), self.facts, self.is_corrected)

    def notices_about(self, key: str) -> tuple[Notice, ...]:
        """What is odd about one statement."""
        signals = {key: self.signals[key]} if key in self.signals else {}
        found = find_notices(self.signals, self._by_type(), self.facts, self.is_corrected, signals)
        return tuple(notice for notice in found if notice.signal == key)

    def recorded(self, key: str) -> Signal | None:
        """The recorded signal with this identity, whether it counts already or not."""
        return self.signals.get(key) or self.ahead.get(key)

    def record(self, signal: Signal, now: datetime | None = None) -> events.SignalRecorded | None:
        """The event that records the signal; None if it is recorded already.

        A signal whose event time is after `now` counts when that time has come.

        Raises SignalIdReused if the recorded signal with this identity has other content.
        """
        recorded = self.recorded(signal.key)
        if recorded is None:
            ahead = now is not None and signal.event_time > now
            return events.SignalRecorded(signal=signal, ahead=True if ahead else UNSET)
        if not is_same_signal(recorded, signal):
            raise SignalIdReused(
                f"signal {signal.key} of order {describe_order(self.id)} is recorded already with other content"
            )
        return None

    def find_time_come(self, now: datetime) -> list[events.SignalTimeCame]:
        """The signals that count from now on, earliest event time first."""
        come = [signal for signal in self.ahead.values() if signal.event_time <= now]
        return [events.SignalTimeCame(signal=s.key) for s in sorted(come, key=event_time_key)]

    def record_stages(
        self, event: events.OrderEvent, rulebook: Rulebook
    ) -> tuple[Order, events.OrderEvent]:
        """The order and the event of its last signal, with the stages that its new signals changed."""
        changes = self.stage_changes(rulebook)
        if not changes:
            return self, event
        assert isinstance(event, events.SignalRecorded | events.SignalTimeCame)
        return (
            structs.replace(self, stages=with_changes(self.stages, changes)),
            structs.replace(event, stages=changes),
        )

    def problems_after(
        self, before: OrderFacts, types: frozenset[str], rulebook: Rulebook
    ) -> Problems:
        """The problems that the rules find now, after signals of these types."""
        found = find_problems(rulebook, before, self.facts, types, self.known_problems)
        structs.force_setattr(self, "known_problems", found)
        return found

    def overdue(self, rulebook: Rulebook, now: datetime) -> OpenWatches:
        """The expectations whose deadline has passed at `now`, earliest deadline first."""
        found = [one for one in self._open_watches(rulebook) if one[2].missed_from <= now]
        return sorted(found, key=lambda one: (one[2].at, one[0].rule, one[1])) if found else ()

    def has_timer_from(self, rulebook: Rulebook) -> bool:
        """Whether this state computed its timer with this rulebook."""
        return self.known_watches is not None and self.known_watches[0] is rulebook

    def next_due(self, rulebook: Rulebook) -> datetime | None:
        """When the next expectation is missed if no signal arrives, or a signal begins to count."""
        times = [deadline.missed_from for _, _, deadline in self._open_watches(rulebook)]
        times += [signal.event_time for signal in self.ahead.values()]
        return min(times, default=None)

    def _open_watches(self, rulebook: Rulebook) -> OpenWatches:
        """The open expectations of this order; computed once per state and rulebook."""
        if self.known_watches is None or self.known_watches[0] is not rulebook:
            known = find_open_deadlines(rulebook, self.facts, self.earlier_deadlines)
            structs.force_setattr(self, "earlier_deadlines", known)
            found = [
                (watch, part, deadline)
                for watch, deadlines in zip(rulebook.watches, known.by_watch, strict=True)
                if deadlines
                for part, deadline in deadlines
                if self.missed.get((watch.rule, part)) != deadline.at
                and self.met.get((watch.rule, part)) != deadline.at
            ]
            structs.force_setattr(self, "known_watches", (rulebook, found))
        assert self.known_watches is not None
        return self.known_watches[1]

    def after(self, event: events.OrderEvent) -> Order:
        now = structs.replace(self, version=self.version + 1, known_watches=None)
        match event:
            case events.SignalRecorded(signal=signal, stages=changes):
                now = now._with_stages(changes)
                if not isinstance(event.found_in, UnsetType):
                    now = structs.replace(now, found={**self.found, signal.key: event.found_in})
                if event.ahead is True:
                    return structs.replace(now, ahead={**self.ahead, signal.key: signal})
                return self._with_signal(now, signal)
            case events.SignalTimeCame(signal=key, stages=changes):
                rest = {name: one for name, one in self.ahead.items() if name != key}
                now = structs.replace(now._with_stages(changes), ahead=rest)
                return self._with_signal(now, self.ahead[key])
            case events.ProblemDetected(kind=kind, case=case, occurrence=occurrence):
                missed = self.missed
                if event.deadline is not None:
                    missed = {**missed, (event.rule, event.part or ""): event.deadline}
                return structs.replace(
                    now, cases={**self.cases, kind: CaseRef(case, occurrence)}, missed=missed
                )
            case events.StagesNamed(stages=changes):
                return structs.replace(now, stages=with_changes(self.stages, changes))
            case events.PassedIntake():
                return structs.replace(now, passed=True)
            case events.OrderDataErased():
                return structs.replace(
                    now,
                    signals={key: erase_personal(one) for key, one in self.signals.items()},
                    ahead={key: erase_personal(one) for key, one in self.ahead.items()},
                    **_FORGOTTEN,
                )
            case events.ExpectationMet(decision=decision, deadline=deadline):
                met = {**self.met, (decision.rule, event.part or ""): deadline}
                return structs.replace(now, met=met)
            case _:
                assert_never(event)

    def _with_stages(self, changes: StageChanges | UnsetType) -> Order:
        if isinstance(changes, UnsetType):
            return self
        return structs.replace(self, stages=with_changes(self.stages, changes))

    def _with_signal(self, now: Order, signal: Signal) -> Order:
        """`now` with one more signal that counts."""
        signals = {**self.signals, signal.key: signal}
        corrects = named_statement(signal) is not None
        if self.is_corrected or corrects:
            # A correction may change any fact, and what was met before it may be missed now.
            return structs.replace(
                now,
                signals=signals,
                is_corrected=True,
                met={} if corrects else self.met,
                **_FORGOTTEN,
            )
        by_type, deadlines = self.known_by_type, self.earlier_deadlines
        if by_type is not None:
            by_type = with_statement(by_type, signal)
        return structs.replace(
            now,
            signals=signals,
            known_by_type=by_type,
            known_facts=None,
            earlier_facts=self._facts_before(type(signal)),
            earlier_deadlines=deadlines.after(signal.type) if deadlines is not None else None,
        )

    def _facts_before(self, kind: type) -> tuple[OrderFacts, frozenset[type]] | None:
        if self.known_facts is not None:
            return self.known_facts, frozenset((kind,))
        earlier = self.earlier_facts
        return (earlier[0], earlier[1] | {kind}) if earlier is not None else None
