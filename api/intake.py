"""Builds the intake of signals, on the log or on a draft of it."""

from collections.abc import Callable

from application.log import streams
from application.log.event_log import EventLog
from application.log.repository import Repository
from application.money.told_refunds import ToldRefunds
from application.orders.dry_run import DryRun
from application.orders.intake import Intake
from application.orders.look_ups import LookUp
from domain.adjustments.ledger import Ledger
from domain.cases.exception_case import ExceptionCase
from domain.cases.timing import RoleMembers
from domain.orders.order import Order
from domain.policy.rulebook import Rulebook
from infrastructure.address_check import check_address


def build_intake(
    log: EventLog,
    orders: Repository[Order],
    cases: Repository[ExceptionCase],
    ledgers: Repository[Ledger],
    rulebook: Callable[[], Rulebook],
    staff: RoleMembers,
) -> Intake:
    look_up = LookUp(streams.histories(log), check_address, log.subject_of)
    told_refunds = ToldRefunds(log, ledgers).writes
    return Intake(log, orders, cases, rulebook, staff, look_up, told_refunds)


def build_dry_run(log: EventLog, rulebook: Rulebook, staff: RoleMembers) -> DryRun:
    """A dry run on the log as it is now, by this policy. It shares no cache with the service."""

    def intake_on(draft: EventLog) -> Intake:
        orders, cases, ledgers = streams.orders(draft), streams.cases(draft), streams.ledgers(draft)
        return build_intake(draft, orders, cases, ledgers, lambda: rulebook, staff)

    return DryRun(log, intake_on)
