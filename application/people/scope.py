"""Scope checks on a caller. What is out of scope is answered like what does not exist."""

from collections.abc import Sequence
from uuid import UUID

from application.log.caller import Caller
from domain.authority import Authority
from domain.cases.errors import CaseNotFound
from domain.cases.events import CaseEvent, Routed
from domain.cases.exception_case import ExceptionCase
from domain.cases.work_commands import OpenCase
from domain.errors import Fault, Invalid, OrderNotFound
from domain.orders.order import Order
from domain.orders.order_names import describe_missing
from domain.permissions import Permission


def caller_in_scope(case: ExceptionCase, by: Caller, needs: Permission) -> Caller | None:
    """The caller with the permission over the case; None without it."""
    return by.over(needs, case.queue, case.region, case.id)


def require_case_in_scope(authority: Authority, case: ExceptionCase) -> None:
    """Raises CaseNotFound if the case is out of scope."""
    if not authority.covers(Permission.READ_CASES, case.queue, case.region, case.id):
        raise CaseNotFound(f"no case {case.id}").out_of_scope(Permission.READ_CASES)


def can_read_order(authority: Authority, order: Order) -> bool:
    """Whether the order is in scope: by the region it ships to, since an order has no queue."""
    if Permission.READ_ORDERS in authority.everywhere:
        return True
    return authority.has_region(Permission.READ_ORDERS, order.facts.address.region)


def require_may_open(
    ask: OpenCase, case_id: UUID, opening: Sequence[CaseEvent], order: Order | None, by: Caller
) -> Caller:
    """The caller who may open this case, which must be in scope. Raises Invalid, OrderNotFound."""
    routed = next(event for event in opening if isinstance(event, Routed))
    reached = by.over(Permission.WORK_CASES, routed.queue, routed.region, case_id)
    if reached is not None:
        return reached
    if order is None and by.authority.has_queue(Permission.WORK_CASES, routed.queue):
        raise OrderNotFound(describe_missing(ask.order_key))
    detail = f"{routed.queue} is outside your scope: name one of your queues"
    raise Invalid([Fault("/queue", detail)], "the case").out_of_scope(Permission.WORK_CASES)
