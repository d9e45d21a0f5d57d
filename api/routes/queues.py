"""Queues: what waits where, and the right next case for me."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody
from msgspec import Struct

from api.http.authentication import Who
from api.http.commands import caller_of
from api.http.concurrency import get, post
from api.http.query import (
    DEFAULT_LIMIT,
    URGENCY_TYPES,
    Cursor,
    IdempotencyKey,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked_for,
    decode_cursor,
    only_known,
    page_of,
    wait_for,
)
from api.http.responses import Answer, ask_of
from api.http.service import Service
from api.routes.cases import CaseView, case_answer
from domain.authority import Authority
from domain.cases.errors import QueueNotFound
from domain.permissions import Permission
from infrastructure.reports.queries import QueueCounts, QueueLine
from infrastructure.reports.scope_sql import cases_within

Asking = Request[Who, str, Any]
CANDIDATES = 200


class QueueView(Struct, frozen=True):
    """A queue: how much is open to be claimed, how much is being worked on, how much waits for
    somebody else, and since when; and of how much the clock is at risk or breached."""

    queue: str
    title: str
    owner_team: str
    open: int
    claimed: int
    waiting: int
    pending_approval: int
    at_risk: int
    breached: int
    oldest_queued_at: datetime | None
    highest_priority: int | None
    recovering_since: datetime | None
    """It has fallen behind, and has a plan to recover (GET …/recovery)."""


class QueueList(Struct, frozen=True):
    items: Sequence[QueueView]


@get("/queues", needs=Permission.READ_CASES, summary="All queues")
def list_queues(
    request: Asking,
    service: NamedDependency[Service],
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> QueueList:
    only_known(request)
    wait_for(service.positions, "queue", min_position, prefer)
    now = service.desks.clock()
    authority = request.user.authority
    counts = service.reports.queue_counts(now, cases_within(authority, Permission.READ_CASES))
    none = QueueCounts("", 0, 0, 0, 0, 0, 0, None, None)
    plans = {
        row.queue: row.opened_at
        for row in service.reports.recoveries()
        if not row.closed_at and authority.has_all_of(Permission.READ_CASES, row.queue)
    }
    queues = service.desks.policy.current.document.queues
    return QueueList(
        [
            QueueView(
                queue=name,
                title=queue.title,
                owner_team=queue.owner_team,
                open=(found := counts.get(name, none)).open,
                claimed=found.claimed,
                waiting=found.waiting,
                pending_approval=found.pending_approval,
                oldest_queued_at=found.oldest_queued_at,
                at_risk=found.at_risk,
                breached=found.breached,
                highest_priority=found.highest_priority,
                recovering_since=plans.get(name),
            )
            for name, queue in queues.items()
            if authority.has_queue(Permission.READ_CASES, name)
        ]
    )


@get("/queues/{queue:str}", needs=Permission.READ_CASES, summary="One queue, most urgent first")
def get_queue(
    request: Asking,
    queue: FromPath[str],
    service: NamedDependency[Service],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[QueueLine]]:
    """Each case with its owner, its lease, and how its clock stands."""
    only_known(request)
    must_exist(service, queue, request.user.authority)
    wait_for(service.positions, "queue", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), URGENCY_TYPES)
    reach = cases_within(request.user.authority, Permission.READ_CASES)
    rows = service.reports.queue({"queue": queue}, after, limit + 1, service.desks.clock(), reach)
    return page_of(request, rows, limit, ("priority", "queued_at", "case_id"))


@post(
    "/queues/{queue:str}/claim-next",
    needs=Permission.WORK_CASES,
    status_code=200,
    summary="Claim the next case",
)
def claim_next(
    request: Asking,
    queue: FromPath[str],
    service: NamedDependency[Service],
    body: RawBody,
    min_position: MinPosition = None,
    prefer: Prefer = None,
    key: IdempotencyKey = None,
) -> Response[CaseView]:
    """The right next case of the queue becomes yours; 204 if there is none.

    First your own work whose wait has ended; then what you have the skill for, most urgent first:
    by its priority, and by how its clock presses now.
    """
    must_exist(service, queue, request.user.authority)
    ask = ask_of(request, body, key)

    def work() -> Response[Any]:
        wait_for(service.positions, "queue", min_position, prefer)
        who = ask.who
        pressing = service.desks.policy.current.document.priorities.clock
        now = service.desks.clock()
        reach = cases_within(who.authority, Permission.WORK_CASES)
        candidates = service.reports.next_for(
            who.person, who.skills, queue, CANDIDATES, now, pressing, reach
        )
        done = service.desks.cases.claim_next(candidates, caller_of(service, ask, case_answer))
        if done is not None:
            return case_answer(done.case).response(done.position)
        nothing = Answer(None, 204)
        row = ask.row(nothing)
        position = service.desks.log.append([], row).position if row else service.desks.log.head()
        return nothing.response(position)

    return service.answers.carry_out(ask, work)


def must_exist(service: Service, queue: str, authority: Authority, *, whole: bool = False) -> None:
    """A queue out of reach is told like one that nobody has heard of; `whole`: all of its cases must
    be within reach."""
    reached = authority.has_all_of if whole else authority.has_queue
    queues = service.desks.policy.current.document.queues
    if queue not in queues or not reached(Permission.READ_CASES, queue):
        raise QueueNotFound(f"no queue {queue}")
