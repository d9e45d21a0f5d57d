"""The kinds of stream, and how each folds its lines: the repositories that commands work with."""

from __future__ import annotations

from typing import Final, TypeAlias

from application.log.event_log import EventLog
from application.log.repository import Repository
from domain.adjustments.ledger import Ledger, LedgerEvent
from domain.backlog.events import RecoveryEvent
from domain.backlog.recovery import Recovery
from domain.break_glass import BreakGlass, BreakGlassEvent
from domain.cases.events import CaseEvent
from domain.cases.exception_case import ExceptionCase
from domain.errors import TrailHasGap
from domain.look_ups.duplicates import CustomerOrders
from domain.look_ups.events import CustomerOrdered, ProductPriced
from domain.look_ups.prices import ProductPrices
from domain.orders.events import OrderEvent
from domain.orders.order import Order
from domain.people import Person, PersonAdded, Standing
from domain.policy.events import GovernanceEvent, RecheckEvent
from domain.policy.governance import Governance
from domain.policy.rechecks import Recheck
from domain.privacy import PrivacyEvent, PrivacyRecord
from domain.recorded import Recorded

ORDER: Final = "order"
CASE: Final = "case"
POLICY: Final = "policy"
RECHECK: Final = "recheck"
PERSON: Final = "person"
BREAK_GLASS: Final = "break_glass"
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

History: TypeAlias = CustomerOrders | ProductPrices
"""What arriving orders are held against. In one repository, so that a batch reads once."""


def order_after(order: Order | None, line: Recorded) -> Order:
    order = order or Order(id=line.order or "")
    _must_follow(order.version, line)
    if not isinstance(line.event, OrderEvent):
        raise TrailHasGap(f"{line.type} is not an event of an order ({line.stream})")
    return order.after(line.event)


def case_after(case: ExceptionCase | None, line: Recorded) -> ExceptionCase:
    case = case or ExceptionCase(id=line.stream)
    _must_follow(case.version, line)
    if not isinstance(line.event, CaseEvent):
        raise TrailHasGap(f"{line.type} is not an event of a case ({line.stream})")
    return case.after(line.event, line.order or "", line.recorded_at, line.actor)


def person_after(person: Person | None, line: Recorded) -> Person:
    _must_follow(person.version if person is not None else 0, line)
    if isinstance(line.event, PersonAdded):
        person = person or Person(name=line.event.name)
    if person is None or not isinstance(line.event, Standing):
        raise TrailHasGap(f"{line.type} is not an event of a person ({line.stream})")
    return person.after(line.event, line.recorded_at, line.actor)


def break_glass_after(glass: BreakGlass | None, line: Recorded) -> BreakGlass:
    glass = glass or BreakGlass(id=line.stream)
    _must_follow(glass.version, line)
    if not isinstance(line.event, BreakGlassEvent):
        raise TrailHasGap(f"{line.type} is not an event of a break-glass ({line.stream})")
    return glass.after(line.event, line.recorded_at, line.actor)


def recovery_after(recovery: Recovery | None, line: Recorded) -> Recovery:
    recovery = recovery or Recovery()
    _must_follow(recovery.version, line)
    if not isinstance(line.event, RecoveryEvent):
        raise TrailHasGap(f"{line.type} is not an event of a recovery ({line.stream})")
    return recovery.after(line.event, line.recorded_at)


def history_after(history: History | None, line: Recorded) -> History:
    _must_follow(history.version if history is not None else 0, line)
    match line.event, history:
        case CustomerOrdered() as event, None | CustomerOrders():
            orders = history or CustomerOrders()
            return orders.after(event, line.order or "", line.recorded_at)
        case ProductPriced() as event, None | ProductPrices():
            prices = history or ProductPrices()
            return prices.after(event, line.order or "", line.recorded_at)
        case _:
            raise TrailHasGap(f"{line.type} is not an event of this history ({line.stream})")


def ledger_after(ledger: Ledger | None, line: Recorded) -> Ledger:
    ledger = ledger or Ledger()
    _must_follow(ledger.version, line)
    if not isinstance(line.event, LedgerEvent):
        raise TrailHasGap(f"{line.type} is not an event of a ledger ({line.stream})")
    return ledger.after(line.event, line.recorded_at)


def governance_after(governance: Governance, line: Recorded) -> Governance:
    _must_follow(governance.version, line)
    if not isinstance(line.event, GovernanceEvent):
        raise TrailHasGap(f"{line.type} is not an event of the policy ({line.stream})")
    return governance.after(line.event, line.actor, line.recorded_at)


def recheck_after(recheck: Recheck | None, line: Recorded) -> Recheck:
    recheck = recheck or Recheck()
    _must_follow(recheck.version, line)
    if not isinstance(line.event, RecheckEvent):
        raise TrailHasGap(f"{line.type} is not an event of a recheck ({line.stream})")
    return recheck.after(line.event, line.recorded_at)


def privacy_after(record: PrivacyRecord | None, line: Recorded) -> PrivacyRecord:
    record = record or PrivacyRecord(id=line.stream)
    _must_follow(record.version, line)
    if not isinstance(line.event, PrivacyEvent):
        raise TrailHasGap(f"{line.type} is not an event of a customer's record ({line.stream})")
    return record.after(line.event, line.recorded_at, line.actor)


def _must_follow(version: int, line: Recorded) -> None:
    if line.version != version + 1:
        raise TrailHasGap(f"stream {line.stream}: version {line.version} follows {version}")


def orders(log: EventLog) -> Repository[Order]:
    return Repository(log, order_after)


def cases(log: EventLog) -> Repository[ExceptionCase]:
    return Repository(log, case_after)


def people(log: EventLog) -> Repository[Person]:
    return Repository(log, person_after)


def break_glasses(log: EventLog) -> Repository[BreakGlass]:
    return Repository(log, break_glass_after)


def recoveries(log: EventLog) -> Repository[Recovery]:
    return Repository(log, recovery_after)


def histories(log: EventLog) -> Repository[History]:
    return Repository(log, history_after)


def ledgers(log: EventLog) -> Repository[Ledger]:
    return Repository(log, ledger_after)


def privacy_records(log: EventLog) -> Repository[PrivacyRecord]:
    return Repository(log, privacy_after)
