"""The policy document of an operations manager, as it is written and stored.

Decoding is strict: an unknown field is an error. `conditions.py` checks the facts and tests of a
rule; `rulebook.py` decides with them.
"""

import hashlib
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, field, structs

from domain.cases.evidence import EvidenceType
from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.reasons import ResolutionReason
from domain.clock.calendars import BusinessCalendar
from domain.clock.terms import Dependency, Measure
from domain.orders.parts import PartKind
from domain.policy import document_types as types
from domain.policy.access_review_parts import AccessReviewRules
from domain.policy.amounts import Amount, check_amount, parse_amount
from domain.policy.approval_parts import Approvals
from domain.policy.look_up_parts import LookUps
from domain.policy.source_parts import SourceRules
from domain.policy.stages import StageService
from domain.texts import lines


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
    """What the service may do without a person."""

    AUTOMATIC = "automatic"
    """The case resolves itself once a clearing signal is attached as evidence."""
    REVIEW = "review"
    """A person decides."""
    BLOCKED = "blocked"
    """A person decides, once there is better evidence."""


class HoldRule(types.Part, frozen=True, kw_only=True):
    what: HoldOn
    reason: HoldReason


class NextStep(types.Part, frozen=True, kw_only=True):
    """A task of the case; its time runs on the calendar of the case's service level."""

    title: types.Title
    action: NextAction
    within: timedelta
    owner: types.Name | None = None
    """A team; by default that of the case's queue."""


class Kind(types.Part, frozen=True, kw_only=True):
    """A kind of exception."""

    title: types.Title
    bucket: Bucket
    severity: Severity
    automation: Automation
    cleared_when: types.Condition | None = None
    """The problem is gone when this holds; the signal that made it hold is the clearing evidence."""
    reopen_within: timedelta = timedelta(days=30)
    """A problem that returns this soon after resolution reopens its case; a later one opens a new
    case, linked as a recurrence."""
    holds: Annotated[tuple[HoldRule, ...], Meta(max_length=10)] = ()
    """The holds that are placed when a case opens."""
    next_steps: Annotated[tuple[NextStep, ...], Meta(max_length=20)] = ()
    """The tasks of its case."""
    due_at: types.FactPath | None = None
    """A time by which the case must be resolved, even if its service level allows longer: others decide then."""
    critical_within: timedelta | None = None
    """A case whose `due_at` is as near as this is critical."""


class Detection(types.Part, frozen=True, kw_only=True):
    """A problem that a signal shows."""

    rule: types.RuleName
    kind: types.Name
    each: PartKind | None = None
    """It looks at each part of this kind, whose facts are `part.…`; by default at the whole order."""
    when: types.Condition


class Due(types.Part, frozen=True, kw_only=True):
    """When an expectation falls due: at the time of a fact, or some time after it."""

    at: types.FactPath | None = None
    by_end_of_day: types.FactPath | None = None
    """The fact is the first moment after the day; an event at that moment is too late."""
    after: types.FactPath | None = None
    within: timedelta | None = None


class Expectation(types.Part, frozen=True, kw_only=True):
    """Something that must happen by a time; if not, it is a problem, without any signal."""

    rule: types.RuleName
    kind: types.Name
    each: PartKind | None = None
    """It is expected of each part of this kind; by default of the whole order."""
    due: Due
    met_by: types.FactPath | None = None
    """The milestone that meets it in time."""
    met_when: types.Condition | None = None
    """Or the condition that must hold when it falls due."""
    void_by: tuple[types.FactPath, ...] = ()
    """Milestones that make it void in time."""
    given: types.Condition | None = None
    """It applies only to orders for which this holds."""


class Backlog(types.Part, frozen=True, kw_only=True):
    """The limits of a queue's volume and age, without waiting cases. Beyond a limit a recovery plan
    begins; it ends once the queue is down to its recovered limits."""

    volume: Annotated[int, Meta(ge=1)] | None = None
    recovered_volume: Annotated[int, Meta(ge=0)] | None = None
    age: timedelta | None = None
    recovered_age: timedelta | None = None
    owner: types.Name | None = None
    """The owner of the plan; by default the queue's team."""


class Queue(types.Part, frozen=True, kw_only=True):
    title: types.Title
    owner_team: types.Name
    claim_lease: timedelta | None = None
    """A claim lapses after this time without an act; by default never."""
    hand_off_requires: tuple[EvidenceType, ...] = ()
    """Evidence that a case needs before it is handed off to this queue."""
    backlog: Backlog | None = None
    ladder: types.Name | None = None
    """The escalation ladder for untouched cases: a name of `ladders`."""


class Rung(types.Part, frozen=True, kw_only=True):
    """A role to notify, and how long after the rung before if the case is still untouched."""

    role: types.Name
    """Its holders at that time are notified. Without a holder the rung is skipped, on record."""
    after: timedelta = timedelta()


