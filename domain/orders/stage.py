"""The stages of an order on its way, derived from its facts: what is unfinished, and since when.

A stage ends with its milestone. The release, hand-over or delivery of an order also ends the stages
before them, since not every shop tells every step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from domain.orders.facts import OrderFacts
from domain.orders.lost_pieces import find_loss
from domain.orders.milestone_facts import Milestones


class Stage(StrEnum):
    __hash__ = str.__hash__  # that of Enum is slow, and every signal looks stages up

    INTAKE = "intake"
    """Until the order is placed and no fraud screening is open."""
    PAYMENT = "payment"
    """Until a payment is authorized or captured."""
    ALLOCATION = "allocation"
    """Until stock is allocated."""
    RELEASE = "release"
    """Until the warehouse may work on it."""
    SHIPMENT = "shipment"
    """Until the carrier has it."""
    DELIVERY = "delivery"
    """Until it is delivered; what the carrier lost, until it is sent again or given back."""
    RETURN = "return"
    """Until goods and money that go back are back: a return, a requested refund, or the payment of a
    cancelled order."""


class StagePassage(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The time of an order in one stage, and who sees to it."""

    since: datetime
    until: datetime | None = None
    """None while it is in the stage."""
    team: str | None = None
    """None if policy named no team when the stage began."""
    due_at: datetime | None = None
    policy: str | None = None
    """The version of the policy that named team and time. A later policy does not change them."""


Span: TypeAlias = tuple[Stage, datetime, datetime | None]
"""A stage with its begin, and its end if it is over."""
Passages: TypeAlias = Mapping[Stage, StagePassage]
StageChanges: TypeAlias = dict[Stage, StagePassage | None]
"""The passages that changed; None for a stage that the order turns out not to pass."""


def find_changes(before: Passages, after: Passages) -> StageChanges:
    changes: StageChanges = {s: p for s, p in after.items() if before.get(s) is not p}
    return changes | {stage: None for stage in before if stage not in after}


def with_changes(passages: Passages, changes: StageChanges) -> Passages:
    merged = {**passages, **changes}
    return {stage: passage for stage, passage in merged.items() if passage is not None}


def open_passage(passages: Passages) -> tuple[Stage, StagePassage] | None:
    """The stage that the order is in; None for an order that is closed."""
    return next((pair for pair in passages.items() if pair[1].until is None), None)


def find_spans(
    facts: OrderFacts, began: datetime, named: Collection[Stage] = tuple(Stage)
) -> list[Span]:
    """The stages that the order passed, one after the other. Only the last one may be open.

    `began` is the time of its first signal. The time of a stage that is not in `named` counts for the
    next stage that is. A stage that took no time is left out.
    """
    found: list[Span] = []
    since = facts.milestones.placed_at or began
    closed_at = facts.milestones.cancelled_at
    for stage, end in _forward_ends(facts):
        if stage not in named:
            continue
        over = end if end is not None else closed_at
        if closed_at is not None and over is not None:
            over = min(over, closed_at)
        if over is None:
            return [*found, (stage, since, None)]
        if over > since:
            found.append((stage, since, over))
            since = over
        if end is None:
            break
    returned = _return_span(facts, since)
    if returned is not None and Stage.RETURN in named:
        found.append((Stage.RETURN, *returned))
    return found


def _forward_ends(facts: OrderFacts) -> Iterator[tuple[Stage, datetime | None]]:
    m = facts.milestones
    # What is sent back was delivered, also if no carrier said so.
    arrived = _earlier(m.delivered_at, _sent_back_at(m))
    delivered = arrived
    if (loss := find_loss(facts.goods, facts.money)) is not None:
        # What is lost is to be sent again or given back, also after all else was delivered.
        delivered = loss.settled_at
        if delivered is not None and not loss.is_all:
            delivered = max(delivered, arrived) if arrived is not None else None
        arrived = _earlier(arrived, loss.settled_at)
    handed_over = _earlier(m.handed_over_at, arrived)
    released = _earlier(m.released_at, handed_over)
    screened = None if facts.fraud.open else m.placed_at
    if screened is not None and facts.fraud.flagged and facts.fraud.accepted_at is not None:
        screened = max(screened, facts.fraud.accepted_at)
    free = screened if facts.charge.total is not None and not facts.charge.total else None
    yield Stage.INTAKE, _earlier(screened, released)
    yield Stage.PAYMENT, _earlier(_earlier(m.approved_at, m.paid_at), _earlier(free, released))
    yield Stage.ALLOCATION, _earlier(m.allocated_at, released)
    yield Stage.RELEASE, released
    yield Stage.SHIPMENT, handed_over
    yield Stage.DELIVERY, None if facts.parcel.on_the_way else delivered


def _sent_back_at(m: Milestones) -> datetime | None:
    return _earlier(m.return_requested_at, m.return_received_at)


def _return_span(
    facts: OrderFacts, forward_end: datetime
) -> tuple[datetime, datetime | None] | None:
    """From the first thing that was to go back until the last one is back; None without any."""
    owed = [*_owed(facts)]
    if not owed:
        return None
    since = max(forward_end, min(begin for begin, _ in owed))
    ends = [end for _, end in owed if end is not None]
    if len(ends) < len(owed):
        return since, None
    return (since, max(ends)) if max(ends) > since else None


def _owed(facts: OrderFacts) -> Iterator[tuple[datetime, datetime | None]]:
    m, refund = facts.milestones, facts.refund
    if (asked := _sent_back_at(m)) is not None:
        yield asked, m.return_refused_at or _settled_at(facts, m.return_received_at)
    if m.refund_requested_at is not None:
        yield m.refund_requested_at, refund.answered_at
    if m.cancelled_at is not None and m.paid_at is not None:
        owed_since = max(m.cancelled_at, m.paid_at)
        yield owed_since, None if refund.outstanding else _settled_at(facts, owed_since)


def _settled_at(facts: OrderFacts, moment: datetime | None) -> datetime | None:
    """When the money for what came back at `moment` was given back too; None if it was not."""
    refunded = facts.milestones.refunded_at
    if moment is None or (refunded is None and facts.refund.outstanding):
        return None
    return moment if refunded is None else max(moment, refunded)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None or (one is not None and one <= other) else other
