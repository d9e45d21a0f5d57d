"""The commands on a case: each is one entry of the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import litestar
from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, RawBody
from msgspec import Struct, structs

from api.http.commands import configure_command_handler, run_command
from api.http.concurrency import in_event_loop, permission_option, post
from api.http.fast_path import FastPath
from api.http.query import IdempotencyKey, IfMatch, expected_version
from api.http.service import Service
from api.routes.cases import AuthenticatedRequest, CaseView, case_response
from application.cases.case_commands import CommandResult
from application.cases.case_desk import CaseDesk
from application.log.caller import Caller
from domain.cases.errors import EvidenceErased, EvidenceNotFound
from domain.cases.events import Resolution
from domain.cases.evidence import Evidence
from domain.cases.exception_case import ExceptionCase
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.work_commands import DeclareError, HandOff, LinkCase, OpenCase, StartWait
from domain.permissions import Permission
from domain.texts import Note, RequiredNote
from infrastructure.evidence_store import PREFIX


class OptionalNoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A note, where there is something to say."""

    note: Note = ""


class RequiredNoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A note that must say something."""

    note: RequiredNote


@post("/cases", needs=Permission.WORK_CASES, status_code=200, summary="Open a case by hand")
def open_case(
    request: AuthenticatedRequest,
    service: NamedDependency[Service],
    data: JSONBody[OpenCase],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """For a problem of an order that no rule has found; policy routes it unless you name a queue."""
    desk = service.desks.cases
    return run_command(
        request,
        service,
        body,
        key,
        lambda by: _case_and_position(desk.open(data, by)),
        case_response,
    )


def _case_and_position(done: CommandResult) -> tuple[ExceptionCase, int]:
    return done.case, done.position


def _command_without_body(
    name: str, doc: str, act: Callable[[CaseDesk, UUID, int, Caller], CommandResult]
) -> HTTPRouteHandler:
    """A command with nothing to say."""

    def handler(
        request: AuthenticatedRequest,
        case_id: FromPath[UUID],
        service: NamedDependency[Service],
        body: RawBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response[CaseView]:
        def work(by: Caller) -> tuple[ExceptionCase, int]:
            version = expected_version(if_match)
            return _case_and_position(act(service.desks.cases, case_id, version, by))

        return run_command(request, service, body, key, work, case_response)

    return _route(name, doc, handler, None)


def _command(
    name: str,
    doc: str,
    kind: Any,
    act: Callable[[CaseDesk, UUID, int, Any, Caller], CommandResult],
    look: Callable[[Service, Any], Any] = lambda service, ask: ask,
) -> HTTPRouteHandler:
    """A command whose body is of this type; `look` may refuse it, or complete it."""

    def handler(
        request: AuthenticatedRequest,
        case_id: FromPath[UUID],
        service: NamedDependency[Service],
        data: Any,
        body: RawBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response[CaseView]:
        def work(by: Caller) -> tuple[ExceptionCase, int]:
            version = expected_version(if_match)
            asked = look(service, data)
            return _case_and_position(act(service.desks.cases, case_id, version, asked, by))

        return run_command(request, service, body, key, work, case_response)

    return _route(name, doc, handler, kind)


def _require_stored_file(service: Service, evidence: Evidence) -> Evidence:
    """A file that is named must be there; what is known of it goes into the trail."""
    if not evidence.ref.startswith(PREFIX):
        return evidence
    if service.evidence.is_erased(evidence.ref):
        raise EvidenceErased(f"file {evidence.ref}")
    told = service.evidence.about(evidence.ref)
    if told is None:
        raise EvidenceNotFound(f"no file {evidence.ref}")
    return structs.replace(evidence, media_type=told.media_type, size=told.size)


SLOW_COMMANDS = frozenset(["evidence"])
"""Commands that wait for more than the log: for a file, say."""


def _route(
    name: str, doc: str, handler: Callable[..., Response[CaseView]], kind: Any | None
) -> HTTPRouteHandler:
    handler = configure_command_handler(handler, name, doc, kind)
    words = name.replace("-", " ").capitalize()
    path = f"/cases/{{case_id:uuid}}/{name}"
    if name in SLOW_COMMANDS:
        return post(path, needs=Permission.WORK_CASES, status_code=200, summary=words)(handler)
    quick = [FastPath(handler, kind)]
    opt = permission_option(Permission.WORK_CASES)
    route = litestar.post(path, status_code=200, summary=words, middleware=quick, opt=opt)
    return route(in_event_loop(handler))


CASE_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    open_case,
    _command_without_body(
        "claim",
        "Take an open case as your own; or take up again one of yours whose wait has ended.",
        CaseDesk.claim,
    ),
    _command(
        "release",
        "Give a case that you hold back to its queue.",
        OptionalNoteBody,
        lambda desk, case, v, ask, by: desk.release(case, v, ask.note, by),
    ),
    _command(
        "hand-off",
        "Give your case, or one that nobody holds, to its next owner: a queue or a person. The next "
        "owner's time starts now.",
        HandOff,
        CaseDesk.hand_off,
    ),
    _command(
        "wait",
        "Wait for somebody else, by name. At `expected_by` the case comes back by itself.",
        StartWait,
        CaseDesk.wait,
    ),
    _command(
        "resume",
        "What was waited for has come.",
        OptionalNoteBody,
        lambda desk, case, v, ask, by: desk.resume(case, v, ask.note, by),
    ),
    _command(
        "notes",
        "Add a note to the trail.",
        RequiredNoteBody,
        lambda desk, case, v, ask, by: desk.note(case, v, ask.note, by),
    ),
    _command(
        "evidence",
        "Attach a signal, a record elsewhere, or a file that was uploaded.",
        Evidence,
        CaseDesk.attach,
        _require_stored_file,
    ),
    _command(
        "tasks",
        "Add something that is to be done, with an owner and a time.",
        AddTask,
        CaseDesk.add_task,
    ),
    _command("complete-task", "It is done.", CompleteTask, CaseDesk.complete_task),
    _command("drop-task", "It needs not be done any more.", DropTask, CaseDesk.drop_task),
    _command(
        "holds",
        "Keep something from going on: the systems that carry the order out learn of it from the feed.",
        PlaceHold,
        CaseDesk.place_hold,
    ),
    _command(
        "release-hold",
        "A hold that this case placed is over. Nobody else's can be released.",
        ReleaseHold,
        CaseDesk.release_hold,
    ),
    _command(
        "escalate",
        "Tell the next rung of the queue's ladder.",
        RequiredNoteBody,
        lambda desk, case, v, ask, by: desk.escalate(case, v, ask.note, by),
    ),
    _command(
        "reterm",
        "Put the case under the terms that policy has now. What was used stays used.",
        RequiredNoteBody,
        lambda desk, case, v, ask, by: desk.reterm(case, v, ask.note, by),
    ),
    _command(
        "links",
        "Say how the case stands to another. The other stays as it is.",
        LinkCase,
        CaseDesk.link,
    ),
    _command(
        "declare-error",
        "A correction beside the record: what was recorded stays as it is.",
        DeclareError,
        CaseDesk.declare_error,
    ),
    _command(
        "resolve",
        "End a case that you hold: with its reason, root cause and evidence.",
        Resolution,
        CaseDesk.resolve,
    ),
    _command(
        "reopen",
        "Put a resolved case back to work. It counts as rework.",
        RequiredNoteBody,
        lambda desk, case, v, ask, by: desk.reopen(case, v, ask.note, by),
    ),
)
