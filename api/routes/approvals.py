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
from api.http.json_keys import require_unique_keys
from api.http.problems import problem_of
from api.http.query import (
    DEFAULT_LIMIT,
    Cursor,
    IdempotencyKey,
    Limit,
    MinPosition,
    Page,
    Prefer,
    cursor_scope,
    decode_cursor,
    page_of_views,
    require_known_parameters,
    wait_for_report,
)
from api.http.responses import CommandResponse, KeyedRequest, keyed_request_of
from api.http.service import Service
from api.routes.adjustments import require_idempotency_key
from api.routes.cases import AuthenticatedRequest
from application.log.caller import Caller
from application.log.recorder import CommandRepeated, CommandRow
from application.money.eligibility import BlockingRule
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import ApproveAdjustment
from domain.cases.exception_case import ExceptionCase
from domain.errors import CasetrailError
from domain.permissions import Permission
from domain.texts import Digest, Note
from infrastructure.reports.scope_sql import known_cases_in_scope
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
    why_not: Sequence[BlockingRule]


@get(
    "/approvals",
    needs=Permission.APPROVE_ADJUSTMENTS,
    summary="What waits for approval, oldest first",
)
def list_approvals(
    request: AuthenticatedRequest,
    service: NamedDependency[Service],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[ApprovalView]]:
    """Each with whether I may approve it; else with every rule that stands against it, and the act
    in the case's trail that it follows from. Read from the cases' own streams: never behind."""
    require_known_parameters(request)
    wait_for_report(service.positions, "adjustments", min_position, prefer)
    after = decode_cursor(cursor, cursor_scope(request), PROPOSAL_TYPES)
    reach = known_cases_in_scope(request.user.authority, Permission.APPROVE_ADJUSTMENTS)
    rows = service.money_reports.adjustments({"state": "proposed"}, after, limit + 1, reach)
    cases = service.desks.money.cases([*dict.fromkeys(row.case_id for row in rows)])
    by = caller_of(service, keyed_request_of(request, b"", None), _no_response)
    columns = ("proposed_at", "adjustment_id")
    return page_of_views(
        request, rows, limit, columns, lambda row: _view(service, row, cases[row.case_id], by)
    )


def _no_response(_: Any) -> CommandResponse:
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
        why_not=[BlockingRule.by(one) for one in against],
    )


class ApprovalItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    case: UUID
    adjustment: UUID
    digest: Digest
    note: Note = ""


class BulkApproval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    items: Annotated[tuple[ApprovalItem, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class ApprovalResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one of them: `approved`, or `refused` with its problem."""

    case: UUID
    adjustment: UUID
    outcome: str
    state: str | None = None
    """How the adjustment stands now: it may want more approvals."""
    version: int | None = None
    problem: dict[str, Any] | None = None


class BulkApprovalResult(Struct, frozen=True):
    items: Sequence[ApprovalResult]


@post(
    "/approvals",
    needs=Permission.APPROVE_ADJUSTMENTS,
    status_code=200,
    summary="Approve several adjustments",
)
def approve_several(
    request: AuthenticatedRequest,
    service: NamedDependency[Service],
    data: JSONBody[BulkApproval],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[BulkApprovalResult]:
    """Each by itself, bound to its digest, and answered by itself; one that is refused stops no other.

    Sent again with its key, each is answered as it was: what was approved is not approved twice.
    """
    require_idempotency_key(key)
    ask = keyed_request_of(request, body, key)
    require_unique_keys(body)
    by = caller_of(service, ask, _no_response)

    def work() -> Response[Any]:
        answer = CommandResponse(
            BulkApprovalResult(
                [_approve_item(service, one, n, by, ask) for n, one in enumerate(data.items)]
            )
        )
        return answer.response(service.desks.log.append([], ask.row(answer)).position)

    return service.answers.run_once(ask, work)


def _approve_item(
    service: Service, item: ApprovalItem, number: int, by: Caller, ask: KeyedRequest
) -> ApprovalResult:
    """One of them under a key of its own: a request that was cut off midway goes on where it was."""
    key = f"{ask.key}\n{number}"  # no header can hold it
    taken = service.desks.log.answer(by.person, key)
    if taken is not None and taken.digest == ask.digest:
        return msgspec.json.decode(taken.result, type=ApprovalResult)

    def row(after: ExceptionCase) -> CommandRow:
        told = msgspec.json.encode(_approved_result(item, after))
        return CommandRow(by.person, key, ask.digest, told)

    try:
        case = service.desks.cases.case(item.case, by.authority)
        asked = ApproveAdjustment(digest=item.digest, note=item.note)
        caller = structs.replace(by, row=row)
        done = service.desks.money.approve(item.case, case.version, item.adjustment, asked, caller)
    except CommandRepeated as repeated:
        # Another process carries out the same request, and was quicker.
        return msgspec.json.decode(repeated.taken.result, type=ApprovalResult)
    except CasetrailError as refused:
        return ApprovalResult(
            case=item.case,
            adjustment=item.adjustment,
            outcome="refused",
            problem=problem_of(refused),
        )
    return _approved_result(item, done.case)


def _approved_result(item: ApprovalItem, after: ExceptionCase) -> ApprovalResult:
    return ApprovalResult(
        case=item.case,
        adjustment=item.adjustment,
        outcome="approved",
        state=after.adjustments.get(item.adjustment).state.value,
        version=after.version,
    )
