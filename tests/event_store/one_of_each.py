"""A line of the log for every event and every signal that there is, bare and with all it can hold."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from uuid import UUID

from domain.cases.events import (
    CaseReleased,
    Claimed,
    Detected,
    Enriched,
    Reopened,
    Resolution,
    ResolutionReason,
    Resolved,
    RootCause,
    Routed,
    SignalJoined,
)
from domain.cases.packet import PacketFact
from domain.money import PositiveMoney
from domain.orders.events import ExpectationMet, ProblemDetected, SignalRecorded
from domain.orders.signals import (
    AddressChecked,
    AddressVerdict,
    Customer,
    Delivered,
    DeliveryFailed,
    FraudScreened,
    FraudVerdict,
    HandedOver,
    Line,
    OrderCancelled,
    OrderPlaced,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    Promise,
    RefundIssued,
    Released,
    ReturnReceived,
    ReturnRequested,
    Scanned,
    ScanStatus,
    Signal,
    StockAllocated,
    StockUnavailable,
)
from domain.people import Actor, PersonAdded, Role, TokenIssued
from domain.policy.decision import Decision, Verdict
from domain.policy.document import Automation, Bucket, Severity
from domain.policy.events import PolicyActivated
from domain.recorded import Event, Recorded
from infrastructure.policy_files import load_policy

NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)
CASE = UUID("6d5f0f4e-9a52-5c0c-8c56-7d7f0f8f3c11")
TEN = PositiveMoney("10.50", "BRL")
# What JSON, PostgreSQL or a terminal could stumble over.
ODD = "\"'\\/ € ü 漢字 🚚 \u2028 %s {} $1"
ODD_LINES = f"{ODD}\t\n\n{ODD}"
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
        customer=Customer(id=ODD, tier="gold"),
        lines=(
            Line(sku="S", price=TEN),
            Line(sku=ODD, quantity=2, price=TEN, freight=TEN, ship_by=NOON, seller="M"),
        ),
        lines_complete=False,
        tenders=("card", ODD),
        promise=Promise(delivery_date=date(2026, 4, 1), time_zone="America/Sao_Paulo"),
    ),
    OrderCancelled(**next(_bodies), reason=ODD),
    PaymentAuthorized(**next(_bodies)),
    PaymentAuthorized(**next(_bodies), payment="1", amount=TEN),
    PaymentCaptured(**next(_bodies), amount=TEN, payment="1", method="boleto", installments=3),
    PaymentFailed(**next(_bodies), payment="1", reason=ODD),
    FraudScreened(**next(_bodies), verdict=FraudVerdict.REVIEW, score=0),
    AddressChecked(**next(_bodies), verdict=AddressVerdict.CORRECTED, detail=ODD),
    StockAllocated(**next(_bodies), warehouse="W", skus=("S", ODD)),
    StockUnavailable(**next(_bodies), warehouse="W", skus=("S",)),
    Released(**next(_bodies), warehouse="W"),
    HandedOver(**next(_bodies), shipment="1", carrier="C", tracking=ODD),
    Scanned(
        **next(_bodies),
        status=ScanStatus.IN_TRANSIT,
        shipment="1",
        carrier="C",
        code="IT",
        location=ODD,
    ),
    Delivered(**next(_bodies), shipment="1"),
    DeliveryFailed(**next(_bodies), shipment="1", reason=ODD),
    ReturnRequested(**next(_bodies), rma="R", reason=ODD),
    ReturnReceived(**next(_bodies), rma="R"),
    RefundIssued(**next(_bodies), amount=TEN, payment="1"),
)

EVENTS: tuple[Event, ...] = (
    *(SignalRecorded(signal=signal) for signal in SIGNALS),
    ProblemDetected(kind="refund_due", case=CASE, occurrence=1, rule="refund-due"),
    ProblemDetected(kind="delivery_late", case=CASE, occurrence=2, rule="late", deadline=NOON),
    ExpectationMet(deadline=NOON, decision=DECISION),
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
    Claimed(person="ana"),
    CaseReleased(),
    CaseReleased(note=ODD_LINES),
    Resolved(
        resolution=Resolution(
            reason=ResolutionReason.REFUNDED,
            root_cause=RootCause.UPSTREAM_DATA,
            evidence=("psp/1", ODD),
            note=ODD_LINES,
        ),
        clearing=DECISION,
    ),
    Reopened(),
    Reopened(note=ODD_LINES, signals=("psp/1",), deadline=NOON, decision=DECISION),
    PolicyActivated(document=load_policy().document, digest="cd" * 32),
    PersonAdded(name="ana", roles=(Role.HANDLER, Role.AUDITOR)),
    TokenIssued(name="ana", key="abc", digest="ef" * 32),
    TokenIssued(name="ana", key="abc", digest="ef" * 32, expires_at=NOON),
)

LINES: tuple[Recorded, ...] = tuple(
    Recorded(
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
