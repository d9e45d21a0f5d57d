"""Commands on cases; each is an entry of the table at the end."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import litestar
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Struct, structs

from api.http.commands import CommandRequest, configure_command_handler
from api.http.concurrency import in_event_loop, permission_option, post
from api.http.fast_path import FastPath
from api.http.parameter_objects import with_parameter_objects
from api.http.query import IfMatch, expected_version
from api.http.service import Service
from api.routes.cases import CaseView, run_case_command
from api.routes.other_shops import naming_other_shops
from application.cases.case_commands import CommandResult
from application.cases.case_desk import CaseDesk
from application.log.caller import Caller
from domain.cases.errors import EvidenceErased
from domain.cases.events import Resolution
from domain.cases.evidence import FILE_PREFIX, Evidence, require_file_names
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.work_commands import DeclareError, HandOff, LinkCase, OpenCase, StartWait
from domain.permissions import Permission
from domain.texts import Note, RequiredNote


class OptionalNoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An optional note."""

    note: Note = ""


class RequiredNoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A note that must not be empty."""

    note: RequiredNote


@post("/cases", needs=Permission.WORK_CASES, summary="Open a case")
def open_case(command: CommandRequest, data: JSONBody[OpenCase]) -> Response[CaseView]:
    """By hand, for a problem of an order that no rule detected. Policy routes it unless you send a
    queue."""
    service, authority = command.service, command.request.user.authority
    with naming_other_shops(service, data.order_key, authority):
        return run_case_command(command, lambda by: service.desks.cases.open(data, by))


def _claim(
    command: CommandRequest, case_id: FromPath[UUID], if_match: IfMatch = None
) -> Response[CaseView]:
    desk = command.service.desks.cases
    return run_case_command(command, lambda by: desk.claim(case_id, expected_version(if_match), by))


def _command(
    name: str,
    summary: str,
    doc: str,
    kind: Any,
    act: Callable[[CaseDesk, UUID, int, Any, Caller], CommandResult],
    check: Callable[[Service, Any], Any] = lambda service, data: data,
) -> HTTPRouteHandler:
    """The route of a command; `kind` is the type of its body. `check` may refuse or complete the body."""

    def handler(
        command: CommandRequest, case_id: FromPath[UUID], data: Any, if_match: IfMatch = None
    ) -> Response[CaseView]:
        service = command.service

        def run(by: Caller) -> CommandResult:
            version = expected_version(if_match)
            return act(service.desks.cases, case_id, version, check(service, data), by)

        return run_case_command(command, run)

    return _route(name, summary, doc, handler, kind)


def _describe_file(service: Service, evidence: Evidence) -> Evidence:
    """The evidence with the type and size of its file; with neither if there is no such file.

    Raises EvidenceErased.
    """
    if not evidence.ref.startswith(FILE_PREFIX):
        return evidence
    require_file_names([evidence.ref], "/ref")
    if service.evidence.is_erased(evidence.ref):
        raise EvidenceErased(f"file {evidence.ref}")
    file = service.evidence.about(evidence.ref)
    if file is None:  # it is flagged as evidence that is not known
        return structs.replace(evidence, media_type="", size=0)
    return structs.replace(evidence, media_type=file.media_type, size=file.size)


SLOW_COMMANDS = frozenset(["evidence"])
"""Commands that wait for something other than the log, such as a file."""


def _route(
    name: str, summary: str, doc: str, handler: Callable[..., Response[CaseView]], kind: Any | None
) -> HTTPRouteHandler:
    handler = configure_command_handler(handler, name, doc, kind)
    path = f"/cases/{{case_id:uuid}}/{name}"
    if name in SLOW_COMMANDS:
        return post(path, needs=Permission.WORK_CASES, summary=summary)(handler)
    fast_path = [FastPath(handler, kind)]
    opt = permission_option(Permission.WORK_CASES)
    route = litestar.post(path, status_code=200, summary=summary, middleware=fast_path, opt=opt)
    return route(in_event_loop(with_parameter_objects(handler)))


CASE_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    open_case,
    _route(
        "claim",
        "Claim a case",
        "Takes an open case, or resumes one of yours whose wait has ended.",
        _claim,
        None,
    ),
    _command(
        "release",
        "Release a case",
        "Returns a case that you have claimed to its queue.",
        OptionalNoteBody,
        lambda desk, case, v, data, by: desk.release(case, v, data.note, by),
    ),
    _command(
        "hand-off",
        "Hand off a case",
        "To its next owner: a queue or a person. It must be your case or unclaimed. The time of the "
        "next owner starts now.",
        HandOff,
        CaseDesk.hand_off,
    ),
    _command(
        "wait",
        "Start a wait",
        "Waits for a named party. At `expected_by` the wait ends by itself.",
        StartWait,
        CaseDesk.wait,
    ),
    _command(
        "resume",
        "End a wait",
        "Continues the case, because the answer has come.",
        OptionalNoteBody,
        lambda desk, case, v, data, by: desk.resume(case, v, data.note, by),
    ),
    _command(
        "notes",
        "Add a note",
        "To the trail of the case.",
        RequiredNoteBody,
        lambda desk, case, v, data, by: desk.note(case, v, data.note, by),
    ),
    _command(
        "evidence",
        "Attach evidence",
        "A signal, a record of another system, or an uploaded file. What is not known is flagged in "
        "`unknown_evidence`.",
        Evidence,
        CaseDesk.attach,
        _describe_file,
    ),
    _command("tasks", "Add a task", "With an owner and a due time.", AddTask, CaseDesk.add_task),
    _command(
        "complete-task",
        "Complete a task",
        "Records that it is done.",
        CompleteTask,
        CaseDesk.complete_task,
    ),
    _command(
        "drop-task",
        "Drop a task",
        "Records that it is no longer needed.",
        DropTask,
        CaseDesk.drop_task,
    ),
    _command(
        "holds",
        "Place a hold",
        "On a part of the order. The systems that fulfil the order learn of it from the event feed.",
        PlaceHold,
        CaseDesk.place_hold,
    ),
    _command(
        "release-hold",
        "Release a hold",
        "A case can release only the holds that it placed.",
        ReleaseHold,
        CaseDesk.release_hold,
    ),
    _command(
        "escalate",
        "Escalate a case",
        "To the next step of the queue's escalation ladder.",
        RequiredNoteBody,
        lambda desk, case, v, data, by: desk.escalate(case, v, data.note, by),
    ),
    _command(
        "reterm",
        "Re-term a case",
        "Applies the service terms of the active policy. Time that was used stays used.",
        RequiredNoteBody,
        lambda desk, case, v, data, by: desk.reterm(case, v, data.note, by),
    ),
    _command(
        "links",
        "Link a case to another",
        "The other case does not change.",
        LinkCase,
        CaseDesk.link,
    ),
    _command(
        "declare-error",
        "Declare an error",
        "Marks a line of the trail as wrong. The line itself stays.",
        DeclareError,
        CaseDesk.declare_error,
    ),
    _command(
        "resolve",
        "Resolve a case",
        "Ends a case that you have claimed, with a reason, a root cause and evidence.",
        Resolution,
        CaseDesk.resolve,
    ),
    _command(
        "reopen",
        "Reopen a case",
        "Continues a resolved case. It counts as rework.",
        RequiredNoteBody,
        lambda desk, case, v, data, by: desk.reopen(case, v, data.note, by),
    ),
)
