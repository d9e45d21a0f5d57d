"""The policy document: what an operations manager owns, as it is written and stored.

Decoded strictly: an unknown field is a fault. What a rule may read and how it may compare is
checked in `checking.py`; how it decides stands in `rulebook.py`.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, field, structs

from domain.cases.evidence import EvidenceType
from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.reasons import ResolutionReason
from domain.clock.calendars import BusinessCalendar
from domain.clock.terms import Dependency, Measure
from domain.policy.approval_parts import Approvals
from domain.policy.document_types import Condition, FactPath, Name, Part, RuleName, Title, Weight
from domain.texts import PATTERN_END, lines


class Bucket(StrEnum):
    PAYMENT_MISMATCH = "payment_mismatch"
    INVENTORY_CONFLICT = "inventory_conflict"
    ADDRESS_PROBLEM = "address_problem"
    FRAUD_RISK = "fraud_risk"
    RETURN_OR_DAMAGE = "return_or_damage"
    VIP_OR_REVENUE_SENSITIVE = "vip_or_revenue_sensitive"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Automation(StrEnum):
    """What may happen without a person."""

    AUTOMATIC = "automatic"
    """Resolves itself once a clearing signal is attached as evidence."""
    REVIEW = "review"
    """A person decides."""
    BLOCKED = "blocked"
    """A person decides, and only once the evidence has improved."""


class HoldRule(Part, frozen=True, kw_only=True):
    what: HoldOn
    reason: HoldReason


class NextStep(Part, frozen=True, kw_only=True):
    """Something to be done; its time runs on the calendar of the case's service level."""

    title: Title
    action: NextAction
    within: timedelta
    owner: Name | None = None
    """A team; left out, that of the case's queue."""


class Kind(Part, frozen=True, kw_only=True):
    """A kind of exception."""

    title: Title
    bucket: Bucket
    severity: Severity
    automation: Automation
    cleared_when: Condition | None = None
    """The problem is gone when this holds; the signal that made it so is clearing evidence."""
    reopen_within: timedelta = timedelta(days=30)
    """A problem that returns this soon after its case was resolved reopens it; later, it opens a
    new case that is linked as a recurrence."""
    holds: Annotated[tuple[HoldRule, ...], Meta(max_length=10)] = ()
    """What is kept from going on as soon as there is a case."""
    next_steps: Annotated[tuple[NextStep, ...], Meta(max_length=20)] = ()
    """What is to be done about it: tasks of its case."""


class Detection(Part, frozen=True, kw_only=True):
    """A problem that a signal shows."""

    rule: RuleName
    kind: Name
    when: Condition


class Due(Part, frozen=True, kw_only=True):
    """When an expectation falls due: at a fact's moment, or some time after it."""

    at: FactPath | None = None
    by_end_of_day: FactPath | None = None
    """The fact is the first moment after the day: what happens at that moment is too late."""
    after: FactPath | None = None
    within: timedelta | None = None


class Expectation(Part, frozen=True, kw_only=True):
    """Something that must have happened by a time, else it is a problem, with no signal needed."""

    rule: RuleName
    kind: Name
    due: Due
    met_by: FactPath | None = None
    """The milestone that meets it, if it happened in time."""
    met_when: Condition | None = None
    """Or what must hold when it falls due."""
    void_by: tuple[FactPath, ...] = ()
    """Milestones that make it void, if they happened in time."""
    given: Condition | None = None
    """Only orders for which this holds are held against it."""


class Backlog(Part, frozen=True, kw_only=True):
    """How much work a queue may hold, and how old; beyond it, a plan to recover begins, and ends
    once the queue is down to what it must recover to. Cases that wait for somebody do not count."""

    volume: Annotated[int, Meta(ge=1)] | None = None
    recovered_volume: Annotated[int, Meta(ge=0)] | None = None
    age: timedelta | None = None
    recovered_age: timedelta | None = None
    owner: Name | None = None
    """Who answers for the plan; left out, the queue's team."""


class Queue(Part, frozen=True, kw_only=True):
    title: Title
    owner_team: Name
    claim_lease: timedelta | None = None
    """How long a claim may lie untouched before it lapses; without it, for ever."""
    hand_off_requires: tuple[EvidenceType, ...] = ()
    """What must be attached to a case before it is handed to this queue."""
    backlog: Backlog | None = None
    ladder: Name | None = None
    """Who is told when nobody does anything about a case: a name of `ladders`."""


class Rung(Part, frozen=True, kw_only=True):
    """Who is told, and how long after the rung before if still nothing was done."""

    role: Name
    """Whoever has it then; if nobody has, the rung is skipped at once, and that is said."""
    after: timedelta = timedelta()


