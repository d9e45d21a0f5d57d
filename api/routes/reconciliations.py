"""Reconciliation: comparing the payment provider's statement with the log."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from litestar import Response
from msgspec import Struct

from api.http.commands import CommandRequest
from api.http.concurrency import get, post
from api.http.errors import MalformedBody, TooLarge
from api.http.json_keys import decode_body
from api.http.query import ListQuery, Page, Prefer, Sort, wait_for_report
from api.http.responses import CommandResponse
from api.http.service import Service, ServiceDependency
from api.routes.trail_page import CSV
from application.log.caller import Caller
from application.money.reconciliation import ReconciliationResult, Statement
from domain import moments
from domain.adjustments.provider_statement import StatementEntry
from domain.adjustments.reconciliation import CurrencySums, Discrepancy
from domain.errors import Fault, Invalid
from domain.permissions import Permission
from domain.struct_fields import fill
from infrastructure.encoded_text import GZIP_MAGIC, TextTooLong, UnreadableText, unpack
from infrastructure.payments.statement_file import read_statement
from projections.reconciliations import ReconciliationRow

LARGEST_STATEMENT_BYTES = 16 << 20
"""How large a statement may be when it is unpacked."""
NEWEST_FIRST: Sort = {"recorded_at": datetime, "reconciliation": UUID}


class ReconciledPeriod(moments.CommandRequest, frozen=True, kw_only=True):
    """The period whose statement is fetched from the provider."""

    since: moments.Moment
    until: moments.Moment | None = None
    """Now, if left out."""


class ReconciliationView(Struct, frozen=True):
    """A reconciliation and its discrepancies. `counts` counts all of them by kind; `discrepancies` lists
    at most the first thousand."""

    id: UUID
    provider: str
    since: datetime
    until: datetime
    statement: str
    from_file: bool
    position: int
    lines: int
    matched: int
    reconciled: int
    counts: dict[str, int]
    sums: Sequence[CurrencySums]
    discrepancies: Sequence[Discrepancy]
    recorded_by: str
    recorded_at: datetime


@post(
    "/reconciliations",
    needs=Permission.RECONCILE_ADJUSTMENTS,
    needs_key=True,
    summary="Reconcile a provider's statement",
)
def reconcile(command: CommandRequest, prefer: Prefer = None) -> Response[ReconciliationView]:
    """With a period as JSON, the statement is fetched from the provider. With `text/csv`, the body is the
    statement, in the format of the local provider. What matches is reconciled by you. If you have
    another duty in a case, its line is reported as `not_yours`, and the rest continues."""
    command.require_key()
    service = command.service
    # The report says which cases to compare; they are read from their own events.
    wait_for_report(service, "adjustments", service.desks.log.head(), prefer)

    def act(by: Caller) -> ReconciliationResult:
        headers = command.request.headers
        kind = headers.get("content-type", "application/json").partition(";")[0].strip()
        statement = _statement(service, command.body, kind.lower(), by.now)
        return service.desks.reconciliation.reconcile(statement, by)

    return command.run(act, lambda result: result, _command_response, is_json=False)


def decode_statement(body: bytes) -> Sequence[StatementEntry]:
    """The lines of a statement in CSV, plain or packed by gzip. Raises MalformedBody, TooLarge,
    StatementNotWhole."""
    try:
        return read_statement(
            unpack(body, LARGEST_STATEMENT_BYTES) if body.startswith(GZIP_MAGIC) else body
        )
    except UnreadableText as error:
        raise MalformedBody(f"the file: {error}") from None
    except TextTooLong as error:
        raise TooLarge(f"the file has {error}") from None


def _statement(service: Service, body: bytes, kind: str, now: datetime) -> Statement:
    desk = service.desks.reconciliation
    if kind == CSV:
        return desk.from_file(decode_statement(body), hashlib.sha256(body).hexdigest())
    period = decode_body(body, ReconciledPeriod, "the period")
    until = min(period.until or now, now)
    if period.since > until:
        raise Invalid([Fault("/since", "is later than the end of the period")], "the period")
    return desk.fetch_statement(period.since, until)


def _command_response(result: ReconciliationResult) -> CommandResponse:
    return CommandResponse(
        fill(
            ReconciliationView,
            result.recorded,
            id=result.id,
            recorded_by=result.by,
            recorded_at=result.at,
        )
    )


@get("/reconciliations", needs=Permission.READ_LOG, summary="List reconciliations")
def list_reconciliations(
    listing: ListQuery, service: ServiceDependency
) -> Response[Page[ReconciliationView]]:
    """Newest first, each with its discrepancies."""
    listing.wait_for("reconciliations")
    return listing.page(NEWEST_FIRST, service.money_reports.reconciliations, _view)


def _view(row: ReconciliationRow) -> ReconciliationView:
    return msgspec.convert(
        {**msgspec.to_builtins(row), "id": row.reconciliation}, ReconciliationView
    )
