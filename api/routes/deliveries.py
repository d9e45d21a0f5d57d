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
    DeliveryState,
    DeliveryView,
    delivery_detail_view,
    delivery_view,
)
from application.log.caller import Caller
from application.sources.delivery_desk import ReadAgainReply
from domain.permissions import Permission
from domain.sources.deliveries import KeptDelivery
from domain.struct_fields import fill
from infrastructure.reports.deliveries import MOST_AGAIN, DeliveryReports
from projections.deliveries import DeliveryRow

BY_RECEIVED: Sort = {"received_at": datetime, "delivery": UUID}
REPORT_SECONDS = 10.0


class ReadAgain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to read again; left out, those that are not understood, up to 1,000 at a time."""

    deliveries: Annotated[Sequence[UUID], Meta(max_length=MOST_AGAIN)] = ()


ALL_NOT_UNDERSTOOD = ReadAgain()


class ReadAgainResult(Struct, frozen=True):
    """How many deliveries were looked at, how many say something else now, and how many are still not understood."""

    looked_at: int
    changed: int
    not_understood: int


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
        where["understood"] = in_state is DeliveryState.UNDERSTOOD
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
    "/sources/{source:str}/read-again",
    needs=Permission.MANAGE_SOURCES,
    summary="Read deliveries again",
)
def read_again(
    command: CommandRequest, source: FromPath[str], data: JSONBody[ReadAgain] = ALL_NOT_UNDERSTOOD
) -> Response[ReadAgainResult]:
    """By the mapping of now, each at its own event times. What was recorded before is not recorded twice."""
    service = command.service
    reports = DeliveryReports(service.desks.datastore)

    def act(by: Caller) -> ReadAgainReply:
        service.positions.wait("deliveries", service.desks.log.head(), REPORT_SECONDS)
        wanted = [*data.deliveries] or reports.not_understood(source, None)
        return service.desks.deliveries.read_again(source, wanted, by)

    def respond(done: ReadAgainReply) -> CommandResponse:
        return CommandResponse(fill(ReadAgainResult, done))

    return command.run(act, lambda done: done, respond)


DELIVERIES: tuple[HTTPRouteHandler, ...] = (list_deliveries, get_delivery, read_again)
