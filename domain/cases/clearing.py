"""When the problem of a part is gone, and which signals are about it."""

from collections.abc import Sequence
from datetime import datetime

from domain.cases.case_parts import MANUAL_RULE
from domain.cases.exception_case import ExceptionCase
from domain.orders.facts import OrderFacts
from domain.orders.order import Order
from domain.orders.signals import Signal, event_time_key
from domain.orders.standing import named_statement
from domain.policy.decision import Decision
from domain.policy.facts import facts_fed_by, read_facts
from domain.policy.rulebook import Rulebook


def find_gone(
    case: ExceptionCase, part: str, facts: OrderFacts, rulebook: Rulebook, now: datetime
) -> Decision | None:
    """The decision that the problem of a part is gone; None if it is not.

    It is gone if policy says so (`cleared_when`, or the expectation was met in time after all), if no
    rule finds it any more, or if its deadline is no longer over. What a person named is gone only if
    policy says so, and did not say so already when the person named it.
    """
    known = case.parts[part]
    rule = known.rule
    if known.clear_at_opening:
        return None
    decision = rulebook.cleared(case.kind, rule, facts, part)
    if decision is not None or rule == MANUAL_RULE:
        return decision
    detectors = [one for one in rulebook.detectors if one.kind == case.kind]
    if any(part in one.found(facts) for one in detectors):
        return None
    if any(one.rule == rule for one in detectors):
        if _is_missed(case.kind, part, facts, rulebook, now):
            return None
        return rulebook.no_longer(rule, facts, part)
    watch = rulebook.watch(rule)
    if watch is None:
        return None
    deadline = watch.deadline_of(facts, part)
    if deadline is not None and deadline.missed_from <= now:
        return None
    return rulebook.no_longer(rule, facts, part)


def _is_missed(kind: str, part: str, facts: OrderFacts, rulebook: Rulebook, now: datetime) -> bool:
    """Whether the deadline of an expectation of this kind is over, and what it expects is not so."""
    for watch in rulebook.watches:
        if watch.kind == kind and watch.is_checked_when_due:
            deadline = watch.deadline_of(facts, part)
            if (
                deadline is not None
                and deadline.missed_from <= now
                and not watch.settled(facts, deadline, part)
                and not watch.met_when_due(facts, part)
            ):
                return True
    return False


def shows_news(signals: Sequence[Signal], before: OrderFacts, after: OrderFacts) -> bool:
    """Whether the signals changed a fact that signals of their types feed.

    That something unknown is not so is no news: the first scan shows that nothing contradicts it.
    """
    names = facts_fed_by(frozenset(signal.type for signal in signals))
    known, now = (
        [None if value is False else value for value in read_facts(names, facts)]
        for facts in (before, after)
    )
    return known != now


def is_by_hand(case: ExceptionCase) -> bool:
    """Whether a person named every part of the case, and no rule has found one of them."""
    return all(part.rule == MANUAL_RULE for part in case.parts.values())


def signals_about(
    fresh: Sequence[Signal], kind: str, order: Order, rulebook: Rulebook
) -> list[Signal]:
    """The signals about this kind of problem, in time order; corrections of signals that feed it too."""
    sources = rulebook.source_types_by_kind.get(kind, frozenset())
    feeds = rulebook.signal_types_by_kind.get(kind, frozenset())
    return sorted(
        (signal for signal in fresh if signal.type in sources or _corrects(signal, feeds, order)),
        key=event_time_key,
    )


def signals_aside(
    fresh: Sequence[Signal], kind: str, order: Order, rulebook: Rulebook
) -> list[Signal]:
    """The signals that are about something else and can still change this kind of problem."""
    feeds = rulebook.signal_types_by_kind.get(kind, frozenset())
    about = {signal.key for signal in signals_about(fresh, kind, order, rulebook)}
    return [signal for signal in fresh if signal.type in feeds and signal.key not in about]


def _corrects(signal: Signal, feeds: frozenset[str], order: Order) -> bool:
    """Whether a signal names, directly or through others, one that feeds the problem."""
    seen: set[str] = set()
    target = named_statement(signal)
    while target is not None and target not in seen:
        seen.add(target)
        named = order.signals.get(target)
        if named is None:
            return False
        if named.type in feeds:
            return True
        target = named_statement(named)
    return False
