"""Detections, compiled: each says which parts of an order have a problem."""

from domain.orders.facts import OrderFacts
from domain.policy.conditions import CompiledCondition
from domain.policy.decision import Decision
from domain.policy.document import Detection
from domain.policy.facts import (
    context_to_decide,
    contexts_of,
    feeds_of,
    groups_of,
    part_fact_name,
    sources_of,
)


class Detector:
    """One detection rule, about the whole order or about `each` part of a kind.

    A part is named by its key, such as `parcel:P1`; the key of the whole order is empty.
    """

    def __init__(self, rule: Detection, condition: CompiledCondition, version: str) -> None:
        self.rule = rule.rule
        self.kind = rule.kind
        self.each = rule.each
        self.facts = condition.facts
        if self.each is not None:
            self.facts |= {part_fact_name(self.each, "part.id")}
        self.feeds = feeds_of(self.facts)
        self.sources = sources_of(self.facts)
        self.groups = groups_of(self.facts)
        self._test = condition.holds
        self.holds = condition.holds if self.each is None else self._holds_for_a_part
        """Whether the rule holds for the order, or for at least one part."""
        self._explain = condition.explain
        self._version = version

    def _holds_for_a_part(self, facts: OrderFacts) -> bool:
        return bool(self.found(facts))

    def found(self, facts: OrderFacts) -> tuple[str, ...]:
        """The keys of the parts for which it holds."""
        if self.each is None:
            return ("",) if self._test(facts) else ()
        return tuple([key for key, at in contexts_of(self.each, facts) if self._test(at)])

    def decide(self, facts: OrderFacts, part: str = "") -> Decision:
        """The decision about one part. Raises LookupError for a part that is not there."""
        context = context_to_decide(self.rule, self.each, facts, part)
        return Decision(policy=self._version, rule=self.rule, verdicts=self._explain(context))
