"""What an event cites: the policy version, the rule and the facts of its decision."""

from domain.adjustments.events import AdjustmentProposed
from domain.cases import events
from domain.cases.case_parts import MANUAL_RULE
from domain.cases.part_events import PartJoined
from domain.cases.work_events import Retermed
from domain.policy.decision import Decision


def cited_policy(event: object) -> str | None:
    """The policy version that the event's decision cites; None if policy did not decide it."""
    match event:
        case events.Routed() | PartJoined() if event.decision.rule == MANUAL_RULE:
            return None
        case AdjustmentProposed(requirement=requirement):
            return requirement.policy
        case Retermed(policy=policy):
            return policy
        case _:
            found = _cited_decision(event)
            return found.policy if found is not None else None


def cited_rule(event: object) -> str:
    """The rule that the event cites; empty if it cites none."""
    match event:
        case AdjustmentProposed(requirement=requirement):
            return requirement.rule
        case Retermed(service=service):
            return service
        case _:
            found = _cited_decision(event)
            return found.rule if found is not None else ""


def cited_facts(event: object) -> frozenset[str]:
    """The facts that the tests of the event read."""
    return frozenset(one.fact for decision in decisions_of(event) for one in decision.verdicts)


def decisions_of(event: object) -> list[Decision]:
    """The decisions of policy that the event records."""
    fields = (getattr(event, name, None) for name in ("clearing", "decision", "paused"))
    return [found for found in fields if isinstance(found, Decision)]


def _cited_decision(event: object) -> Decision | None:
    return next(iter(decisions_of(event)), None)
