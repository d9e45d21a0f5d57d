"""States to the order what we paid ourselves, through the intake of all signals."""

from datetime import datetime

from application.orders.batches import Arrival
from application.orders.intake import Intake
from domain.errors import SignalIdReused
from domain.orders.payment_signals import RefundIssued
from domain.people import PAYER_ACTOR


def state_own_refund(intake: Intake, statement: RefundIssued, now: datetime) -> None:
    """Record the statement once: a repetition, even at another time, changes nothing."""
    arrival = Arrival(statement, now, is_own=True)
    for receipt in intake.take([arrival], PAYER_ACTOR).receipts:
        if receipt.problem is not None and not isinstance(receipt.problem, SignalIdReused):
            raise receipt.problem
