"""The kinds of stream, how each folds its lines, and the repositories that commands work with."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from application.log.event_log import EventLog
from application.log.repository import A, Repository
from domain.access_reviews import AccessReviewEvent, AccessReviews
from domain.adjustments.ledger import Ledger, LedgerEvent
from domain.backlog.events import RecoveryEvent
from domain.backlog.recovery import Recovery
from domain.break_glass import BreakGlass, BreakGlassEvent
from domain.cases.errors import CaseNotFound
from domain.cases.events import CaseEvent, Detected
from domain.cases.exception_case import ExceptionCase
from domain.cases.work_events import Opened
from domain.errors import TrailHasGap
from domain.look_ups.duplicates import CustomerOrders
from domain.look_ups.events import CustomerOrdered, ProductPriced
from domain.look_ups.prices import ProductPrices
from domain.orders.events import OrderEvent
from domain.orders.held_signals import HeldEvent, HeldSignal, SignalHeld
from domain.orders.order import Order
from domain.people import PersonAdded, PersonRecordEvent
from domain.person import Person
from domain.policy.events import GovernanceEvent, RecheckEvent
from domain.policy.governance import Governance
from domain.policy.rechecks import Recheck
from domain.privacy import PrivacyEvent, PrivacyRecord
from domain.recorded_event import RecordedEvent
from domain.sources.deliveries import DeliveryEvent, DeliveryTaken, KeptDelivery, kept_delivery
from domain.sources.source import SourceEvent, Sources
from domain.sources.unread_codes import CodeCaseOpened, UnreadCodes

T = TypeVar("T")

ORDER: Final = "order"
CASE: Final = "case"
POLICY: Final = "policy"
RECHECK: Final = "recheck"
PERSON: Final = "person"
BREAK_GLASS: Final = "break_glass"
ACCESS_REVIEWS: Final = "access_reviews"
PRINCIPAL: Final = "principal"
RECOVERY: Final = "recovery"
CUSTOMER: Final = "customer"
PRODUCT: Final = "product"
LEDGER: Final = "ledger"
REFUSALS: Final = "refusals"
RECONCILIATION: Final = "reconciliation"
BUILD: Final = "build"
PRIVACY: Final = "privacy"
AUDIT: Final = "audit"
ACCESS: Final = "access"
HELD: Final = "held"
SOURCES: Final = "sources"
DELIVERY: Final = "delivery"
PULLS: Final = "pulls"
UNREAD_CODES: Final = "unread_codes"

History: TypeAlias = CustomerOrders | ProductPrices
"""What arriving orders are compared with. In one repository, so that a batch reads once."""


def order_after(order: Order | None, line: RecordedEvent) -> Order:
    order = order or Order(id=line.order or "")
    return order.after(_next_event(order.version, line, OrderEvent, "an order"))


def case_after(case: ExceptionCase | None, line: RecordedEvent) -> ExceptionCase:
    case = case or ExceptionCase(id=line.stream)
    event = _next_event(case.version, line, CaseEvent, "a case")
    return case.after(event, line.order or "", line.recorded_at, line.actor)


def person_after(person: Person | None, line: RecordedEvent) -> Person:
    version, kinds = (person.version, PersonRecordEvent) if person else (0, PersonAdded)
    event = _next_event(version, line, kinds, "a person")
    person = person or Person(name=event.name)
    return person.after(event, line.recorded_at, line.actor, line.position)


def fold_person(lines: Iterable[RecordedEvent]) -> Person | None:
    """The person after the lines of their stream, from the first one."""
    person: Person | None = None
    for line in lines:
        person = person_after(person, line)
    return person


def break_glass_after(glass: BreakGlass | None, line: RecordedEvent) -> BreakGlass:
    glass = glass or BreakGlass(id=line.stream)
    event = _next_event(glass.version, line, BreakGlassEvent, "a break-glass")
    return glass.after(event, line.recorded_at, line.actor)


def access_reviews_after(reviews: AccessReviews | None, line: RecordedEvent) -> AccessReviews:
    reviews = reviews or AccessReviews()
    event = _next_event(reviews.version, line, AccessReviewEvent, "access reviews")
    return reviews.after(event, line.recorded_at, line.actor, line.position)


def history_after(history: History | None, line: RecordedEvent) -> History:
    """Raises TrailHasGap also for an event of the other kind of history."""
    _require_next_version(history.version if history is not None else 0, line)
    match line.event, history:
        case CustomerOrdered() as event, None | CustomerOrders():
            orders = history or CustomerOrders()
            return orders.after(event, line.order or "", line.recorded_at)
        case ProductPriced() as event, None | ProductPrices():
            prices = history or ProductPrices()
            return prices.after(event, line.order or "", line.recorded_at)
        case _:
            raise TrailHasGap(f"{line.type} is not an event of this history ({line.stream})")


def held_signal_of(lines: Sequence[RecordedEvent]) -> HeldSignal:
    """The state of a held signal. Raises TrailHasGap for lines of another kind."""
    first = lines[0]
    begun = _next_event(0, first, SignalHeld, "a held signal")
    held = HeldSignal(
        name=first.order or "",
        signal=begun.signal,
        why=begun.why,
        held_at=first.recorded_at,
        actor=first.actor,
        orders=begun.orders,
    )
    for line in lines[1:]:
        held = held.after(
            _next_event(held.version, line, HeldEvent, "a held signal"), line.recorded_at
        )
    return held


def sources_after(sources: Sources | None, line: RecordedEvent) -> Sources:
    now = sources or Sources()
    event = _next_event(now.version, line, SourceEvent, "sources")
    return now.after(event, line.recorded_at, line.actor)


def delivery_after(kept: KeptDelivery | None, line: RecordedEvent) -> KeptDelivery:
    if kept is None:
        taken = _next_event(0, line, DeliveryTaken, "a delivery")
        return kept_delivery(taken, line.recorded_at)
    event = _next_event(kept.version, line, DeliveryEvent, "a delivery")
    return kept.after(event, line.recorded_at, line.actor)


def governance_after(governance: Governance, line: RecordedEvent) -> Governance:
    event = _next_event(governance.version, line, GovernanceEvent, "the policy")
    return governance.after(event, line.actor, line.recorded_at)


def privacy_after(record: PrivacyRecord | None, line: RecordedEvent) -> PrivacyRecord:
    record = record or PrivacyRecord(id=line.stream)
    event = _next_event(record.version, line, PrivacyEvent, "a customer's record")
    return record.after(event, line.recorded_at, line.actor)


def _next_event(version: int, line: RecordedEvent, kinds: Any, what: str) -> Any:
    """The line's event. Raises TrailHasGap if the line is not the next, or its event of other kinds."""
    _require_next_version(version, line)
    if not isinstance(line.event, kinds):
        raise TrailHasGap(f"{line.type} is not an event of {what} ({line.stream})")
    return line.event


