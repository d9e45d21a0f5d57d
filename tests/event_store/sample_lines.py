"""A log line for every event and every signal, with the required fields only and with all fields."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID

from msgspec import structs

from domain.access_refusals import AccessRefused, CheckedGrant, RefusedRequests
from domain.access_reviews import (
    AccessReviewCompleted,
    AccessReviewDecided,
    AccessReviewOpened,
    GrantUnderReview,
    GrantVerdict,
    KeepOrRevoke,
)
from domain.audit import AuditAsked
from domain.backlog.events import (
    BacklogCause,
    BacklogMeasurement,
    RecoveryActionAdded,
    RecoveryActionDone,
    RecoveryClosed,
    RecoveryEvent,
    RecoveryOpened,
    RecoveryOwned,
)
from domain.break_glass import (
    BreakGlassAsked,
    BreakGlassEnded,
    BreakGlassEnding,
    BreakGlassOpened,
    BreakGlassReviewed,
)
from domain.builds import create_build_started
from domain.cases.events import (
    CaseAbout,
    CaseDataErased,
    Detected,
    Enriched,
    PartOutcome,
    Reopened,
    Resolution,
    Resolved,
    Routed,
    SignalJoined,
)
from domain.cases.evidence import Evidence, EvidenceType
from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.packet import PacketFact
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.step_events import (
    Held,
    HoldReleased,
    TaskCreated,
    TaskDone,
    TaskDropped,
    TaskOverdue,
)
from domain.cases.work_events import (
    AtRisk,
    Breached,
    CaseReleased,
    Claimed,
    ClaimLapsed,
    ErrorDeclared,
    ErrorReason,
    Escalated,
    EscalationCause,
    EvidenceAttached,
    HandedOff,
    Link,
    Linked,
    NoteAdded,
    Opened,
    Retermed,
    WaitEnd,
    WaitEnded,
    WaitStarted,
)
from domain.clock.calendars import BusinessCalendar, Period, Weekday
from domain.clock.terms import Dependency, Measure, ServiceTerms
from domain.look_ups.events import CustomerOrdered, ProductPriced
from domain.losses import LossAccepted, LossStatement, LostCommand, LostEvent, LostEventAttached
from domain.money import PositiveMoney
from domain.orders.events import (
    ExpectationMet,
    FoundIn,
    OrderDataErased,
    PassedIntake,
    ProblemDetected,
    SignalRecorded,
    SignalTimeCame,
    StagesNamed,
)
from domain.orders.held_signals import HeldReported, HeldSignalJoined, SignalHeld
from domain.orders.message_signals import Channel, MessageReceived, MessageSent, WarehouseNoted
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentStage,
    RefundIssued,
    RefundRequested,
)
from domain.orders.purchase_signals import (
    Address,
    Customer,
    Line,
    OrderCancelled,
    OrderPlaced,
    PriceFlagged,
)
from domain.orders.references import HeldReason
from domain.orders.relation_signals import DuplicateSuspected
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnLabelFailed,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
)
from domain.orders.scan_status import IncidentReason, ScanStatus
from domain.orders.screening_signals import (
    AddressChecked,
    AddressVerdict,
    FraudDecided,
    FraudDecision,
    FraudScreened,
    FraudVerdict,
)
from domain.orders.shipment_signals import (
    DamageReported,
    Delivered,
    DeliveryFailed,
    HandedOver,
    LabelCreated,
    Scanned,
)
from domain.orders.signal_body import Promise, Refs, TrackingRef
from domain.orders.signals import Signal
from domain.orders.stage import Stage, StageChanges, StagePassage
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    Released,
    StockAllocated,
    StockCounted,
    StockLevelTold,
    StockUnavailable,
    SubstitutionDecided,
    SubstitutionProposed,
)
from domain.orders.systems_of_record import StatedField, System, SystemStated
from domain.people import (
    Actor,
    GrantConfirmed,
    GrantProposed,
    GrantRejected,
    GrantRevoked,
    GrantWithdrawn,
    PersonAdded,
    PersonGranted,
    PersonLeft,
    PersonReturned,
    ReviewDone,
    ReviewDue,
    Role,
    SameAs,
    SkillsSet,
    TokenIssued,
)
from domain.person import GrantStatus
from domain.policy.decision import Decision, Verdict
from domain.policy.document import Automation, Backlog, Bucket, Ladder, Rung, Severity
from domain.policy.events import (
    PolicyActivated,
    PolicyApproved,
    PolicyEmergencyActivated,
    PolicyEmergencyExpired,
    PolicyEvent,
    PolicyProposed,
    PolicyRatified,
    PolicyRecheckAdvanced,
    PolicyRecheckBegan,
    PolicyRecheckFinished,
    PolicyRejected,
    PolicyRolledBack,
    PolicySimulated,
    PolicyTookEffect,
    PolicyWithdrawn,
)
from domain.policy.money_figures import AmountPair, MoneyFigures
from domain.policy.simulation_figures import CountPair, QueueMove, SimulationFigures
from domain.principals import (
    AgentRegistered,
    AgentRetired,
    DelegationEnded,
    DelegationGranted,
    PrincipalLinked,
    PrincipalUnlinked,
    TokenRevoked,
)
from domain.privacy import (
    ErasureBasis,
    ErasureCompleted,
    ErasureOrdered,
    LegalHoldPlaced,
    LegalHoldReleased,
)
from domain.recorded_event import Event, RecordedEvent
from domain.sources.deliveries import (
    DeliveryReadAgain,
    DeliverySettled,
    DeliveryTaken,
    NotUnderstood,
    NotUnderstoodWhy,
)
from domain.sources.mapping_governance import (
    SourceMappingApproved,
    SourceMappingProposed,
    SourceMappingRejected,
    SourceMappingWithdrawn,
    SourceUsed,
)
from domain.sources.pull_settings import PullChoice, SourcePullChosen, SourcePullSecretAdded
from domain.sources.pulls import PullEnd, SourcePulled
from domain.sources.signature_schemes import Hmac, Shopify, SignedTime
from domain.sources.source import (
    MappingChoice,
    SourceAdded,
    SourceMappingChosen,
    SourcePaused,
    SourceResumed,
    SourceSecretAdded,
)
from domain.sources.unread_codes import CodeCaseOpened
from infrastructure.policies.files import load_policy
from tests.event_store.money_events import MONEY
from tests.event_store.part_signals import PART_SIGNALS

NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)
CASE = UUID("6d5f0f4e-9a52-5c0c-8c56-7d7f0f8f3c11")
TEN = PositiveMoney("10.50", "BRL")
# Characters that JSON, PostgreSQL or a terminal may handle wrongly.
UNUSUAL_TEXT = "\"'\\/ € ü 漢字 🚚 \u2028 %s {} $1"
UNUSUAL_LINES = f"{UNUSUAL_TEXT}\t\n\n{UNUSUAL_TEXT}"
DECISION = Decision(
    policy="2026-03.1",
    rule="late-delivery",
    verdicts=(
        Verdict("payment.captured", "above 0", "10.50", True),
        Verdict("order.cancelled", "is false", False, True),
        Verdict("customer.tier", "one of gold", None, False),
        Verdict("payment.installments", "at least 1", 1, True),
    ),
)


def _body() -> Iterator[dict[str, object]]:
    for number in count(1):
        yield {"source": "psp", "id": f"{number}", "order": "O-1", "event_time": NOON}


_bodies = _body()
SIGNALS: tuple[Signal, ...] = (
    OrderPlaced(**next(_bodies), customer=Customer(id="C-1")),
    OrderPlaced(
        **next(_bodies),
        customer=Customer(id=UNUSUAL_TEXT, tier="gold"),
        lines=(
            Line(sku="S", price=TEN),
            Line(sku=UNUSUAL_TEXT, quantity=2, price=TEN, freight=TEN, ship_by=NOON, seller="M"),
        ),
        lines_complete=False,
        tenders=("card", UNUSUAL_TEXT),
        promise=Promise(delivery_date=date(2026, 4, 1), time_zone="America/Sao_Paulo"),
    ),
    OrderCancelled(**next(_bodies), reason=UNUSUAL_TEXT),
    PaymentAuthorized(**next(_bodies)),
    PaymentAuthorized(**next(_bodies), payment="1", amount=TEN),
    PaymentCaptured(**next(_bodies), amount=TEN, payment="1", method="boleto", installments=3),
    PaymentFailed(**next(_bodies), payment="1", reason=UNUSUAL_TEXT),
    FraudScreened(**next(_bodies), verdict=FraudVerdict.REVIEW, score=0),
    AddressChecked(**next(_bodies), verdict=AddressVerdict.CORRECTED, detail=UNUSUAL_TEXT),
    StockAllocated(**next(_bodies), warehouse="W", skus=("S", UNUSUAL_TEXT)),
    StockUnavailable(**next(_bodies), warehouse="W", skus=("S",)),
    Released(**next(_bodies), warehouse="W"),
    HandedOver(**next(_bodies), shipment="1", carrier="C", tracking=UNUSUAL_TEXT),
    Scanned(
        **next(_bodies),
        status=ScanStatus.IN_TRANSIT,
        shipment="1",
        carrier="C",
        code="IT",
        location=UNUSUAL_TEXT,
    ),
    Delivered(**next(_bodies), shipment="1"),
    DeliveryFailed(**next(_bodies), shipment="1", reason=UNUSUAL_TEXT),
    ReturnRequested(**next(_bodies), rma="R", reason=UNUSUAL_TEXT),
    ReturnReceived(**next(_bodies), rma="R"),
    RefundIssued(**next(_bodies), amount=TEN, payment="1"),
    OrderPlaced(**next(_bodies), customer=Customer(id="C-1"), ship_complete=True, max_parcels=2),
    OrderPlaced(
        **next(_bodies),
        customer=Customer(id="C-1"),
        ship_to=Address(
            country_code="BR",
            country_area="SP",
            city=UNUSUAL_TEXT,
            postal_code="01310-100",
            street_address=UNUSUAL_TEXT,
            name=UNUSUAL_TEXT,
        ),
    ),
    PaymentAuthorized(**next(_bodies), payment="1", amount=TEN, expires_at=NOON),
    PaymentFailed(**next(_bodies), payment="1", stage=PaymentStage.CAPTURE),
    Scanned(
        **next(_bodies),
        status=ScanStatus.ERROR,
        code="Exception_013",
        incident=IncidentReason.CARRIER_PARCEL_LOST,
        mapping="aftership",
        mapping_version="1",
    ),
    DeliveryFailed(
        **next(_bodies),
        code=UNUSUAL_TEXT,
        incident=IncidentReason.CONSIGNEE_NOT_HOME,
        mapping="karrio",
        mapping_version="1",
    ),
    DuplicateSuspected(**next(_bodies), other="O-2", reason=UNUSUAL_TEXT),
    PriceFlagged(**next(_bodies), sku=UNUSUAL_TEXT, price=TEN, usual_price=TEN),
    FraudDecided(**next(_bodies), decision=FraudDecision.REJECT, reason=UNUSUAL_TEXT),
    AllocationFailed(**next(_bodies), warehouse="W", skus=("S", UNUSUAL_TEXT), reason=UNUSUAL_TEXT),
    StockLevelTold(**next(_bodies), sku="S", on_hand=-1, allocated=2, warehouse="W"),
    StockCounted(**next(_bodies), sku="S", counted=3, system=-4, warehouse="W"),
    Backordered(**next(_bodies)),
    Backordered(**next(_bodies), skus=("S",), expected_on=date(2026, 4, 2), warehouse="W"),
    SubstitutionProposed(
        **next(_bodies), sku="S", substitute=UNUSUAL_TEXT, price=TEN, reason=UNUSUAL_TEXT
    ),
    SubstitutionDecided(**next(_bodies), sku="S", approved=False, reason=UNUSUAL_TEXT),
    LabelCreated(**next(_bodies), shipment="1", carrier="C", tracking=UNUSUAL_TEXT),
    DamageReported(**next(_bodies), shipment="1", reason=UNUSUAL_TEXT),
    ReturnAuthorized(**next(_bodies), rma="R"),
    ReturnRefused(**next(_bodies), rma="R", reason=UNUSUAL_TEXT),
    ReturnLabelCreated(**next(_bodies), rma="R", carrier="C", tracking=UNUSUAL_TEXT),
    ReturnLabelFailed(**next(_bodies), rma="R", reason=UNUSUAL_TEXT),
    RefundRequested(**next(_bodies), amount=TEN, payment="1", reason=UNUSUAL_TEXT),
    MessageSent(**next(_bodies), channel=Channel.EMAIL, summary=UNUSUAL_TEXT),
    MessageSent(**next(_bodies), channel=Channel.SMS, summary=UNUSUAL_TEXT, template="late-1"),
    MessageReceived(**next(_bodies), channel=Channel.PHONE, summary=UNUSUAL_TEXT),
    WarehouseNoted(**next(_bodies), note=UNUSUAL_TEXT),
    WarehouseNoted(**next(_bodies), note=UNUSUAL_TEXT, warehouse="W"),
    SystemStated(**next(_bodies), system=System.WMS, field=StatedField.STATUS, value=UNUSUAL_TEXT),
    *PART_SIGNALS,
)

CALENDAR = BusinessCalendar(
    time_zone="Australia/Lord_Howe",
    week={Weekday.MON: (Period(opens="08:00", closes="24:00"),)},
    closed=(date(2026, 12, 25),),
    special={date(2026, 12, 24): (Period(opens="09:00", closes="12:00"),)},
    cut_offs={"carrier_pickup": "16:30"},
)
TERMS = ServiceTerms(
    calendar=CALENDAR,
    first_action=timedelta(hours=4),
    next_update=timedelta(minutes=90),
    resolution=timedelta(days=2),
    pauses_on=(Dependency.CUSTOMER,),
)
BY_CUT_OFF = structs.replace(TERMS, by_cut_off={Measure.RESOLUTION: "carrier_pickup"})
LADDER = Ladder(
    review_after=timedelta(days=1),
    rungs=(Rung(role="team_lead"), Rung(role="ops_manager", after=timedelta(hours=12))),
    repeat=timedelta(days=3),
)
WORK: tuple[Event, ...] = (
    Opened(
        kind="refund_due",
        bucket=Bucket.PAYMENT_MISMATCH,
        severity=Severity.HIGH,
        automation=Automation.REVIEW,
        occurrence=1,
        note=UNUSUAL_LINES,
    ),
    Opened(
        kind="lost",
        bucket=Bucket.RETURN_OR_DAMAGE,
        severity=Severity.HIGH,
        automation=Automation.REVIEW,
        occurrence=1,
        note=UNUSUAL_TEXT,
        parts=("parcel:P1", "parcel:P2"),
        clear_at_opening=("parcel:P1",),
    ),
    Claimed(person="ana", lease=timedelta(hours=8)),
    ClaimLapsed(person="ana", lease_until=NOON),
    HandedOff(from_queue="a", to_queue="b", owner_team="b_desk", note=UNUSUAL_LINES),
    HandedOff(
        from_queue="a",
        to_queue="b",
        owner_team="b_desk",
        note=UNUSUAL_TEXT,
        to_person="bo",
        from_person="ana",
        evidence=("psp/1",),
        ladder=LADDER,
        lease=timedelta(hours=8),
    ),
    WaitStarted(dependency=Dependency.CARRIER, party=UNUSUAL_TEXT),
    WaitStarted(dependency=Dependency.CUSTOMER, party="C", note=UNUSUAL_LINES, expected_by=NOON),
    WaitEnded(how=WaitEnd.OVERDUE),
    WaitEnded(how=WaitEnd.RESUMED, note=UNUSUAL_LINES),
    NoteAdded(note=UNUSUAL_LINES),
    EvidenceAttached(evidence=Evidence(ref="psp/1", type=EvidenceType.RECEIPT)),
    EvidenceAttached(
        evidence=Evidence(
            ref="sha256:" + "0" * 64,
            type=EvidenceType.PHOTO,
            title=UNUSUAL_TEXT,
            media_type="image/png",
            size=1,
        )
    ),
    Escalated(cause=EscalationCause.BY_HAND, rung=0, to=None),
    Escalated(
        cause=EscalationCause.IDLE,
        rung=3,
        to="executive_sponsor",
        people=("eve",),
        note=UNUSUAL_LINES,
        skipped=("ops_manager",),
    ),
    AtRisk(measure=Measure.FIRST_ACTION, at=NOON, due_at=NOON),
    Breached(measure=Measure.RESOLUTION, at=NOON, due_at=NOON, spent={"queue": 1, "work": 2}),
    Retermed(
        service="refunds",
        policy="1",
        terms=BY_CUT_OFF,
        note=UNUSUAL_LINES,
        due_before={Measure.RESOLUTION: NOON},
        due_after={Measure.RESOLUTION: NOON},
    ),
    TaskCreated(task=1, title=UNUSUAL_TEXT, action=NextAction.ASK_CARRIER, owner="carrier_desk"),
    TaskCreated(
        task=2,
        title=UNUSUAL_TEXT,
        action=NextAction.FILE_CLAIM,
        owner="ana",
        due_at=NOON,
        policy="1",
    ),
    TaskDone(task=1),
    TaskDone(task=1, note=UNUSUAL_LINES),
    TaskDropped(task=2, note=UNUSUAL_LINES),
    TaskOverdue(task=2, owner="ana", due_at=NOON),
    Held(hold=1, what=HoldOn.FULFILMENT, reason=HoldReason.INCORRECT_ADDRESS),
    Held(hold=2, what=HoldOn.REFUND, reason=HoldReason.OTHER, note=UNUSUAL_LINES, policy="1"),
    HoldReleased(hold=1, what=HoldOn.FULFILMENT),
    HoldReleased(hold=1, what=HoldOn.FULFILMENT, note=UNUSUAL_LINES),
    Linked(link=Link.DUPLICATE_OF, case=CASE, note=UNUSUAL_LINES),
    ErrorDeclared(about=1, reason=ErrorReason.INCORRECT_DATA, note=UNUSUAL_LINES),
    Routed(
        kind="refund_due",
        bucket=Bucket.PAYMENT_MISMATCH,
        severity=Severity.HIGH,
        queue="refund_validation",
        owner_team="refunds_desk",
        work_type="refund",
        skill="refunds",
        priority=-1,
        decision=DECISION,
        tier="gold",
        service="refunds",
        terms=TERMS,
        ladder=LADDER,
    ),
)

RECOVERY: tuple[RecoveryEvent, ...] = (
    RecoveryOpened(
        queue="refund_validation",
        plan=1,
        owner="refunds_desk",
        causes=(BacklogCause.VOLUME, BacklogCause.AGE),
        measured=BacklogMeasurement(position=7, cases=3, oldest_queued_at=NOON),
        thresholds=Backlog(
            volume=2,
            recovered_volume=1,
            age=timedelta(days=1),
            recovered_age=timedelta(hours=1),
            owner="refunds_desk",
        ),
        policy="1",
    ),
    RecoveryOwned(owner="ana"),
    RecoveryOwned(owner="ana", note=UNUSUAL_LINES),
    RecoveryActionAdded(action=1, title=UNUSUAL_TEXT, owner="ana"),
    RecoveryActionAdded(action=2, title=UNUSUAL_TEXT, owner="bo", due_at=NOON),
    RecoveryActionDone(action=1),
    RecoveryActionDone(action=2, note=UNUSUAL_LINES),
    RecoveryClosed(plan=1, measured=BacklogMeasurement(position=9, cases=0)),
)

TWO = CountPair(active=1, proposed=2)
POLICIES: tuple[PolicyEvent, ...] = (
    PolicyProposed(
        document=load_policy().document,
        digest="cd" * 32,
        base="ab" * 32,
        why=UNUSUAL_LINES,
        revises="ef" * 32,
    ),
    PolicySimulated(
        digest="cd" * 32,
        against="ab" * 32,
        since=NOON,
        until=NOON,
        position=7,
        figures=SimulationFigures(
            orders=1,
            signals=2,
            cases=TWO,
            only=TWO,
            kinds={"refund_due": TWO},
            queues={"finance": TWO},
            severities={"high": TWO},
            moved=(QueueMove(from_queue="a", to_queue="b", cases=1),),
            cleared=TWO,
            breached=TWO,
            passed=TWO,
        ),
    ),
    PolicySimulated(
        digest="cd" * 32,
        against="ab" * 32,
        since=NOON,
        until=NOON,
        position=7,
        figures=SimulationFigures(
            orders=1,
            signals=2,
            cases=TWO,
            only=TWO,
            kinds={"refund_due": TWO},
            queues={"finance": TWO},
            severities={"high": TWO},
            moved=(QueueMove(from_queue="a", to_queue="b", cases=1),),
            cleared=TWO,
            breached=TWO,
            passed=TWO,
        ),
        money=MoneyFigures(
            proposals=2,
            concerned=AmountPair(active="12.00 EUR", proposed="12.00 EUR"),
            impossible=TWO,
            by_policy=TWO,
            given_by_policy=AmountPair(active="", proposed="12.00 EUR"),
            approvals=TWO,
            fewer=1,
            more=0,
        ),
    ),
    PolicyApproved(digest="cd" * 32, base="ab" * 32, note=UNUSUAL_LINES),
    PolicyRejected(digest="cd" * 32, reason=UNUSUAL_LINES),
    PolicyWithdrawn(digest="cd" * 32, reason=UNUSUAL_LINES),
    PolicyActivated(
        document=load_policy().document, digest="cd" * 32, effective_from=NOON, note=UNUSUAL_LINES
    ),
    PolicyTookEffect(digest="cd" * 32, effective_from=NOON),
    PolicyRolledBack(
        document=load_policy().document, digest="cd" * 32, to="2", reason=UNUSUAL_LINES
    ),
    PolicyEmergencyActivated(
        document=load_policy().document,
        digest="cd" * 32,
        base="ab" * 32,
        reason=UNUSUAL_LINES,
        expires_at=NOON,
    ),
    PolicyRatified(digest="cd" * 32, note=UNUSUAL_LINES),
    PolicyEmergencyExpired(digest="cd" * 32, expires_at=NOON, again="ab" * 32),
    PolicyRecheckBegan(digest="cd" * 32, before="ab" * 32, until=9),
    PolicyRecheckAdvanced(position=9, orders=4, opened=3, cleared=2, changed=1),
    PolicyRecheckFinished(digest="cd" * 32, orders=4, opened=3, cleared=2, changed=1),
)

PRIVACY: tuple[Event, ...] = (
    LegalHoldPlaced(hold=1, reason=UNUSUAL_LINES),
    LegalHoldPlaced(hold=2, reason=UNUSUAL_TEXT, reference=UNUSUAL_TEXT),
    LegalHoldReleased(hold=1, reason=UNUSUAL_LINES),
    ErasureOrdered(
        erasure=1,
        basis=ErasureBasis.CONSENT_WITHDRAWN,
        orders=("O-1", "O-2"),
        cases=(CASE,),
        files=("sha256:" + "0" * 64,),
        reference=UNUSUAL_TEXT,
    ),
    ErasureOrdered(erasure=2, basis=ErasureBasis.OBJECTION, orders=(), cases=()),
    ErasureCompleted(erasure=1, keys=2, files=1),
    OrderDataErased(record=CASE, erasure=1),
    CaseDataErased(record=CASE, erasure=1),
)

_REFERRING = Delivered(
    source="carrier",
    id=UNUSUAL_TEXT,
    event_time=NOON,
    shop="fr",
    refs=Refs(payment=UNUSUAL_TEXT, tracking=TrackingRef(code="J 1", carrier="dhl")),
)
HELD: tuple[Event, ...] = (
    SignalHeld(signal=_REFERRING, why=HeldReason.UNKNOWN),
    SignalHeld(signal=_REFERRING, why=HeldReason.AMBIGUOUS, orders=("A-1", "A-1\x1ffr")),
    HeldSignalJoined(orders=("A-1",)),
    HeldReported(held_at=NOON),
)


_DOCUMENT = MappingChoice("little_shop", "ab" * 32, f"mapping: little_shop\n{UNUSUAL_TEXT}")
_REASONS = (
    NotUnderstood(NotUnderstoodWhy.UNREADABLE_FIELD, UNUSUAL_TEXT, pointer="/lines/0"),
    NotUnderstood(NotUnderstoodWhy.UNKNOWN_CODE, "LOST is not listed", code="LOST", table="states"),
)
_PULL = PullChoice("little_shop", "ab" * 32, f"pull: little_shop\n{UNUSUAL_TEXT}")
SOURCES: tuple[Event, ...] = (
    CodeCaseOpened(source="own", table="states", code=UNUSUAL_TEXT, occurrence=2),
    SourceAdded(name="files", mapping=_DOCUMENT, owner="order_desk"),
    SourceAdded(
        name="shopify-de",
        mapping=_DOCUMENT,
        owner="order_desk",
        shop="de",
        scheme=Shopify(),
        sender_shop="ours.myshopify.com",
    ),
    SourceAdded(
        name="own",
        mapping=_DOCUMENT,
        owner="order_desk",
        scheme=Hmac(header="X-Signature", prefix="sha256=", timestamp=SignedTime(header="X-Time")),
    ),
    SourceMappingChosen(name="own", mapping=_DOCUMENT, reason=UNUSUAL_TEXT),
    SourceUsed(name="own"),
    SourceMappingProposed(name="own", mapping=_DOCUMENT, base="0" * 64, reason=UNUSUAL_TEXT),
    SourceMappingApproved(name="own", digest=_DOCUMENT.digest, note=UNUSUAL_TEXT),
    SourceMappingRejected(name="own", digest=_DOCUMENT.digest, reason=UNUSUAL_TEXT),
    SourceMappingWithdrawn(name="own", digest=_DOCUMENT.digest, reason=UNUSUAL_TEXT),
    SourceSecretAdded(name="own", secret="source-00"),
    SourceSecretAdded(name="own", secret="source-01", earlier_until=NOON),
    SourcePaused(name="own", reason=UNUSUAL_TEXT),
    SourceResumed(name="own", reason=UNUSUAL_TEXT),
    SourcePullChosen(
        name="own", pull=_PULL, address="https://example.org/api", reason=UNUSUAL_TEXT
    ),
    SourcePullChosen(
        name="own",
        pull=_PULL,
        address="https://example.org/api",
        reason=UNUSUAL_TEXT,
        every_minutes=15,
        grace_minutes=0,
    ),
    SourcePullSecretAdded(name="own", secret="source-02"),
    SourcePulled(source="own", since=NOON, until=NOON, started_at=NOON),
    SourcePulled(
        source="own",
        since=NOON,
        until=NOON,
        started_at=NOON,
        ended=PullEnd.RATE_LIMITED,
        detail=UNUSUAL_TEXT,
        pages=2,
        listed=200,
        known=190,
        recorded=12,
        not_understood=1,
        otherwise=3,
        compared=150,
        missing=9,
        examples=("1001",),
        document="ab" * 32,
        complete_until=NOON,
        failures=2,
        not_before=NOON,
    ),
    DeliveryTaken(
        source="own",
        delivery="d-1",
        digest="ab" * 32,
        size=2,
        media_type="application/json",
        mapping="cd" * 32,
        body="eJyrrgUAAXUA+Q==",
        beside="{}",
    ),
    DeliveryTaken(
        source="own",
        delivery="sha256:00",
        digest="ab" * 32,
        size=1 << 20,
        media_type="text/xml; charset=utf-8",
        mapping="cd" * 32,
        topic="orders/create",
        pulled=True,
        signals=2,
        orders=("A-1", "A-1\x1ffr"),
        reasons=_REASONS,
        further_reasons=7,
        body="",
        beside=UNUSUAL_TEXT,
    ),
    DeliveryReadAgain(mapping="cd" * 32),
    DeliverySettled(reason=UNUSUAL_TEXT),
    DeliveryReadAgain(
        mapping="cd" * 32,
        topic="orders/create",
        signals=1,
        orders=("A-1",),
        keys=("k.1",),
        reasons=_REASONS,
        further_reasons=1,
    ),
)


STAGES: StageChanges = {
    Stage.PAYMENT: StagePassage(
        since=NOON, until=NOON, team="payments_desk", due_at=NOON, policy="5"
    ),
    Stage.RELEASE: StagePassage(since=NOON),
    Stage.RETURN: None,
}

EVENTS: tuple[Event, ...] = (
    *PRIVACY,
    *HELD,
    *RECOVERY,
    *(SignalRecorded(signal=signal) for signal in SIGNALS),
    *(SignalRecorded(signal=SIGNALS[0], found_in=where) for where in FoundIn),
    ProblemDetected(kind="refund_due", case=CASE, occurrence=1, rule="refund-due"),
    ProblemDetected(kind="delivery_late", case=CASE, occurrence=2, rule="late", deadline=NOON),
    ProblemDetected(kind="lost", case=CASE, occurrence=1, rule="by-hand", part="parcel:P1"),
    SignalRecorded(signal=SIGNALS[0], ahead=True),
    SignalTimeCame(signal=SIGNALS[0].key),
    ExpectationMet(deadline=NOON, decision=DECISION),
    PassedIntake(decision=DECISION),
    SignalRecorded(signal=SIGNALS[0], stages={}),
    SignalRecorded(signal=SIGNALS[0], stages=STAGES),
    StagesNamed(stages=STAGES),
    Detected(
        kind="refund_due",
        bucket=Bucket.PAYMENT_MISMATCH,
        severity=Severity.HIGH,
        automation=Automation.BLOCKED,
        occurrence=1,
        detected_at=NOON,
        decision=DECISION,
    ),
    Detected(
        kind="delivery_late",
        bucket=Bucket.VIP_OR_REVENUE_SENSITIVE,
        severity=Severity.CRITICAL,
        automation=Automation.AUTOMATIC,
        occurrence=2,
        detected_at=NOON,
        decision=DECISION,
        deadline=NOON,
        signals=("psp/1", "psp/2"),
        recurrence_of=CASE,
    ),
    Detected(
        kind="unknown_code",
        bucket=Bucket.INVENTORY_CONFLICT,
        severity=Severity.MEDIUM,
        automation=Automation.AUTOMATIC,
        occurrence=1,
        detected_at=NOON,
        decision=DECISION,
        about=CaseAbout(source="own", table="states", code=UNUSUAL_TEXT),
    ),
    Enriched(
        packet=(
            PacketFact("payment.captured", "10.50", ("psp/1",), NOON),
            PacketFact("order.cancelled", False, ("psp/1", "oms/2"), NOON),
            PacketFact("payment.installments", 1, (), NOON),
        ),
        digest="ab" * 32,
    ),
    Routed(
        kind="refund_due",
        bucket=Bucket.PAYMENT_MISMATCH,
        severity=Severity.HIGH,
        queue="finance",
        owner_team="finance_ops",
        work_type="refund",
        skill="refunds",
        priority=-3,
        decision=DECISION,
    ),
    SignalJoined(signal="psp/1", signal_type="payment.captured", event_time=NOON),
    SignalJoined(
        signal="psp/1",
        signal_type="payment.captured",
        event_time=NOON,
        clearing=DECISION,
        decision=DECISION,
    ),
    SignalJoined(
        signal="psp/1",
        signal_type="payment.captured",
        event_time=NOON,
        clearing=DECISION,
        paused=DECISION,
    ),
    Claimed(person="ana"),
    CaseReleased(),
    CaseReleased(note=UNUSUAL_LINES),
    Resolved(
        resolution=Resolution(
            reason=ResolutionReason.REFUNDED,
            root_cause=RootCause.UPSTREAM_DATA,
            evidence=("psp/1", UNUSUAL_TEXT),
            note=UNUSUAL_LINES,
        ),
        clearing=DECISION,
    ),
    Resolved(
        resolution=Resolution(
            reason=ResolutionReason.REFUNDED,
            root_cause=RootCause.UPSTREAM_DATA,
            evidence=("psp/1",),
            parts=(
                PartOutcome(part="parcel:P1", reason=ResolutionReason.RESHIPPED),
                PartOutcome(
                    part="parcel:P2",
                    reason=ResolutionReason.RESHIPPED,
                    evidence=("psp/2",),
                    note=UNUSUAL_LINES,
                ),
            ),
        ),
        packet="ab" * 32,
    ),
    PartJoined(part="parcel:P2", decision=DECISION),
    PartJoined(
        part="parcel:P3",
        decision=DECISION,
        deadline=NOON,
        signals=("psp/1",),
        clear_at_opening=True,
    ),
    PartCleared(part="parcel:P2", signal="psp/1", clearing=DECISION),
    PartCleared(part="parcel:P2", signal="psp/2", clearing=DECISION, corrected=True),
    Reopened(),
    Reopened(signals=("psp/1",), decision=DECISION, part="parcel:P2"),
    Reopened(note=UNUSUAL_LINES, signals=("psp/1",), deadline=NOON, decision=DECISION),
    PolicyActivated(document=load_policy().document, digest="cd" * 32),
    *POLICIES,
    *WORK,
    PersonAdded(name="bo", roles=(Role.HANDLER,), skills=("refunds",)),
    PersonAdded(name="ana", roles=(Role.HANDLER, Role.AUDITOR)),
    PersonGranted(grant="g3", role=Role.TEAM_LEAD, reason=UNUSUAL_TEXT),
    PersonGranted(
        grant="g4",
        role=Role.TEAM_LEAD,
        queues=("finance",),
        regions=("BR", "PT-11"),
        case=CASE,
        until=NOON,
        reason=UNUSUAL_TEXT,
        under=f"break-glass:{CASE}",
    ),
    GrantProposed(grant="g3", role=Role.TEAM_LEAD, reason=UNUSUAL_TEXT),
    GrantProposed(
        grant="g4",
        role=Role.FINANCE_APPROVER,
        queues=("refunds",),
        regions=("BR-SP",),
        until=NOON,
        reason="Covers for Bo.",
    ),
    GrantConfirmed(grant="g3"),
    GrantRejected(grant="g3", reason=UNUSUAL_TEXT),
    GrantWithdrawn(grant="g3", reason=UNUSUAL_TEXT),
    GrantRevoked(grant="g3", reason=UNUSUAL_TEXT),
    PersonLeft(reason=UNUSUAL_TEXT),
    PersonReturned(reason=UNUSUAL_TEXT),
    PersonReturned(reason=UNUSUAL_TEXT, gives_again=("g1", "g12")),
    SkillsSet(skills=("refunds",)),
    SameAs(other="ana2", reason=UNUSUAL_TEXT),
    ReviewDue(break_glass=CASE),
    ReviewDone(break_glass=CASE),
    AccessReviewOpened(review="r1", position=1, grants=(), digest="ab" * 32),
    AccessReviewOpened(
        review="r2",
        position=9_000,
        grants=(
            GrantUnderReview(
                person="ana", grant="g1", role=Role.HANDLER, status=GrantStatus.UNCONFIRMED
            ),
            GrantUnderReview(
                person="bo",
                grant="g12",
                role=Role.TEAM_LEAD,
                queues=("finance",),
                regions=("BR-SP",),
                case=CASE,
                until=NOON,
                status=GrantStatus.ACTIVE,
                given_by=("ana", "olga"),
            ),
        ),
        digest="ab" * 32,
        owner="ops_manager",
        due_at=NOON,
    ),
    AccessReviewDecided(
        review="r2",
        decisions=(
            GrantVerdict(
                person="bo", grant="g12", verdict=KeepOrRevoke.REVOKE, reason=UNUSUAL_TEXT
            ),
            GrantVerdict(
                person="ana", grant="g1", verdict=KeepOrRevoke.KEEP, reason="She works here."
            ),
        ),
    ),
    AccessReviewCompleted(review="r2", position=9_000, digest="ab" * 32, kept=1, revoked=1),
    BreakGlassAsked(
        role=Role.TEAM_LEAD, queue="finance", minutes=5, lapses_at=NOON, reason=UNUSUAL_TEXT
    ),
    BreakGlassAsked(
        role=Role.TEAM_LEAD, case=CASE, minutes=60, lapses_at=NOON, reason=UNUSUAL_TEXT
    ),
    BreakGlassOpened(grant="g1", until=NOON),
    BreakGlassEnded(how=BreakGlassEnding.EXPIRED),
    BreakGlassReviewed(justified=False, findings=UNUSUAL_LINES),
    TokenIssued(name="ana", key="abc", digest="ef" * 32),
    TokenIssued(name="ana", key="abc", digest="ef" * 32, expires_at=NOON),
    TokenIssued(
        name="ana",
        key="abc",
        digest="ef" * 32,
        agent="triage",
        permissions=("cases.read",),
        queues=(),
        regions=(UNUSUAL_TEXT,),
    ),
    TokenRevoked(name="ana", key="abc", reason=UNUSUAL_TEXT),
    PrincipalLinked(issuer="https://id.example", subject=UNUSUAL_TEXT, person="ana"),
    PrincipalLinked(
        issuer="https://id.example", subject=UNUSUAL_TEXT, person="ana", agent="triage"
    ),
    PrincipalUnlinked(
        issuer="https://id.example", subject=UNUSUAL_TEXT, person="ana", reason=UNUSUAL_TEXT
    ),
    AgentRegistered(name="triage", person="ana"),
    AgentRetired(name="triage", person="ana", reason=UNUSUAL_TEXT),
    DelegationGranted(person="ana", delegate="bo", until=NOON, reason=UNUSUAL_TEXT),
    DelegationEnded(person="ana", delegate="bo", reason=UNUSUAL_TEXT),
    CustomerOrdered(customer=UNUSUAL_TEXT, basket="ab" * 16, placed_at=NOON),
    ProductPriced(sku=UNUSUAL_TEXT, price=TEN, at=NOON),
    create_build_started("1.0", "ab" * 32, "CPython 3.11.2", {}, {}),
    create_build_started(
        "1.0",
        "ab" * 32,
        UNUSUAL_TEXT,
        {"msgspec": UNUSUAL_TEXT},
        {"0001.sql": "cd" * 32},
        "ef" * 20,
    ),
    AuditAsked(asked="export", position=7, answer="ab" * 32),
    AuditAsked(
        asked="question 5",
        parameters={"case": str(CASE), UNUSUAL_TEXT: UNUSUAL_TEXT},
        position=7,
        answer="ab" * 32,
        account=UNUSUAL_TEXT,
    ),
    AccessRefused(by=Actor("key:ana", "ana"), refused=()),
    AccessRefused(
        by=Actor("key:ana", "ana", ("triage",), "bo"),
        grants=(
            CheckedGrant(grant="g1", role=Role.HANDLER),
            CheckedGrant(
                grant="g2",
                role=Role.TEAM_LEAD,
                queues=("refund_validation",),
                regions=("BR",),
                case=CASE,
                under="break-glass:1",
            ),
        ),
        key_permissions=("cases.read",),
        key_queues=("refund_validation",),
        key_regions=("BR",),
        refused=(
            RefusedRequests(
                method="GET",
                route="/v1/cases/{case_id}",
                permission="cases.read",
                problem="case-not-found",
                count=3,
                first_at=NOON,
                last_at=NOON,
            ),
        ),
        others=2,
    ),
    LossAccepted(
        origin="casetrail/ab/2",
        before="casetrail/ab",
        kept=0,
        kept_root="ab" * 32,
        signed=0,
        signed_root="cd" * 32,
        last=1,
        reason=UNUSUAL_TEXT,
        requested_by="ana",
        confirmed_by="bo",
    ),
    LossAccepted(
        origin="casetrail/ab/3",
        before="casetrail/ab/2",
        kept=8,
        kept_root="ab" * 32,
        signed=12,
        signed_root="cd" * 32,
        note="casetrail/ab/2\n12\n",
        matched=7,
        last=13,
        missing=(LostEvent(position=9, leaf="ef" * 32),),
        commands=(LostCommand(position=9, principal="key:ana", key=UNUSUAL_TEXT),),
        statements=(
            LossStatement(where=UNUSUAL_TEXT, size=12, digest="ab" * 32),
            LossStatement(where="witness w", size=12, digest=None),
        ),
        reason="The standby was behind.",
        requested_by="ana",
        confirmed_by="bo",
    ),
    LostEventAttached(
        origin="casetrail/ab",
        position=9,
        leaf="ef" * 32,
        envelope=UNUSUAL_TEXT,
        found_in="feed.ndjson",
        proof="the accepted loss names its leaf",
    ),
    *MONEY,
    *SOURCES,
)

LINES: tuple[RecordedEvent, ...] = tuple(
    RecordedEvent(
        stream=UUID(int=0x0CA5E + version % 3),
        version=version // 3 + 1,
        recorded_at=NOON,
        actor=Actor("key:psp") if version % 2 else Actor("key:ana", "ana"),
        event=event,
        order="O-1" if version % 2 else None,
        cause=f"signal:psp/{version}" if version % 2 else None,
    )
    for version, event in enumerate(EVENTS)
)
