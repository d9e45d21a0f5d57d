"""The facts that an approval rests on: those that the proposal, the approval matrix and the kind's rules read.

Money that we paid ourselves changes none of them, nor does a system that repeats it: the facts are read
without these statements.
"""

from collections.abc import Collection, Iterable, Iterator

from msgspec import UnsetType

from domain.adjustments.adjustment import Adjustment, Adjustments
from domain.adjustments.events import AdjustmentLapsed, BoundFact
from domain.adjustments.kinds import LapseCause
from domain.adjustments.told_refunds import find_own_statements
from domain.cases.packet import packet_digest, packet_of
from domain.orders.facts import OrderFacts, facts_of
from domain.orders.order import Order
from domain.orders.parts import PartKind
from domain.personal_data import ERASED, PERSONAL_FACTS
from domain.policy.decision import is_same_value, to_fact_value
from domain.policy.facts import ORDER_FACTS, OWN_FACTS, context_of, contexts_of
from domain.policy.rulebook import Rulebook

PROPOSAL_FACTS = frozenset(
    {"charge.currency", "charge.total", "customer.tier", "payment.captured", "refund.issued"}
)
"""The facts that every proposal reads."""


def bound_facts(
    order: Order, kind: str, parts: Collection[str], rulebook: Rulebook
) -> tuple[BoundFact, ...]:
    """The facts that a proposal in a case of this kind rests on, with their values now.

    Facts of parts are those of the given parts, or of all of a kind where none of it is given.
    """
    names = PROPOSAL_FACTS | rulebook.facts_read_by(kind)
    return tuple(_read(order, (one for name in names for one in _expand(name, order, parts))))


def find_changed_facts(
    adjustment: Adjustment, order: Order
) -> list[tuple[BoundFact, BoundFact]] | None:
    """The facts that changed since the proposal, before and now; None if it is bound to the packet."""
    if isinstance(adjustment.facts, UnsetType):
        return None
    now = {one.fact: one for one in _read(order, (one.fact for one in adjustment.facts))}
    return [
        (was, now[was.fact])
        for was in adjustment.facts
        if was.fact in now
        and not is_same_value(was.value, now[was.fact].value)
        and was.value != ERASED
    ]


def find_drift(adjustment: Adjustment, order: Order, policy: str) -> AdjustmentLapsed | None:
    """The lapse of an adjustment that rests on other facts, another packet or another policy than now."""
    changed = find_changed_facts(adjustment, order)
    was, now = adjustment.requirement.policy_digest, policy
    cause = LapseCause.POLICY
    if changed:
        was, now = (_describe(pair[n] for pair in changed) for n in (0, 1))
        cause = LapseCause.FACTS
    elif changed is None and adjustment.packet != (packet := packet_digest(packet_of(order))):
        was, now, cause = adjustment.packet, packet, LapseCause.PACKET
    elif was == now:
        return None
    return AdjustmentLapsed(adjustment=adjustment.id, cause=cause, was=was, now=now)


def find_outdated(adjustments: Adjustments, order: Order, policy: str) -> list[AdjustmentLapsed]:
    """A lapse for each adjustment that is not executed and rests on something that has changed."""
    found = (find_drift(one, order, policy) for one in adjustments.unexecuted)
    return [lapse for lapse in found if lapse is not None]


def _expand(name: str, order: Order, parts: Collection[str]) -> Iterable[str]:
    """The name itself, or for a fact of parts such as `parcel[].lost` one for each: `parcel:P1.lost`."""
    kind, of_parts, field = name.partition("[].")
    if not of_parts:
        return [name]
    keys = [key for key in parts if key.partition(":")[0] == kind]
    keys = keys or [key for key, _ in contexts_of(PartKind(kind), order.facts)]
    return [f"{key}.{field}" for key in keys]


def _read(order: Order, names: Iterable[str]) -> Iterator[BoundFact]:
    facts = _facts_without_own_payments(order)
    for name in sorted({*names}):
        key, _, field = name.rpartition(".")
        known, context = ORDER_FACTS.get(name), facts
        if ":" in key:
            kind = PartKind(key.partition(":")[0])
            known, context = OWN_FACTS[kind].get(f"part.{field}"), context_of(kind, facts, key)
        if known is not None:
            value = None if context is None else to_fact_value(known.read(context))
            yield BoundFact(name, value)


def _facts_without_own_payments(order: Order) -> OrderFacts:
    own = find_own_statements(order.facts.money)
    if not own:
        return order.facts
    return facts_of(signal for key, signal in order.signals.items() if key not in own)


def _describe(facts: Iterable[BoundFact]) -> str:
    """The facts in words; personal data is left out, since this text is kept unencrypted."""
    return ", ".join(
        one.fact if one.fact in PERSONAL_FACTS else f"{one.fact}={one.value}" for one in facts
    )