class Ladder(types.Part, frozen=True, kw_only=True):
    """Escalation of untouched cases."""

    review_after: timedelta
    """A case must be reviewed after this time without an act."""
    rungs: Annotated[tuple[Rung, ...], Meta(min_length=1)]
    repeat: timedelta | None = None
    """How often the last rung is notified again."""


class Service(types.Part, frozen=True, kw_only=True):
    """A service level; the first one that fits the case's work type and customer's tier counts."""

    rule: types.RuleName
    calendar: types.Name
    work_type: types.Name | None = None
    tier: types.Name | None = None
    first_action: timedelta | None = None
    next_update: timedelta | None = None
    resolution: timedelta | None = None
    by_cut_off: dict[Measure, types.Name] = field(default_factory=dict)
    """The measure is due at this cut-off of the calendar; its own time is then a minimum."""
    at_risk_percent: Annotated[int, Meta(ge=1, le=99)] = 80
    pauses_on: tuple[Dependency, ...] = ()
    resets_on_reopen: bool = False


class Route(types.Part, frozen=True, kw_only=True):
    """The queue of a case; the first route that fits counts, and the last one fits every case."""

    rule: types.RuleName
    queue: types.Name
    work_type: types.Name
    skill: types.Name
    when: types.Condition | None = None
    priority: types.Weight = 0


class ValueBand(types.Part, frozen=True, kw_only=True):
    """The weight of an order of at least this charge: `"200 EUR"`, or `"200"` in any currency."""

    at_least: Annotated[str, Meta(extra={"check": check_amount})] | int | float
    adds: types.Weight

    def __post_init__(self) -> None:
        structs.force_setattr(self, "at_least", str(parse_amount(str(self.at_least))))

    @property
    def amount(self) -> Amount:
        return parse_amount(str(self.at_least))


class ClockBands(types.Part, frozen=True, kw_only=True):
    """The priority that a case gains while it is at risk or breached; claim-next adds it.

    A case that waits for long becomes at risk, so no case is passed over for ever.
    """

    at_risk: types.Weight = 0
    breached: types.Weight = 0


class Priorities(types.Part, frozen=True, kw_only=True):
    """A case's priority: the sum for its severity, its customer's tier, its order's value and its
    route, plus `clock` while it is at risk or breached."""

    severity: dict[Severity, types.Weight]
    tier: dict[types.Name, types.Weight] = field(default_factory=dict)
    value: Annotated[tuple[ValueBand, ...], Meta(max_length=20)] = ()
    """The highest band that the order reaches counts."""
    clock: ClockBands = ClockBands()


class References(types.Part, frozen=True, kw_only=True):
    """Signals whose references lead to no order yet."""

    held_at_most: timedelta
    """A signal that is held for longer is an exception of its own."""


class PolicyDocument(types.Part, frozen=True, kw_only=True):
    policy: types.Name
    version: types.Version
    summary: Annotated[str, lines(2000)] = ""
    queues: Annotated[dict[types.Name, Queue], Meta(min_length=1)]
    kinds: Annotated[dict[types.Name, Kind], Meta(min_length=1)]
    detect: tuple[Detection, ...] = ()
    expect: tuple[Expectation, ...] = ()
    priorities: Priorities
    calendars: dict[types.Name, BusinessCalendar] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    stages: dict[types.Name, StageService] | None = None
    """Who sees to orders in each stage, with or without a case; by default nobody is named."""
    ladders: dict[types.Name, Ladder] = field(default_factory=dict)
    resolving_requires: dict[ResolutionReason, tuple[EvidenceType, ...]] = field(
        default_factory=dict
    )
    """The evidence that a resolution for each reason must cite."""
    automation_pauses_when: types.Condition | None = None
    """While this holds for an order, none of its cases resolves itself: a person decides."""
    look_ups: LookUps | None = None
    references: References | None = None
    sources: SourceRules | None = None
    """When a problem of a source is a case; by default none is."""
    approvals: Approvals | None = None
    standard_flow_when: types.Condition | None = None
    """An order without a case for which this holds has passed intake: it needs no person."""
    access_reviews: AccessReviewRules | None = None
    """How often all grants are reviewed, and by whom; by default they need not be."""
    route: Annotated[tuple[Route, ...], Meta(min_length=1)]


def canonical_json(document: PolicyDocument) -> bytes:
    """The canonical form of the document, over which its digest is computed."""
    # Keys that are dates can only be sorted as text.
    return msgspec.json.encode(msgspec.to_builtins(document, str_keys=True), order="sorted")


def digest_of(document: PolicyDocument) -> str:
    return hashlib.sha256(canonical_json(document)).hexdigest()


def canonical_content(document: PolicyDocument) -> bytes:
    """The canonical form without version and summary: two documents with the same rules are equal."""
    return canonical_json(structs.replace(document, version="0", summary=""))
