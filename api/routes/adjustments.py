"""Adjustments: what is to be given to a customer, from its proposal to its reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from api.http.errors import KeyRequired
from api.http.query import (
    DEFAULT_LIMIT,
    Cursor,
    IdempotencyKey,
    IfMatch,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked,
    asked_for,
    decode_cursor,
    expected_version,
    only_known,
    page_of_views,
    wait_for,
)
from api.http.service import Service
from api.routes.cases import Asking, CaseView, case_answer
from application.cases.case_commands import Done
from application.log.caller import Caller
from application.money.money_desk import MoneyDesk
from domain.adjustments.adjustment import AdjustmentState
from domain.adjustments.commands import (
    ApproveAdjustment,
    ExecuteAdjustment,
    ProposeAdjustment,
    RejectAdjustment,
    WithdrawAdjustment,
)
from domain.cases.exception_case import ExceptionCase
from domain.money import Money
from domain.permissions import Permission
from projections.adjustments import AdjustmentRow

PROPOSAL_TYPES = (datetime, UUID)


class AdjustmentLine(Struct, frozen=True):
    """An adjustment in short, with everybody through whose hands it has passed."""

    id: UUID
    case: UUID
    order: str
    kind: str
    reason: str
    amount: Money
    state: str
    in_doubt: bool
    """The provider's answer was lost: it is asked what became of it."""
    amount_differs: bool
    """The provider says that it gave another amount."""
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


@get("/adjustments", needs=Permission.READ_LOG, summary="Adjustments, the first proposed first")
def list_adjustments(
    request: Asking,
    service: NamedDependency[Service],
    stands: Annotated[AdjustmentState | None, QueryParameter(name="state")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[AdjustmentLine]]:
    """Of all cases: what is given to customers, and how far each has come."""
    only_known(request, "state")
    wait_for(service.positions, "adjustments", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), PROPOSAL_TYPES)
    rows = service.money_reports.adjustments(asked(state=stands), after, limit + 1)
    return page_of_views(request, rows, limit, ("proposed_at", "adjustment_id"), _line)


def _line(row: AdjustmentRow) -> AdjustmentLine:
    told: dict[str, Any] = {
        name: getattr(row, name, None) for name in AdjustmentLine.__struct_fields__
    }
    amount = Money(f"{row.amount:f}", row.currency)
    own = {"id": row.adjustment_id, "case": row.case_id, "order": row.order_id, "amount": amount}
    return AdjustmentLine(**{**told, **own})


@post(
    "/cases/{case_id:uuid}/adjustments",
    needs=Permission.PROPOSE_ADJUSTMENTS,
    status_code=200,
    summary="Propose to give the customer something",
)
def propose_adjustment(
    request: Asking,
    case_id: FromPath[UUID],
    service: NamedDependency[Service],
    data: JSONBody[ProposeAdjustment],
    body: RawBody,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """By whoever holds the case. The answer says in `adjustments` who must approve it, and carries
    the digest that an approval is bound to; what policy approves by itself is approved at once."""
    must_have_key(key)

    def work(by: Caller) -> tuple[ExceptionCase, int]:
        done = service.desks.money.propose(case_id, expected_version(if_match), data, by)
        return done.case, done.position

    return carry_out(request, service, body, key, work, case_answer)


def must_have_key(key: str | None) -> None:
    """Raises KeyRequired: what concerns money must be safe to send again."""
    if key is None:
        raise KeyRequired("send Idempotency-Key with a name of your own for this request")


def _command(
    name: str,
    needs: Permission,
    words: str,
    doc: str,
    kind: Any,
    act: Callable[[MoneyDesk, UUID, int, UUID, Any, Caller], Done],
) -> HTTPRouteHandler:
    """A command on an adjustment, whose body is of this type."""

    def handler(
        request: Asking,
        case_id: FromPath[UUID],
        adjustment_id: FromPath[UUID],
        service: NamedDependency[Service],
        data: Any,
        body: RawBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response[CaseView]:
        must_have_key(key)

        def work(by: Caller) -> tuple[ExceptionCase, int]:
            version = expected_version(if_match)
            done = act(service.desks.money, case_id, version, adjustment_id, data, by)
            return done.case, done.position

        return carry_out(request, service, body, key, work, case_answer)

    path = f"/cases/{{case_id:uuid}}/adjustments/{{adjustment_id:uuid}}/{name}"
    return post(path, needs=needs, status_code=200, summary=words)(
        as_command(handler, f"{name}_adjustment", doc, kind)
    )


ADJUSTMENT_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    propose_adjustment,
    _command(
        "approve",
        Permission.APPROVE_ADJUSTMENTS,
        "Approve an adjustment",
        "Of what you looked at, by its digest. Whoever worked the case cannot; the matrix of the "
        "policy says how much each role may, and how many people must.",
        ApproveAdjustment,
        MoneyDesk.approve,
    ),
    _command(
        "reject",
        Permission.APPROVE_ADJUSTMENTS,
        "Reject an adjustment",
        "With the reason. It counts as your duty to approve in this case.",
        RejectAdjustment,
        MoneyDesk.reject,
    ),
    _command(
        "withdraw",
        Permission.PROPOSE_ADJUSTMENTS,
        "Withdraw an adjustment",
        "By whoever proposed it, or holds the case, as long as nothing was paid.",
        WithdrawAdjustment,
        MoneyDesk.withdraw,
    ),
    _command(
        "execute",
        Permission.EXECUTE_ADJUSTMENTS,
        "Order an approved adjustment to be carried out",
        "By a third person. The payment is made once, whatever happens: the adjustment is "
        "`executing` until the provider has told what became of it. What no payment provider does "
        "is carried out elsewhere, and told here with its `reference`.",
        ExecuteAdjustment,
        MoneyDesk.execute,
    ),
)
