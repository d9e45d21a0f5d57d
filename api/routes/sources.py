"""Sources: the systems that send, their secrets, their pulls and their pauses."""

from collections.abc import Callable, Sequence

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from api.http.commands import CommandRequest
from api.http.concurrency import get, post
from api.http.query import ListQuery, Page, Sort
from api.http.responses import CommandResponse
from api.http.service import Service, ServiceDependency
from api.routes.source_views import SourceView, source_views
from application.log.caller import Caller
from application.sources.source_desk import SourceDesk
from domain.permissions import Permission
from domain.sources.pull_settings import ChoosePull, RotatePullSecret
from domain.sources.source import AddSource, PauseSource, RotateSecret, Source, SourceReply

BY_NAME: Sort = {"source": str}


def _desk(service: Service) -> SourceDesk:
    return service.desks.sources


@get("/sources", needs=Permission.READ_SOURCES, summary="List sources")
def list_sources(listing: ListQuery, service: ServiceDependency) -> Response[Page[SourceView]]:
    """By name: when each last spoke, how much it sent, and what was refused or not understood."""
    listing.wait_for("deliveries")

    def rows(after: Sequence[object] | None, limit: int) -> Sequence[SourceView]:
        found = _desk(service).everything()
        following = [one for one in found if after is None or one.name > str(after[0])]
        return source_views(service, following[:limit])

    return listing.page(BY_NAME, rows)


@get("/sources/{source:str}", needs=Permission.READ_SOURCES, summary="Get a source")
def get_source(source: FromPath[str], service: ServiceDependency) -> SourceView:
    """One source, with its figures."""
    return source_views(service, [_desk(service).find(source)])[0]


def run_source_command(
    command: CommandRequest, act: Callable[[Caller], SourceReply]
) -> Response[SourceView]:
    def respond(source: Source) -> CommandResponse:
        return CommandResponse(source_views(command.service, [source])[0])

    return command.run(act, lambda done: done.source, respond)


@post("/sources", needs=Permission.MANAGE_SOURCES, summary="Add a source")
def add_source(command: CommandRequest, data: JSONBody[AddSource]) -> Response[SourceView]:
    """From here on, what it sends to its webhook is verified, kept and read by its mapping."""
    return run_source_command(command, lambda by: _desk(command.service).add(data, by))


@post(
    "/sources/{source:str}/rotate",
    needs=Permission.MANAGE_SOURCES,
    summary="Give a source another secret",
)
def rotate_secret(
    command: CommandRequest, source: FromPath[str], data: JSONBody[RotateSecret]
) -> Response[SourceView]:
    """Both secrets are valid until the one before ends; an earlier one ends at once."""
    return run_source_command(command, lambda by: _desk(command.service).rotate(source, data, by))


@post(
    "/sources/{source:str}/pull-settings",
    needs=Permission.MANAGE_SOURCES,
    summary="Choose how a source is pulled",
)
def choose_pull(
    command: CommandRequest, source: FromPath[str], data: JSONBody[ChoosePull]
) -> Response[SourceView]:
    """From here on, its lists are read from this address as the document says: by the worker, and by `casetrail
    sources pull`. What came by webhook is known."""
    return run_source_command(
        command, lambda by: _desk(command.service).choose_pull(source, data, by)
    )


@post(
    "/sources/{source:str}/pull-secret",
    needs=Permission.MANAGE_SOURCES,
    summary="Give the pulls of a source another secret",
)
def rotate_pull_secret(
    command: CommandRequest, source: FromPath[str], data: JSONBody[RotatePullSecret]
) -> Response[SourceView]:
    """From now on; the one before is destroyed."""
    return run_source_command(
        command, lambda by: _desk(command.service).rotate_pull_secret(source, data, by)
    )


@post("/sources/{source:str}/pause", needs=Permission.MANAGE_SOURCES, summary="Pause a source")
def pause_source(
    command: CommandRequest, source: FromPath[str], data: JSONBody[PauseSource]
) -> Response[SourceView]:
    """What it sends is verified and kept, and not read. Nothing is lost: read it again after `resume`."""
    return run_source_command(command, lambda by: _desk(command.service).pause(source, data, by))


@post("/sources/{source:str}/resume", needs=Permission.MANAGE_SOURCES, summary="Let a source go on")
def resume_source(
    command: CommandRequest, source: FromPath[str], data: JSONBody[PauseSource]
) -> Response[SourceView]:
    """What it sends is read again from here on; what came while it was paused is read by `read-again`."""
    return run_source_command(command, lambda by: _desk(command.service).resume(source, data, by))


SOURCES: tuple[HTTPRouteHandler, ...] = (
    list_sources,
    get_source,
    add_source,
    rotate_secret,
    choose_pull,
    rotate_pull_secret,
    pause_source,
    resume_source,
)
