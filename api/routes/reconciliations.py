"""Reconciliation: the payment provider's own list against the log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import RawBody
from msgspec import Struct

from api.http.commands import carry_out
from api.http.concurrency import get, post
from api.http.errors import MalformedBody
from api.http.json_keys import refuse_repeated_names
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
from api.http.responses import Answer
from api.http.service import Service
from api.routes.adjustments import must_have_key
from api.routes.cases import Asking
from api.routes.trail_page import CSV
from application.log.caller import Caller
from application.money.reconciliation import Reconciled, Statement
from domain.adjustments.reconciliation import CurrencySums, Discrepancy
from domain.errors import Fault, Invalid
from domain.permissions import Permission
from infrastructure.payments.local import read_statement
from projections.reconciliations import ReconciliationRow

REPORT = "adjustments"
NEWEST_TYPES = (datetime, UUID)


class ReconciledPeriod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which the provider is asked for its list."""

    since: datetime
    until: datetime | None = None
    """Left out: now."""


class ReconciliationView(Struct, frozen=True):
    """What was compared and what did not agree. `counts` has all discrepancies by their kind; of very
    many, the first thousand are told one by one."""

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
    status_code=200,
    summary="Hold the provider's list against the log",
)
def reconcile(
    request: Asking,
    service: NamedDependency[Service],
    body: RawBody,
    key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> Response[ReconciliationView]:
    """With a period as JSON, the provider is asked; as `text/csv`, the body is the list, in the format of
    the local provider. What agrees is reconciled by you, unless you have another duty in its case:
    that is told as `not_yours`, and the rest goes on."""
    must_have_key(key)
    # What it is compared with is read from the cases; which those are, a report says.
    wait_for(service.positions, REPORT, service.desks.log.head(), prefer)

    def work(by: Caller) -> tuple[Reconciled, int]:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        statement = _statement(service, body, kind.lower(), by.now)
        done = service.desks.reconciliation.reconcile(statement, by)
        return done, done.position

    return carry_out(request, service, body, key, work, _answer, is_json=False)


def _statement(service: Service, body: bytes, kind: str, now: datetime) -> Statement:
    desk = service.desks.reconciliation
    if kind == CSV:
        try:
            lines = read_statement(body.decode())
        except UnicodeDecodeError as error:
            raise MalformedBody(f"the file is not UTF-8: {error}") from None
        return desk.from_file(lines, hashlib.sha256(body).hexdigest())
    try:
        period = msgspec.json.decode(body, type=ReconciledPeriod)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedBody(str(error)) from None
    refuse_repeated_names(body)
    for name, moment in (("since", period.since), ("until", period.until or now)):
        if moment.tzinfo is None:
            fault = Fault(f"/{name}", "has no offset; write it as in 2026-11-21T12:00:00Z")
            raise Invalid([fault], "the period")
    until = min(period.until or now, now)
    if period.since > until:
        raise Invalid([Fault("/since", "is later than its end")], "the period")
    return desk.ask_provider(period.since, until)


def _answer(done: Reconciled) -> Answer:
    recorded = done.recorded
    return Answer(
        ReconciliationView(
            id=done.id,
            recorded_by=done.by,
            recorded_at=done.at,
            **{name: getattr(recorded, name) for name in recorded.__struct_fields__},
        )
    )


@get("/reconciliations", needs=Permission.READ_LOG, summary="Every reconciliation, newest first")
def list_reconciliations(
    request: Asking,
    service: NamedDependency[Service],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[ReconciliationView]]:
    """Each with what did not agree."""
    only_known(request)
    wait_for(service.positions, "reconciliations", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), NEWEST_TYPES)
    rows = service.money_reports.reconciliations(after, limit + 1)
    return page_of_views(request, rows, limit, ("recorded_at", "reconciliation"), _view)


def _view(row: ReconciliationRow) -> ReconciliationView:
    told: dict[str, Any] = msgspec.to_builtins(row)
    return msgspec.convert({**told, "id": told.pop("reconciliation")}, ReconciliationView)
