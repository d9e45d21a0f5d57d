"""Adjustments (refunds and the like): the list of them, and their commands."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from api.http.commands import CommandRequest, configure_command_handler
from api.http.concurrency import get, post
from api.http.query import IfMatch, ListQuery, Page, Sort, expected_version, given_filters
from api.http.service import ServiceDependency
from api.routes.cases import CaseView, run_case_command
from application.cases.case_commands import CommandResult
from application.log.caller import Caller
from application.money.money_desk import MoneyDesk
from domain.adjustments import commands
from domain.adjustments.adjustment import AdjustmentState
from domain.money import Money
from domain.permissions import Permission
from domain.struct_fields import fill
from projections.adjustments import AdjustmentRow

BY_PROPOSAL: Sort = {"proposed_at": datetime, "adjustment_id": UUID}


class AdjustmentLine(Struct, frozen=True):
    """A summary of an adjustment, with the persons who acted on it."""

    id: UUID
    case: UUID
    order: str
    shop: str
    kind: str
    reason: str
    amount: Money
    state: str
    in_doubt: bool
    """The provider's answer was lost; the payer asks it again."""
    amount_differs: bool
    """The provider reports a different amount."""
    proposed_by: str | None
    proposed_at: datetime
    approved_by: Sequence[str]
    executed_by: str | None
    executing_since: datetime | None
    executed_at: datetime | None
    provider: str | None
    reference: str | None
    reconciled_by: str | None
    reconciled_at: datetime | None
    ended: str | None


@get("/adjustments", needs=Permission.READ_LOG, summary="List adjustments")
def list_adjustments(
    listing: ListQuery,
    service: ServiceDependency,
    adjustment_state: Annotated[list[AdjustmentState] | None, QueryParameter(name="state")] = None,
) -> Response[Page[AdjustmentLine]]:
    """The adjustments of all cases, oldest proposal first."""
    listing.wait_for("adjustments")
    where = given_filters(state=adjustment_state)
    return listing.page(
        BY_PROPOSAL,
        lambda after, limit: service.money_reports.adjustments(where, after, limit),
        _line,
    )


def _line(row: AdjustmentRow) -> AdjustmentLine:
    return fill(
        AdjustmentLine,
        row,
        id=row.adjustment_id,
        case=row.case_id,
        order=row.order_id,
        amount=Money(f"{row.amount:f}", row.currency),
    )


@post(
    "/cases/{case_id:uuid}/adjustments",
    needs=Permission.PROPOSE_ADJUSTMENTS,
    needs_key=True,
    summary="Propose an adjustment",
)
def propose_adjustment(
    command: CommandRequest,
    case_id: FromPath[UUID],
    data: JSONBody[commands.ProposeAdjustment],
    if_match: IfMatch = None,
) -> Response[CaseView]:
    """You must have claimed the case. The answer lists in `adjustments` who must approve it, and the
    digest that an approval needs. If no approval is needed, policy approves it at once."""
    command.require_key()
    desk = command.service.desks.money
    return run_case_command(
        command, lambda by: desk.propose(case_id, expected_version(if_match), data, by)
    )


def _command(
    name: str,
    needs: Permission,
    summary: str,
    doc: str,
    kind: Any,
    act: Callable[[MoneyDesk, UUID, int, UUID, Any, Caller], CommandResult],
) -> HTTPRouteHandler:
    """The route of a command on an adjustment; `kind` is the type of its body."""

    def handler(
        command: CommandRequest,
        case_id: FromPath[UUID],
        adjustment_id: FromPath[UUID],
        data: Any,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        command.require_key()
        desk = command.service.desks.money
        return run_case_command(
            command,
            lambda by: act(desk, case_id, expected_version(if_match), adjustment_id, data, by),
        )

    path = f"/cases/{{case_id:uuid}}/adjustments/{{adjustment_id:uuid}}/{name}"
    return post(path, needs=needs, needs_key=True, summary=summary)(
        configure_command_handler(handler, f"{name}_adjustment", doc, kind)
    )


ADJUSTMENT_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    propose_adjustment,
    _command(
        "approve",
        Permission.APPROVE_ADJUSTMENTS,
        "Approve an adjustment",
        "Send the digest of the adjustment that you read. You must not have worked the case. The "
        "approval matrix of the policy sets each role's limit and the number of approvers.",
        commands.ApproveAdjustment,
        MoneyDesk.approve,
    ),
    _command(
        "reject",
        Permission.APPROVE_ADJUSTMENTS,
        "Reject an adjustment",
        "Needs a reason. It gives you the duty `approve` in this case.",
        commands.RejectAdjustment,
        MoneyDesk.reject,
    ),
    _command(
        "withdraw",
        Permission.PROPOSE_ADJUSTMENTS,
        "Withdraw an adjustment",
        "By the person who proposed it or who has claimed the case, before it is paid.",
        commands.WithdrawAdjustment,
        MoneyDesk.withdraw,
    ),
    _command(
        "execute",
        Permission.EXECUTE_ADJUSTMENTS,
        "Execute an approved adjustment",
        "By a third person. The payment is made exactly once: the adjustment is `executing` until the "
        "provider has confirmed or refused it. If no payment provider does it, execute it elsewhere "
        "first, and record it here with its `reference`.",
        commands.ExecuteAdjustment,
        MoneyDesk.execute,
    ),
)