def _require_next_version(version: int, line: RecordedEvent) -> None:
    if line.version != version + 1:
        raise TrailHasGap(f"stream {line.stream}: version {line.version} follows {version}")


def _fold_by(new: Callable[[], T], kinds: Any, what: str) -> Callable[[T | None, RecordedEvent], T]:
    """The fold of a state whose events need no more of their line than its time."""

    def fold(state: T | None, line: RecordedEvent) -> T:
        now: Any = state or new()
        after: T = now.after(_next_event(now.version, line, kinds, what), line.recorded_at)
        return after

    return fold


recovery_after = _fold_by(Recovery, RecoveryEvent, "a recovery")
ledger_after = _fold_by(Ledger, LedgerEvent, "a ledger")
unread_codes_after = _fold_by(UnreadCodes, CodeCaseOpened, "unread codes")
recheck_after = _fold_by(Recheck, RecheckEvent, "a recheck")


def require_case_trail(case_id: UUID, lines: Sequence[RecordedEvent]) -> None:
    """Raises CaseNotFound if these are not the lines of a case: an id may be that of any stream."""
    if not lines or not isinstance(lines[0].event, Detected | Opened):
        raise CaseNotFound(f"no case {case_id}")


def _repository(
    fold: Callable[[A | None, RecordedEvent], A],
) -> Callable[[EventLog], Repository[A]]:
    return lambda log: Repository(log, fold)


orders = _repository(order_after)
cases = _repository(case_after)
people = _repository(person_after)
break_glasses = _repository(break_glass_after)
access_reviews = _repository(access_reviews_after)
recoveries = _repository(recovery_after)
histories = _repository(history_after)
ledgers = _repository(ledger_after)
privacy_records = _repository(privacy_after)
sources = _repository(sources_after)
deliveries = _repository(delivery_after)
unread_codes = _repository(unread_codes_after)
