"""The auditor's questions: a route for each, made from what answers it; and bundles to take along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from api.http.concurrency import get
from api.http.query import only_known
from api.http.responses import POSITION
from api.http.service import Service
from api.routes.cases import Asking
from api.routes.questions.bundles import FromCheckpoint, OfExport, export, made, population
from api.routes.questions.parameters import parameters_of, taking
from api.routes.questions.question import (
    Answered,
    Question,
    Sources,
    answered,
    asking_as,
    in_text,
    must_be_recorded,
)
from api.routes.questions.registry import QUESTIONS, ListedQuestion, listed
from domain.permissions import Permission
from infrastructure.transparency.export import Export
from infrastructure.verifier.archives import archived

TAR = "application/x-tar"
NOT_KEPT = {"Cache-Control": "no-store"}
"""What a cache would answer, nobody would have recorded."""


@get(
    "/audit/questions",
    needs=Permission.READ_LOG,
    summary="What an auditor asks, and how it is asked here",
)
def list_questions(request: Asking, service: NamedDependency[Service]) -> Sequence[ListedQuestion]:
    """Each question in words, with the route and the command that answer it, and what they take."""
    only_known(request)
    return listed()


def sources_of(service: Service) -> Sources:
    return Sources(service.desks, service.evidence, service.checkpoints)


def _route(question: Question) -> HTTPRouteHandler:
    names = [one.name for one in parameters_of(question.asking)]

    def handler(request: Asking, service: Service, **asked: Any) -> Response[Answered[Any]]:
        only_known(request, *names)
        asking = asking_as(question.asking, asked)
        found = answered(question, sources_of(service), asking, request.user.actor)
        headers = {POSITION: str(found.recorded)} if found.recorded is not None else {}
        return Response(found, headers={**NOT_KEPT, **headers})

    handler.__name__ = handler.__qualname__ = f"answer_{question.name}"
    handler.__doc__ = question.answer.__doc__
    gives = Response[Answered[question.gives]]  # type: ignore[name-defined]
    path = f"/audit/questions/{question.number}"
    return get(path, needs=question.needs, summary=question.asks)(
        taking(handler, question.asking, gives)
    )


def _bundle_route(
    name: str,
    summary: str,
    doc: str,
    kind: type[Any],
    write: Callable[[Any], Callable[[Export], int]],
) -> HTTPRouteHandler:
    names = [one.name for one in parameters_of(kind)]

    def handler(request: Asking, service: Service, **asked: Any) -> Stream:
        only_known(request, *names)
        asking = asking_as(kind, asked)
        sources = sources_of(service)
        position = sources.desks.log.head()
        stack = ExitStack()
        try:
            bundle = stack.enter_context(made(sources, write(asking)))
            recorded = must_be_recorded(
                sources, name, in_text(asking), position, bundle.digest, request.user.actor
            )
        except BaseException:
            stack.close()
            raise
        headers = {
            **NOT_KEPT,
            POSITION: str(recorded),
            "Content-Disposition": f'attachment; filename="casetrail-{name}.tar"',
        }
        return Stream(_parts(stack, bundle.directory), media_type=TAR, headers=headers)

    handler.__name__ = handler.__qualname__ = f"give_{name}"
    handler.__doc__ = doc
    return get(f"/audit/{name}", needs=Permission.READ_LOG, summary=summary)(
        taking(handler, kind, Stream)
    )


def _parts(stack: ExitStack, directory: Path) -> Iterator[bytes]:
    with stack:
        yield from archived(directory)


give_export = _bundle_route(
    "export",
    "Events with the proof that they are the log's",
    "A case's, a period's, or all of them: the bundle of `casetrail audit export` as a tar, which "
    "`casetrail verify` takes as it is. That it was given out is recorded first; "
    "`Casetrail-Position` says where.",
    OfExport,
    export,
)
give_population = _bundle_route(
    "population",
    "A list with the proof that it is complete",
    "All events, or all after a checkpoint, so that none can have been left out: the bundle of "
    "`casetrail audit population` as a tar. Whoever verifies it filters, counts and sums anew.",
    FromCheckpoint,
    population,
)
QUESTION_ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_questions,
    *map(_route, QUESTIONS),
    give_export,
    give_population,
)
