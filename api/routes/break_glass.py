"""Break-glass: authority in an emergency, and its review."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter, RawBody
from msgspec import Struct

from api.http.commands import as_command, carry_out
from api.http.concurrency import get, post
from api.http.query import (
    DEFAULT_LIMIT,
    Cursor,
    IdempotencyKey,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked,
    asked_for,
    decode_cursor,
    only_known,
    page_of,
    wait_for,
)
from api.http.responses import Answer
from api.http.service import Service
from api.routes.people import Asking
from application.log.caller import Caller
from application.people.break_glass_desk import BreakGlassDesk, Broken
from domain.break_glass import (
    AskForBreakGlass,
    BreakGlass,
    BreakGlassReviewed,
    Ending,
    Judge,
    Stage,
)
from domain.people import Role
from domain.permissions import Permission
from projections.break_glass import BreakGlassRow

ASKED_TYPES = (datetime, UUID)


class BreakGlassView(Struct, frozen=True):
    """Who asked for which role where, who opened it until when, and what became of it."""

    id: UUID
    version: int
    stage: Stage
    role: Role
    queue: str | None
    case: UUID | None
    minutes: int
    reason: str
    asked_by: str
    asked_at: datetime
    lapses_at: datetime
    """Nobody can open it any more from then on."""
    opened_by: str | None
    opened_at: datetime | None
    until: datetime | None
    grant: str | None
    """Of whoever asked: what may be done by it is done by that."""
    ended: Ending | None
    ended_at: datetime | None
    review: BreakGlassReviewed | None
    reviewed_by: str | None
    reviewed_at: datetime | None


def _view(glass: BreakGlass) -> BreakGlassView:
    asked = glass.asked
    assert asked is not None
    assert glass.asked_at is not None
    return BreakGlassView(
        id=glass.id,
        version=glass.version,
        stage=glass.stage,
        role=asked.role,
        queue=asked.queue,
        case=asked.case,
        minutes=asked.minutes,
        reason=asked.reason,
        asked_by=glass.asked_by,
        asked_at=glass.asked_at,
        lapses_at=asked.lapses_at,
        opened_by=glass.opened_by,
        opened_at=glass.opened_at,
        until=glass.until,
        grant=glass.grant,
        ended=glass.ended,
        ended_at=glass.ended_at,
        review=glass.review,
        reviewed_by=glass.reviewed_by,
        reviewed_at=glass.reviewed_at,
    )


def _answer(glass: BreakGlass) -> Answer:
    return Answer(_view(glass))


@get(
    "/break-glass", needs=Permission.READ_PEOPLE, summary="Every break-glass, the first asked first"
)
def list_break_glass(
    request: Asking,
    service: NamedDependency[Service],
    stage: Annotated[
        Stage | None, QueryParameter(description="`review_due`: what somebody has to look at.")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[BreakGlassRow]]:
    """By stage, if one is named."""
    only_known(request, "stage")
    wait_for(service.positions, "break_glass", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), ASKED_TYPES)
    rows = service.reports.break_glass(asked(stage=stage), after, limit + 1)
    return page_of(request, rows, limit, ("asked_at", "break_glass"))


@get(
    "/break-glass/{break_glass:uuid}",
    needs=Permission.USE_BREAK_GLASS,
    summary="One break-glass, as it stands",
)
def get_break_glass(
    break_glass: FromPath[UUID], service: NamedDependency[Service]
) -> BreakGlassView:
    """Read from its own stream: never behind. For whoever is to open it."""
    return _view(service.desks.break_glass.glass(break_glass))


@post(
    "/break-glass",
    needs=Permission.USE_BREAK_GLASS,
    status_code=200,
    summary="Ask for authority in an emergency",
)
def ask_for_break_glass(
    request: Asking,
    service: NamedDependency[Service],
    data: JSONBody[AskForBreakGlass],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[BreakGlassView]:
    """A role in one queue or for one case, for at most 60 minutes. Somebody else has to open it."""
    return _done(request, service, body, key, lambda desk, by: desk.ask(data, by))


def _bare(
    name: str, words: str, doc: str, act: Callable[[BreakGlassDesk, UUID, Caller], Broken]
) -> HTTPRouteHandler:
    """A command with nothing to say."""

    def handler(
        request: Asking,
        break_glass: FromPath[UUID],
        service: NamedDependency[Service],
        body: RawBody,
        key: IdempotencyKey = None,
    ) -> Response[BreakGlassView]:
        return _done(request, service, body, key, lambda desk, by: act(desk, break_glass, by))

    path = f"/break-glass/{{break_glass:uuid}}/{name}"
    return post(path, needs=Permission.USE_BREAK_GLASS, status_code=200, summary=words)(
        as_command(handler, f"{name}_break_glass", doc)
    )


@post(
    "/break-glass/{break_glass:uuid}/review",
    needs=Permission.REVIEW_BREAK_GLASS,
    status_code=200,
    summary="Judge what was done under it",
)
def review_break_glass(
    request: Asking,
    break_glass: FromPath[UUID],
    service: NamedDependency[Service],
    data: JSONBody[Judge],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[BreakGlassView]:
    """Once it is over, by somebody who neither asked for it nor opened it."""
    return _done(request, service, body, key, lambda desk, by: desk.review(break_glass, data, by))


def _done(
    request: Asking,
    service: Service,
    body: bytes,
    key: str | None,
    act: Callable[[BreakGlassDesk, Caller], Broken],
) -> Response[Any]:
    def work(by: Caller) -> tuple[BreakGlass, int]:
        done = act(service.desks.break_glass, by)
        return done.glass, done.position

    return carry_out(request, service, body, key, work, _answer)


BREAK_GLASS_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    ask_for_break_glass,
    _bare(
        "open",
        "Open what somebody else asks for",
        "The time begins. Until somebody else has reviewed it, neither of you has a part in another.",
        BreakGlassDesk.open,
    ),
    _bare(
        "close",
        "End it before its time",
        "What it gave is taken back; what nobody has opened lapses.",
        BreakGlassDesk.close,
    ),
    review_break_glass,
)
