"""The approvals inbox: what I may approve, and of the rest, why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, RawBody
from msgspec import Meta, Struct, structs

from api.http.commands import caller_of
from api.http.concurrency import get, post
from api.http.json_keys import refuse_repeated_names
from api.http.problems import problem_of
from api.http.query import (
    DEFAULT_LIMIT,
    Cursor,
    IdempotencyKey,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked_for,
    decode_cursor,
    only_known,
    page_of_views,
    wait_for,
)
from api.http.responses import Answer, Ask, ask_of
from api.http.service import Service
from api.routes.adjustments import must_have_key
from api.routes.cases import Asking
from application.log.caller import Caller
from application.log.recorder import CommandRepeated, CommandRow
from application.money.eligibility import Against
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import ApproveAdjustment
from domain.adjustments.events import AdjustmentNote, Digest
from domain.cases.exception_case import ExceptionCase
from domain.errors import CasetrailError
from domain.permissions import Permission
from infrastructure.reports.scope_sql import known_within
from projections.adjustments import AdjustmentRow

PROPOSAL_TYPES = (datetime, UUID)
MOST_AT_ONCE = 100


class ApprovalView(Struct, frozen=True):
    case: UUID
    case_version: int
    order: str
    queue: str
    adjustment: Adjustment
    missing_approvals: int
    may_approve: bool
    why_not: Sequence[Against]


@get(
    "/approvals",
    needs=Permission.APPROVE_ADJUSTMENTS,
    summary="What waits for approval, oldest first",
)
def list_approvals(
    request: Asking,
    service: NamedDependency[Service],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[ApprovalView]]:
    """Each with whether I may approve it; else with every rule that stands against it, and the act
    in the case's trail that it follows from. Read from the cases' own streams: never behind."""
    only_known(request)
    wait_for(service.positions, "adjustments", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), PROPOSAL_TYPES)
    reach = known_within(request.user.authority, Permission.APPROVE_ADJUSTMENTS)
    rows = service.money_reports.adjustments({"state": "proposed"}, after, limit + 1, reach)
    cases = service.desks.money.cases([*dict.fromkeys(row.case_id for row in rows)])
    by = caller_of(service, ask_of(request, b"", None), _no_answer)
    columns = ("proposed_at", "adjustment_id")
    return page_of_views(
        request, rows, limit, columns, lambda row: _view(service, row, cases[row.case_id], by)
    )


def _no_answer(_: Any) -> Answer:
    raise AssertionError("a look has no answer to keep")


def _view(service: Service, row: AdjustmentRow, case: ExceptionCase, by: Caller) -> ApprovalView:
    adjustment = case.adjustments.get(row.adjustment_id)
    against = service.desks.money.why_not(case, adjustment, by) if adjustment.is_pending else []
    return ApprovalView(
        case=case.id,
        case_version=case.version,
        order=case.order,
        queue=case.queue,
        adjustment=adjustment,
        missing_approvals=adjustment.missing_approvals,
        may_approve=adjustment.is_pending and not against,
        why_not=[Against.by(one) for one in against],
    )


class ToApprove(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    case: UUID
    adjustment: UUID
    digest: Digest
    note: AdjustmentNote = ""


class BulkApproval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    items: Annotated[tuple[ToApprove, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class ItemAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one of them: `approved`, or `refused` with its problem."""

    case: UUID
    adjustment: UUID
    outcome: str
    state: str | None = None
    """How the adjustment stands now: it may want more approvals."""
    version: int | None = None
    problem: dict[str, Any] | None = None


class BulkAnswer(Struct, frozen=True):
    items: Sequence[ItemAnswer]


@post(
    "/approvals",
    needs=Permission.APPROVE_ADJUSTMENTS,
    status_code=200,
    summary="Approve several adjustments",
)
def approve_several(
    request: Asking,
    service: NamedDependency[Service],
    data: JSONBody[BulkApproval],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[BulkAnswer]:
    """Each by itself, bound to its digest, and answered by itself; one that is refused stops no other.

    Sent again with its key, each is answered as it was: what was approved is not approved twice.
    """
    must_have_key(key)
    ask = ask_of(request, body, key)
    refuse_repeated_names(body)
    by = caller_of(service, ask, _no_answer)

    def work() -> Response[Any]:
        answer = Answer(
            BulkAnswer([_once(service, one, n, by, ask) for n, one in enumerate(data.items)])
        )
        return answer.response(service.desks.log.append([], ask.row(answer)).position)

    return service.answers.carry_out(ask, work)


def _once(service: Service, item: ToApprove, number: int, by: Caller, ask: Ask) -> ItemAnswer:
    """One of them under a key of its own: a request that was cut off midway goes on where it was."""
    key = f"{ask.key}\n{number}"  # no header can hold it
    taken = service.desks.log.answer(by.person, key)
    if taken is not None and taken.digest == ask.digest:
        return msgspec.json.decode(taken.result, type=ItemAnswer)

    def row(after: ExceptionCase) -> CommandRow:
        told = msgspec.json.encode(_told(item, after))
        return CommandRow(by.person, key, ask.digest, told)

    try:
        case = service.desks.cases.case(item.case, by.authority)
        asked = ApproveAdjustment(digest=item.digest, note=item.note)
        caller = structs.replace(by, row=row)
        done = service.desks.money.approve(item.case, case.version, item.adjustment, asked, caller)
    except CommandRepeated as repeated:
        # Another process carries out the same request, and was quicker.
        return msgspec.json.decode(repeated.taken.result, type=ItemAnswer)
    except CasetrailError as refused:
        return ItemAnswer(
            case=item.case,
            adjustment=item.adjustment,
            outcome="refused",
            problem=problem_of(refused),
        )
    return _told(item, done.case)


def _told(item: ToApprove, after: ExceptionCase) -> ItemAnswer:
    return ItemAnswer(
        case=item.case,
        adjustment=item.adjustment,
        outcome="approved",
        state=after.adjustments.get(item.adjustment).state.value,
        version=after.version,
    )
