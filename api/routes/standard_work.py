"""Standard work: who sees to an order now, and how many orders passed each stage in time."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Struct

from api.http.concurrency import get
from api.http.query import ReadQuery
from api.http.service import ServiceDependency
from domain.orders.order import Order
from domain.orders.stage import Stage, open_passage
from domain.permissions import Permission
from domain.policy.rulebook import Rulebook
from infrastructure.reports.scope_sql import orders_in_scope
from infrastructure.reports.standard_work import StageDay, standard_work

DEFAULT_PERIOD = timedelta(days=30)


class OrderOwner(Struct, frozen=True):
    """Who sees to an order now, with or without a case. `team` is null if policy named none when the
    stage began."""

    stage: Stage
    team: str | None
    since: datetime
    due_at: datetime | None
    overdue: bool


class StandardWork(Struct, frozen=True):
    items: Sequence[StageDay]


def owner_of(order: Order, rulebook: Rulebook, now: datetime) -> OrderOwner | None:
    """None for a closed order."""
    found = open_passage(order.passages(rulebook))
    if found is None:
        return None
    stage, passage = found
    return OrderOwner(
        stage=stage,
        team=passage.team,
        since=passage.since,
        due_at=passage.due_at,
        overdue=passage.due_at is not None and passage.due_at < now,
    )


@get(
    "/views/standard-work",
    needs=Permission.READ_CASES,
    summary="Get the attainment of standard work",
)
def get_standard_work(
    read: ReadQuery,
    service: ServiceDependency,
    first: Annotated[
        date | None, QueryParameter(description="The first day; by default 30 days before `last`.")
    ] = None,
    last: Annotated[
        date | None, QueryParameter(description="The last day; by default today.")
    ] = None,
) -> StandardWork:
    """By stage and by the day (UTC) on which orders entered it, newest first. Beside it,
    `GET /v1/views/sla` has the clocks of exceptions."""
    read.wait_for("standard_work")
    now = service.desks.clock()
    last = last or now.date()
    first = first or last - DEFAULT_PERIOD
    reach = orders_in_scope(read.authority, Permission.READ_ORDERS)
    return StandardWork(standard_work(service.desks.datastore, first, last, now, reach))
