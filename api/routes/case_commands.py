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

from api.http.commands import as_command, carry_out
from api.http.concurrency import in_loop, needing, post
from api.http.fast_path import Quick
from api.http.query import IdempotencyKey, IfMatch, expected_version
from api.http.service import Service
from api.routes.cases import Asking, CaseView, case_answer
from application.cases.case_commands import Done
from application.cases.case_desk import CaseDesk
from application.log.caller import Caller
from domain.cases.errors import EvidenceErased, EvidenceNotFound
from domain.cases.events import Resolution
from domain.cases.evidence import Evidence
from domain.cases.exception_case import ExceptionCase
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.work_commands import DeclareError, HandOff, LinkTo, OpenCase, StartWait
from domain.cases.work_events import Note, SaidNote
from domain.permissions import Permission
from infrastructure.evidence_store import PREFIX


class NoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A note, where there is something to say."""

    note: Note = ""


class SaidNoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A note that must say something."""

    note: SaidNote


@post("/cases", needs=Permission.WORK_CASES, status_code=200, summary="Open a case by hand")
def open_case(
    request: Asking,
    service: NamedDependency[Service],
    data: JSONBody[OpenCase],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """For a problem of an order that no rule has found; policy routes it unless you name a queue."""
    desk = service.desks.cases
    return carry_out(
        request, service, body, key, lambda by: _told(desk.open(data, by)), case_answer
    )


def _told(done: Done) -> tuple[ExceptionCase, int]:
    return done.case, done.position


def _bare(
    name: str, doc: str, act: Callable[[CaseDesk, UUID, int, Caller], Done]
) -> HTTPRouteHandler:
    """A command with nothing to say."""

    def handler(
        request: Asking,
        case_id: FromPath[UUID],
        service: NamedDependency[Service],
        body: RawBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response[CaseView]:
        def work(by: Caller) -> tuple[ExceptionCase, int]:
            version = expected_version(if_match)
            return _told(act(service.desks.cases, case_id, version, by))

        return carry_out(request, service, body, key, work, case_answer)

    return _route(name, doc, handler, None)


def _command(
    name: str,
    doc: str,
    kind: Any,
    act: Callable[[CaseDesk, UUID, int, Any, Caller], Done],
    look: Callable[[Service, Any], Any] = lambda service, ask: ask,
) -> HTTPRouteHandler:
    """A command whose body is of this type; `look` may refuse it, or complete it."""

    def handler(
        request: Asking,
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
            return _told(act(service.desks.cases, case_id, version, asked, by))

        return carry_out(request, service, body, key, work, case_answer)

    return _route(name, doc, handler, kind)


def _must_be_stored(service: Service, evidence: Evidence) -> Evidence:
    """A file that is named must be there; what is known of it goes into the trail."""
    if not evidence.ref.startswith(PREFIX):
        return evidence
    if service.evidence.is_erased(evidence.ref):
        raise EvidenceErased(f"file {evidence.ref}")
    told = service.evidence.about(evidence.ref)
    if told is None:
        raise EvidenceNotFound(f"no file {evidence.ref}")
    return structs.replace(evidence, media_type=told.media_type, size=told.size)


WAITS_FOR_MORE = frozenset(["evidence"])
"""Commands that wait for more than the log: for a file, say."""


def _route(
    name: str, doc: str, handler: Callable[..., Response[CaseView]], kind: Any | None
) -> HTTPRouteHandler:
    handler = as_command(handler, name, doc, kind)
    words = name.replace("-", " ").capitalize()
    path = f"/cases/{{case_id:uuid}}/{name}"
    if name in WAITS_FOR_MORE:
        return post(path, needs=Permission.WORK_CASES, status_code=200, summary=words)(handler)
    quick = [Quick(handler, kind)]
    opt = needing(Permission.WORK_CASES)
    route = litestar.post(path, status_code=200, summary=words, middleware=quick, opt=opt)
    return route(in_loop(handler))


CASE_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    open_case,
    _bare(
        "claim",
        "Take an open case as your own; or take up again one of yours whose wait has ended.",
        CaseDesk.claim,
    ),
    _command(
        "release",
        "Give a case that you hold back to its queue.",
        NoteBody,
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
        NoteBody,
        lambda desk, case, v, ask, by: desk.resume(case, v, ask.note, by),
    ),
    _command(
        "notes",
        "Add a note to the trail.",
        SaidNoteBody,
        lambda desk, case, v, ask, by: desk.note(case, v, ask.note, by),
    ),
    _command(
        "evidence",
        "Attach a signal, a record elsewhere, or a file that was uploaded.",
        Evidence,
        CaseDesk.attach,
        _must_be_stored,
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
        SaidNoteBody,
        lambda desk, case, v, ask, by: desk.escalate(case, v, ask.note, by),
    ),
    _command(
        "reterm",
        "Put the case under the terms that policy has now. What was used stays used.",
        SaidNoteBody,
        lambda desk, case, v, ask, by: desk.reterm(case, v, ask.note, by),
    ),
    _command(
        "links",
        "Say how the case stands to another. The other stays as it is.",
        LinkTo,
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
        SaidNoteBody,
        lambda desk, case, v, ask, by: desk.reopen(case, v, ask.note, by),
    ),
)
