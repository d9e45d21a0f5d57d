"""Break-glass: temporary authority in an emergency, and its review."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from api.http.commands import CommandRequest
from api.http.concurrency import get, post
from api.http.query import ListQuery, Page, Sort, given_filters
from api.http.responses import CommandResponse
from api.http.service import ServiceDependency
from application.log.caller import Caller
from application.people.break_glass_desk import BreakGlassDesk, BreakGlassResult
from domain import break_glass as emergency
from domain.people import Role
from domain.permissions import Permission
from domain.struct_fields import fill
from projections.break_glass import BreakGlassRow

BY_REQUEST_TIME: Sort = {"asked_at": datetime, "break_glass": UUID}


class BreakGlassView(Struct, frozen=True):
    """A break-glass: who requested which role, who opened it until when, and its outcome."""

    id: UUID
    version: int
    stage: emergency.BreakGlassStage
    role: Role
    queue: str | None
    case: UUID | None
    minutes: int
    reason: str
    asked_by: str
    asked_at: datetime
    lapses_at: datetime
    """It can only be opened before this time."""
    opened_by: str | None
    opened_at: datetime | None
    until: datetime | None
    grant: str | None
    """The grant that it gives to the requester."""
    ended: emergency.BreakGlassEnding | None
    ended_at: datetime | None
    review: emergency.BreakGlassReviewed | None
    reviewed_by: str | None
    reviewed_at: datetime | None


def _view(glass: emergency.BreakGlass) -> BreakGlassView:
    asked = glass.asked
    assert asked is not None
    return fill(
        BreakGlassView,
        glass,
        role=asked.role,
        queue=asked.queue,
        case=asked.case,
        minutes=asked.minutes,
        reason=asked.reason,
        lapses_at=asked.lapses_at,
    )


class ListedBreakGlass(BreakGlassView, frozen=True, kw_only=True):
    """A break-glass as in single answers, and the earlier names of some fields."""

    break_glass: UUID
    """The same as `id`."""
    case_id: UUID | None
    """The same as `case`."""
    justified: bool | None
    """The same as in `review`."""
    findings: str | None


def _listed(row: BreakGlassRow) -> ListedBreakGlass:
    review = (
        emergency.BreakGlassReviewed(justified=row.justified, findings=row.findings)
        if row.justified is not None and row.findings is not None
        else None
    )
    return fill(
        ListedBreakGlass,
        row,
        id=row.break_glass,
        case=row.case_id,
        grant=row.grant_id,
        review=review,
    )


def _run(
    command: CommandRequest, act: Callable[[BreakGlassDesk, Caller], BreakGlassResult]
) -> Response[Any]:
    desk = command.service.desks.break_glass
    return command.run(
        lambda by: act(desk, by),
        lambda result: result.glass,
        lambda glass: CommandResponse(_view(glass)),
    )


@get("/break-glass", needs=Permission.READ_PEOPLE, summary="List break-glasses")
def list_break_glass(
    listing: ListQuery,
    service: ServiceDependency,
    stage: Annotated[
        list[emergency.BreakGlassStage] | None,
        QueryParameter(description="`review_due`: those that await review."),
    ] = None,
) -> Response[Page[ListedBreakGlass]]:
    """The first requested first."""
    listing.wait_for("break_glass")
    where = given_filters(stage=stage)
    return listing.page(
        BY_REQUEST_TIME,
        lambda after, limit: service.reports.break_glass(where, after, limit),
        _listed,
    )


@get(
    "/break-glass/{break_glass:uuid}", needs=Permission.USE_BREAK_GLASS, summary="Get a break-glass"
)
def get_break_glass(break_glass: FromPath[UUID], service: ServiceDependency) -> BreakGlassView:
    """For the person who is asked to open it. Computed from its own events: always up to date."""
    return _view(service.desks.break_glass.glass(break_glass))


@post("/break-glass", needs=Permission.USE_BREAK_GLASS, summary="Request a break-glass")
def ask_for_break_glass(
    command: CommandRequest, data: JSONBody[emergency.RequestBreakGlass]
) -> Response[BreakGlassView]:
    """A role in one queue or for one case, for at most 60 minutes. Another person has to open it."""
    return _run(command, lambda desk, by: desk.ask(data, by))


@post(
    "/break-glass/{break_glass:uuid}/open",
    needs=Permission.USE_BREAK_GLASS,
    summary="Open a break-glass that another person requested",
)
def open_break_glass(
    command: CommandRequest, break_glass: FromPath[UUID]
) -> Response[BreakGlassView]:
    """Its time starts. Until it is reviewed, neither of you can request or open another."""
    return _run(command, lambda desk, by: desk.open(break_glass, by))


@post(
    "/break-glass/{break_glass:uuid}/close",
    needs=Permission.USE_BREAK_GLASS,
    summary="Close a break-glass early",
)
def close_break_glass(
    command: CommandRequest, break_glass: FromPath[UUID]
) -> Response[BreakGlassView]:
    """Its grant is revoked. A request that was not opened lapses."""
    return _run(command, lambda desk, by: desk.close(break_glass, by))


@post(
    "/break-glass/{break_glass:uuid}/review",
    needs=Permission.REVIEW_BREAK_GLASS,
    summary="Review a break-glass",
)
def review_break_glass(
    command: CommandRequest, break_glass: FromPath[UUID], data: JSONBody[emergency.ReviewBreakGlass]
) -> Response[BreakGlassView]:
    """After it has ended, by a person who neither requested nor opened it."""
    return _run(command, lambda desk, by: desk.review(break_glass, data, by))


BREAK_GLASS_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    ask_for_break_glass,
    open_break_glass,
    close_break_glass,
    review_break_glass,
)