class Ladder(Part, frozen=True, kw_only=True):
    """Escalation of work that lies untouched."""

    review_after: timedelta
    """How long nobody may do anything about a case before it must be reviewed."""
    rungs: Annotated[tuple[Rung, ...], Meta(min_length=1)]
    repeat: timedelta | None = None
    """How often the last rung is told again."""


class Service(Part, frozen=True, kw_only=True):
    """A service level: the first that fits a case's work type and its customer's tier counts."""

    rule: RuleName
    calendar: Name
    work_type: Name | None = None
    tier: Name | None = None
    first_action: timedelta | None = None
    next_update: timedelta | None = None
    resolution: timedelta | None = None
    by_cut_off: dict[Measure, Name] = field(default_factory=dict)
    """The measure is due at this cut-off of the calendar; its own time is the least that it has."""
    at_risk_percent: Annotated[int, Meta(ge=1, le=99)] = 80
    pauses_on: tuple[Dependency, ...] = ()
    resets_on_reopen: bool = False


class Route(Part, frozen=True, kw_only=True):
    """Where a case goes; the first route that fits counts, so the last one fits everything."""

    rule: RuleName
    queue: Name
    work_type: Name
    skill: Name
    when: Condition | None = None
    priority: Weight = 0


class ValueBand(Part, frozen=True, kw_only=True):
    """What an order of at least this charge adds, in whatever currency it is told."""

    at_least: Decimal
    adds: Weight


class ClockBands(Part, frozen=True, kw_only=True):
    """What a case gains while its clock presses; claim-next counts it, at the moment it is asked.

    What waits for long becomes at risk: so nothing is passed over for ever.
    """

    at_risk: Weight = 0
    breached: Weight = 0


class Priorities(Part, frozen=True, kw_only=True):
    """A case's priority is the sum: of its severity, its customer's tier, the order's value and its
    route. The clock comes on top while it presses."""

    severity: dict[Severity, Weight]
    tier: dict[Name, Weight] = field(default_factory=dict)
    value: Annotated[tuple[ValueBand, ...], Meta(max_length=20)] = ()
    """The highest band that the order reaches counts."""
    clock: ClockBands = ClockBands()


class DuplicateLookUp(Part, frozen=True, kw_only=True):
    """The same customer, the same basket, placed no further apart than this."""

    within: timedelta


class PriceLookUp(Part, frozen=True, kw_only=True):
    """A product's usual price: the one that lies in the middle of the time looked back over."""

    over: timedelta
    least_history: timedelta
    """A product that was on sale for less has no usual price yet; and one order alone shows its
    price for no longer than this."""


class LookUps(Part, frozen=True, kw_only=True):
    """What an arriving order is held against beyond its own statements. What is absent is off."""

    duplicates: DuplicateLookUp | None = None
    prices: PriceLookUp | None = None
    addresses: bool = False


class PolicyDocument(Part, frozen=True, kw_only=True):
    policy: Name
    version: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,31}" + PATTERN_END)]
    summary: Annotated[str, lines(2000)] = ""
    queues: Annotated[dict[Name, Queue], Meta(min_length=1)]
    kinds: Annotated[dict[Name, Kind], Meta(min_length=1)]
    detect: tuple[Detection, ...] = ()
    expect: tuple[Expectation, ...] = ()
    priorities: Priorities
    calendars: dict[Name, BusinessCalendar] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    ladders: dict[Name, Ladder] = field(default_factory=dict)
    resolving_requires: dict[ResolutionReason, tuple[EvidenceType, ...]] = field(
        default_factory=dict
    )
    """What must be attached, and named, to resolve a case for a reason."""
    automation_pauses_when: Condition | None = None
    """While this holds of an order, none of its cases resolves itself: a person decides."""
    look_ups: LookUps | None = None
    approvals: Approvals | None = None
    standard_flow_when: Condition | None = None
    """An order of which this holds, and that never had a case, has passed intake: it needs nobody."""
    route: Annotated[tuple[Route, ...], Meta(min_length=1)]


def canonical_json(document: PolicyDocument) -> bytes:
    """The document's one way to be written: what its digest is taken over."""
    # Keys that are dates can be sorted once they are text.
    return msgspec.json.encode(msgspec.to_builtins(document, str_keys=True), order="sorted")


def digest_of(document: PolicyDocument) -> str:
    return hashlib.sha256(canonical_json(document)).hexdigest()


def canonical_content(document: PolicyDocument) -> bytes:
    """What it says, whatever it is called."""
    return canonical_json(structs.replace(document, version="0", summary=""))
