"""How far a caller reaches. What is out of reach is told like what does not exist."""

from __future__ import annotations

from application.log.caller import Caller
from domain.authority import Authority
from domain.cases.errors import CaseNotFound
from domain.cases.events import Routed
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening import Opening
from domain.cases.work_commands import OpenCase
from domain.errors import Fault, Invalid, OrderNotFound
from domain.orders.order import Order
from domain.permissions import Permission


def as_reached(case: ExceptionCase, by: Caller, needs: Permission) -> Caller | None:
    """The caller, as whom the permission reaches the case; None if it does not."""
    return by.over(needs, case.queue, case.region, case.id)


def must_reach(authority: Authority, case: ExceptionCase) -> None:
    if not authority.covers(Permission.READ_CASES, case.queue, case.region, case.id):
        raise CaseNotFound(f"no case {case.id}")


def may_see(authority: Authority, order: Order) -> bool:
    """Orders are told apart by where they ship to; queues have no part in it."""
    if Permission.READ_ORDERS in authority.everywhere:
        return True
    return authority.has_region(Permission.READ_ORDERS, order.facts.address.region)


def may_open(ask: OpenCase, opening: Opening, order: Order | None, by: Caller) -> Caller:
    """Nobody opens what they could not read. Raises Invalid, OrderNotFound."""
    routed = next(event for event in opening(1) if isinstance(event, Routed))
    case_id = case_stream(ask.order, f"{ask.kind}\nby hand", 1)
    reached = by.over(Permission.WORK_CASES, routed.queue, routed.region, case_id)
    if reached is not None:
        return reached
    if order is None and by.authority.has_queue(Permission.WORK_CASES, routed.queue):
        raise OrderNotFound(f"no order {ask.order}")
    told = f"{routed.queue} is outside your scope: name a queue of yours"
    raise Invalid([Fault("/queue", told)], "the case")
