"""Approvals: the adjustments that wait for approval, and approving several at once."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import JSONBody
from msgspec import Meta, Struct, structs

from api.http.commands import CommandRequest, caller_of
from api.http.concurrency import get, post
from api.http.json_keys import require_unique_keys
from api.http.problems import problem_of
from api.http.query import ListQuery, Page
from api.http.responses import CommandResponse, KeyedRequest, keyed_request_of
from api.http.service import Service, ServiceDependency
from api.routes.adjustments import BY_PROPOSAL
from application.log.caller import Caller
from application.log.recorder import CommandRepeated, CommandRow
from application.money.eligibility import BlockingRule
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import ApproveAdjustment
from domain.cases.exception_case import ExceptionCase
from domain.errors import CasetrailError
from domain.orders.order_names import order_name
from domain.permissions import Permission
from domain.texts import Digest, Note
from infrastructure.reports.scope_sql import known_cases_in_scope
from projections.adjustments import AdjustmentRow

MOST_AT_ONCE = 100


class ApprovalView(Struct, frozen=True):
    case: UUID
    case_version: int
    order: str
    shop: str
    queue: str
    adjustment: Adjustment
    missing_approvals: int
    may_approve: bool
    why_not: Sequence[BlockingRule]


@get("/approvals", needs=Permission.APPROVE_ADJUSTMENTS, summary="List pending approvals")
def list_approvals(listing: ListQuery, service: ServiceDependency) -> Response[Page[ApprovalView]]:
    """Oldest first; each with whether you may approve it, or every rule that bars you, with the act in
    the trail that the rule follows from. Computed from the cases' own events: always up to date."""
    listing.wait_for("adjustments")
    reach = known_cases_in_scope(listing.authority, Permission.APPROVE_ADJUSTMENTS)
    by = caller_of(service, keyed_request_of(listing.request, b"", None), _no_response)
    cases: dict[UUID, ExceptionCase] = {}

    def read(after: list[Any] | None, limit: int) -> list[AdjustmentRow]:
        rows = service.money_reports.adjustments({"state": "proposed"}, after, limit, reach)
        cases.update(service.desks.money.cases([*dict.fromkeys(row.case_id for row in rows)]))
        return rows

    return listing.page(BY_PROPOSAL, read, lambda row: _view(service, row, cases[row.case_id], by))


def _no_response(_: Any) -> CommandResponse:
    raise AssertionError("a caller without a key stores no answer")


def _view(service: Service, row: AdjustmentRow, case: ExceptionCase, by: Caller) -> ApprovalView:
    adjustment = case.adjustments.get(row.adjustment_id)
    name = order_name(case.order)
    refusals = service.desks.money.why_not(case, adjustment, by) if adjustment.is_pending else []
    return ApprovalView(
        case=case.id,
        case_version=case.version,
        order=name.order,
        shop=name.shop,
        queue=case.queue,
        adjustment=adjustment,
        missing_approvals=adjustment.missing_approvals,
        may_approve=adjustment.is_pending and not refusals,
        why_not=[BlockingRule.by(refusal) for refusal in refusals],
    )


class ApprovalItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    case: UUID
    adjustment: UUID
    digest: Digest
    note: Note = ""


class BulkApproval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    items: Annotated[tuple[ApprovalItem, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class ApprovalResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result for one adjustment: `approved`, or `refused` with its problem."""

    case: UUID
    adjustment: UUID
    outcome: str
    state: str | None = None
    """The state of the adjustment now: it may need more approvals."""
    version: int | None = None
    problem: dict[str, Any] | None = None


class BulkApprovalResult(Struct, frozen=True):
    items: Sequence[ApprovalResult]


@post(
    "/approvals",
    needs=Permission.APPROVE_ADJUSTMENTS,
    needs_key=True,
    summary="Approve several adjustments",
)
def approve_several(
    command: CommandRequest, data: JSONBody[BulkApproval]
) -> Response[BulkApprovalResult]:
    """Each adjustment is approved on its own, by its digest; a refused one does not stop the others.

    A retry with the same key gets the same results: nothing is approved twice.
    """
    command.require_key()
    service, keyed = command.service, command.keyed()
    require_unique_keys(command.body)
    by = caller_of(service, keyed, _no_response)

    def work() -> Response[Any]:
        results = [_approve_item(service, item, n, by, keyed) for n, item in enumerate(data.items)]
        answer = CommandResponse(BulkApprovalResult(results))
        return answer.response(service.desks.log.append([], keyed.row(answer)).position)

    return service.answers.run_once(keyed, work)


def _approve_item(
    service: Service, item: ApprovalItem, number: int, by: Caller, keyed: KeyedRequest
) -> ApprovalResult:
    """Approve one, under a key of its own: the retry of an interrupted request continues."""
    key = f"{keyed.key}\n{number}"  # a header cannot contain a newline
    stored = service.desks.log.answer(by.person, key)
    if stored is not None and stored.digest == keyed.digest:
        return msgspec.json.decode(stored.result, type=ApprovalResult)

    def row(after: ExceptionCase) -> CommandRow:
        result = msgspec.json.encode(_approved_result(item, after))
        return CommandRow(by.person, key, keyed.digest, result)

    try:
        case = service.desks.cases.case(item.case, by.authority)
        approval = ApproveAdjustment(digest=item.digest, note=item.note)
        done = service.desks.money.approve(
            item.case, case.version, item.adjustment, approval, structs.replace(by, row=row)
        )
    except CommandRepeated as repeated:
        # Another process runs the same request, and was faster.
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
