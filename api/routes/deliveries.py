"""What sources sent: lists, single deliveries with their bodies, and what is read again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.http.authentication import AuthenticatedRequest
from api.http.commands import CommandRequest
from api.http.concurrency import get, post
from api.http.query import ListQuery, Page, Sort
from api.http.responses import CommandResponse
from api.http.service import ServiceDependency
from api.routes.delivery_views import (
    DeliveryDetailView,
    DeliveryView,
    SettledDeliveryView,
    delivery_detail_view,
    delivery_view,
    settled_view,
)
from application.log.caller import Caller
from application.sources.delivery_desk import ReadAgainReply
from domain.errors import Fault, Invalid
from domain.permissions import Permission
from domain.sources.deliveries import DeliveryState, KeptDelivery, SettleDelivery
from domain.struct_fields import fill
from infrastructure.reports.deliveries import MOST_AGAIN, DeliveryReports, columns_of
from projections.deliveries import DeliveryRow

BY_RECEIVED: Sort = {"received_at": datetime, "delivery": UUID}
REPORT_SECONDS = 10.0


class ReadAgain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to read again; left out, the next 1,000 that are not understood and not set aside."""

    deliveries: Annotated[Sequence[UUID], Meta(max_length=MOST_AGAIN)] = ()
    after: UUID | None = None
    """`next_after` of the answer before: it goes on there."""


ALL_NOT_UNDERSTOOD = ReadAgain()


class ReadAgainResult(Struct, frozen=True):
    """How many deliveries were looked at, how many say something else now, how many are still not understood, and how
    many were skipped because they speak of an order or a customer that was erased after they came."""

    looked_at: int
    changed: int
    not_understood: int
    erased: int
    next_after: UUID | None
    """There may be more: send it as `after`. Null after the last ones."""


@get(
    "/sources/{source:str}/deliveries",
    needs=Permission.READ_SOURCES,
    summary="List what a source sent",
)
def list_deliveries(
    source: FromPath[str],
    listing: ListQuery,
    service: ServiceDependency,
    in_state: Annotated[
        DeliveryState | None,
        QueryParameter(name="state", description="Only deliveries in this state."),
    ] = None,
) -> Response[Page[DeliveryView]]:
    """The newest first, each with the reasons why it, or a part of it, became no signal."""
    service.desks.sources.find(source)
    listing.wait_for("deliveries")
    where: dict[str, object] = {"source": source}
    if in_state is not None:
        where.update(columns_of(in_state))
    reports, kept = DeliveryReports(service.desks.datastore), dict[UUID, KeptDelivery]()

    def rows(after: Sequence[object] | None, limit: int) -> Sequence[DeliveryRow]:
        found = reports.page(where, after, limit)
        kept.update(service.desks.deliveries.kept([row.delivery for row in found]))
        return found

    return listing.page(BY_RECEIVED, rows, lambda row: delivery_view(row, kept[row.delivery]))


@get(
    "/sources/{source:str}/deliveries/{delivery:uuid}",
    needs=Permission.READ_SOURCES,
    summary="Get what a source sent",
)
def get_delivery(
    request: AuthenticatedRequest,
    source: FromPath[str],
    delivery: FromPath[UUID],
    service: ServiceDependency,
) -> DeliveryDetailView:
    """One delivery as it came, what was read of it and when, and where its signals are. The body speaks of orders:
    it needs `orders.read` for all of them, and the read is recorded for each."""
    found = service.desks.sources.find(source)
    is_permitted = Permission.READ_ORDERS in request.user.authority.everywhere
    details = service.desks.delivery_finder.find(found, delivery, with_body=is_permitted)
    return delivery_detail_view(delivery, details, is_permitted=is_permitted)


@post(
    "/sources/{source:str}/deliveries/{delivery:uuid}/settle",
    needs=Permission.MANAGE_SOURCES,
    summary="Set a delivery aside",
)
def settle(
    command: CommandRequest,
    source: FromPath[str],
    delivery: FromPath[UUID],
    data: JSONBody[SettleDelivery],
) -> Response[SettledDeliveryView]:
    """One that is never to be understood, with the reason: it is listed as `settled`, and not read again unless it is
    named. Cases about its codes stay open. Set aside twice, the first reason counts."""
    desks = command.service.desks
    return command.run(
        lambda by: desks.settled_deliveries.settle(desks.sources.find(source), delivery, data, by),
        lambda done: done,
        lambda done: CommandResponse(settled_view(done)),
    )


@post(
    "/sources/{source:str}/read-again",
    needs=Permission.MANAGE_SOURCES,
    summary="Read deliveries again",
)
def read_again(
    command: CommandRequest, source: FromPath[str], data: JSONBody[ReadAgain] = ALL_NOT_UNDERSTOOD
) -> Response[ReadAgainResult]:
    """By the mapping of now, each at its own event times. What was recorded before is not recorded twice."""
    if data.deliveries and data.after is not None:
        fault = Fault("/after", "send it without `deliveries`: those are read all at once")
        raise Invalid([fault], "the body")
    service = command.service
    reports = DeliveryReports(service.desks.datastore)

    def act(by: Caller) -> ReadAgainReply:
        service.positions.wait("deliveries", service.desks.log.head(), REPORT_SECONDS)
        if data.deliveries:
            return service.desks.deliveries.read_again(source, data.deliveries, by)
        wanted = reports.not_understood(source, data.after)
        goes_on = wanted[-1] if len(wanted) == MOST_AGAIN else None
        return service.desks.deliveries.read_again(source, wanted, by, goes_on)

    def respond(done: ReadAgainReply) -> CommandResponse:
        return CommandResponse(fill(ReadAgainResult, done))

    return command.run(act, lambda done: done, respond)


DELIVERIES: tuple[HTTPRouteHandler, ...] = (list_deliveries, get_delivery, settle, read_again)
