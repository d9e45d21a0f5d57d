"""Compiles `cleared_when` of each kind: for the whole order, and for each kind of part that its rules name."""

from collections.abc import Mapping

from domain.errors import Fault
from domain.orders.parts import PartKind
from domain.policy.amounts import Rates
from domain.policy.comparisons import NEEDS_EACH
from domain.policy.conditions import CompiledCondition, compile_order_condition, names_part
from domain.policy.document import Detection, Expectation, PolicyDocument

Clearing = Mapping[str, Mapping[PartKind | None, CompiledCondition]]
"""Kind of exception -> kind of part (None: the whole order) -> the condition that clears it."""


def compile_clearing(document: PolicyDocument, rates: Rates, faults: list[Fault]) -> Clearing:
    """The conditions that clear cases, or faults added to `faults`."""
    found: list[Fault] = []
    compiled = {}
    all_rules: list[Detection | Expectation] = [*document.detect, *document.expect]
    for name, kind in document.kinds.items():
        rules = [rule for rule in all_rules if rule.kind == name]
        looked_at: dict[PartKind | None, str] = {rule.each: rule.rule for rule in reversed(rules)}
        if not names_part(kind.cleared_when) or not rules:
            looked_at.setdefault(None, "")
        conditions = {
            each: compile_order_condition(
                kind.cleared_when,
                f"/kinds/{name}/cleared_when",
                found,
                each=each,
                rates=rates,
                without_part=f"rule {rule} of this kind looks at the whole order: give it `each`, or "
                "ask with any, every, count or sum"
                if rule
                else NEEDS_EACH,
            )
            for each, rule in looked_at.items()
        }
        compiled[name] = {each: one for each, one in conditions.items() if one is not None}
    # A fault that does not depend on the part is found once for each kind of part.
    faults += dict.fromkeys(found)
    return compiled
