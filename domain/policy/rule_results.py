"""What the rules of a policy found for an order; a rule whose facts did not change found the same before."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct, structs

from domain.orders.changed_facts import find_changed
from domain.orders.facts import NO_FACTS, OrderFacts
from domain.policy.detector import Detector
from domain.policy.expectations import Deadline
from domain.policy.rulebook import Rulebook

ByPart: TypeAlias = Sequence[tuple[str, Deadline]]


class OpenDeadlines(Struct, frozen=True):
    """The deadlines of each watch, by part, that the facts do not show met or void."""

    rulebook: Rulebook
    facts: OrderFacts
    by_watch: Sequence[ByPart]
    """In the order of the rulebook's watches."""
    since: frozenset[str] = frozenset()
    """The types of the signals that came since."""

    def after(self, kind: str) -> "OpenDeadlines":
        """The same results, with one more signal since."""
        return structs.replace(self, since=self.since | {kind})


def find_open_deadlines(
    rulebook: Rulebook, facts: OrderFacts, earlier: OpenDeadlines | None
) -> OpenDeadlines:
    """The open deadlines now. Only the watches that read a group of facts that changed are computed."""
    if facts is NO_FACTS:
        return _first_deadlines(rulebook)
    if earlier is None or earlier.rulebook is not rulebook:
        found = [watch.open_deadlines(facts) for watch in rulebook.watches]
        return OpenDeadlines(rulebook, facts, found)
    if earlier.facts is facts:
        return earlier
    changed = find_changed(earlier.facts, facts)
    found = [*earlier.by_watch]
    for n in rulebook.affected.by(earlier.since, changed).watches:
        found[n] = rulebook.watches[n].open_deadlines(facts)
    return OpenDeadlines(rulebook, facts, found)


@lru_cache(maxsize=16)
def _first_deadlines(rulebook: Rulebook) -> OpenDeadlines:
    """The deadlines of an order without signals."""
    found = [watch.open_deadlines(NO_FACTS) for watch in rulebook.watches]
    return OpenDeadlines(rulebook, NO_FACTS, found)


class Problems(Struct, frozen=True):
    """The parts for which each detector holds; detectors that hold for none are left out."""

    rulebook: Rulebook
    facts: OrderFacts
    by_detector: Mapping[Detector, tuple[str, ...]]

    def of(self, detectors: Iterable[Detector]) -> dict[str, dict[str, Detector]]:
        """Kind -> each part that has the problem, and the first of these rules that finds it."""
        found: dict[str, dict[str, Detector]] = {}
        for detector in detectors if self.by_detector else ():
            for part in self.by_detector.get(detector, ()):
                found.setdefault(detector.kind, {}).setdefault(part, detector)
        return found


def find_problems(
    rulebook: Rulebook,
    before: OrderFacts,
    now: OrderFacts,
    types: frozenset[str],
    earlier: Problems | None,
) -> Problems:
    """The problems now, after signals of these types. Only the detectors that read a group of facts that
    changed are asked again."""
    if before is NO_FACTS:
        earlier = _first_problems(rulebook)
    if earlier is None or earlier.rulebook is not rulebook or earlier.facts is not before:
        return problems_of(rulebook, now)
    changed = find_changed(before, now)
    found = dict(earlier.by_detector)
    for detector in rulebook.affected.by(types, changed).detectors:
        if parts := detector.found(now):
            found[detector] = parts
        else:
            found.pop(detector, None)
    return Problems(rulebook, now, found)


def problems_of(rulebook: Rulebook, facts: OrderFacts) -> Problems:
    found = {one: parts for one in rulebook.detectors if (parts := one.found(facts))}
    return Problems(rulebook, facts, found)


@lru_cache(maxsize=16)
def _first_problems(rulebook: Rulebook) -> Problems:
    return problems_of(rulebook, NO_FACTS)
