"""Queues: their counts, their cases, and claiming the next case."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath
from msgspec import Struct

from api.http.commands import CommandRequest, caller_of
from api.http.concurrency import get, post
from api.http.query import ListQuery, MinPosition, Page, Prefer, ReadQuery, Sort, wait_for_report
from api.http.responses import CommandResponse
from api.http.service import Service, ServiceDependency
from api.routes.cases import CaseView, case_response
from domain.authority import Authority
from domain.cases.errors import QueueNotFound
from domain.fault_texts import no_such
from domain.permissions import Permission
from domain.struct_fields import fill
from infrastructure.reports.queries import QueueCounts, QueueLine
from infrastructure.reports.scope_sql import cases_in_scope

QUEUE_ORDER: Sort = {"priority": int, "queued_at": datetime, "case_id": UUID}
CANDIDATES = 200


class QueueView(Struct, frozen=True):
    """A queue, with the number of its cases by state, and how many clocks are at risk or breached."""

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
    """When its recovery plan began (GET …/recovery); null without a plan."""


class QueueList(Struct, frozen=True):
    items: Sequence[QueueView]


@get("/queues", needs=Permission.READ_CASES, summary="List queues")
def list_queues(read: ReadQuery, service: ServiceDependency) -> QueueList:
    """The queues that you may read, each with the numbers of its cases, and its plan to work off a backlog."""
    read.wait_for("queue")
    now, authority = service.desks.clock(), read.authority
    counts = service.reports.queue_counts(now, cases_in_scope(authority, Permission.READ_CASES))
    none = QueueCounts("", 0, 0, 0, 0, 0, 0, None, None)
    plans = {
        row.queue: row.opened_at
        for row in service.reports.recoveries()
        if not row.closed_at and authority.has_whole_queue(Permission.READ_CASES, row.queue)
    }
    queues = service.desks.policy.current.document.queues
    return QueueList(
        [
            fill(
                QueueView,
                counts.get(name, none),
                queue=name,
                title=queue.title,
                owner_team=queue.owner_team,
                recovering_since=plans.get(name),
            )
            for name, queue in queues.items()
            if authority.has_queue(Permission.READ_CASES, name)
        ]
    )


@get("/queues/{queue:str}", needs=Permission.READ_CASES, summary="List the cases of a queue")
def get_queue(
    listing: ListQuery, queue: FromPath[str], service: ServiceDependency
) -> Response[Page[QueueLine]]:
    """Most urgent first; each case with its owner, its lease, and the state of its clock."""
    require_queue(service, queue, listing.authority)
    listing.wait_for("queue")
    where, now = {"queue": queue}, service.desks.clock()
    reach = cases_in_scope(listing.authority, Permission.READ_CASES)
    return listing.page(
        QUEUE_ORDER, lambda after, limit: service.reports.queue(where, after, limit, now, reach)
    )


@post("/queues/{queue:str}/claim-next", needs=Permission.WORK_CASES, summary="Claim the next case")
def claim_next(
    command: CommandRequest,
    queue: FromPath[str],
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[CaseView]:
    """Claims the most urgent case of the queue for you; 204 if it has none for you.

    Your own cases whose wait has ended come first, then open cases that need your skills: by priority,
    raised if the clock is at risk or breached.
    """
    service, keyed = command.service, command.keyed()
    require_queue(service, queue, keyed.who.authority)

    def work() -> Response[Any]:
        wait_for_report(service, "queue", min_position, prefer)
        who = keyed.who
        clock_bands = service.desks.policy.current.document.priorities.clock
        now = service.desks.clock()
        reach = cases_in_scope(who.authority, Permission.WORK_CASES)
        candidates = service.reports.next_case_for(
            who.person, who.skills, queue, CANDIDATES, now, clock_bands, reach
        )
        claimed = service.desks.cases.claim_next(
            candidates, caller_of(service, keyed, case_response)
        )
        if claimed is not None:
            return case_response(claimed.case).response(claimed.position)
        nothing = CommandResponse(None, 204)
        row = keyed.row(nothing)
        position = service.desks.log.append([], row).position if row else service.desks.log.head()
        return nothing.response(position)

    return service.answers.run_once(keyed, work)


def require_queue(
    service: Service, queue: str, authority: Authority, *, whole: bool = False
) -> None:
    """Raises QueueNotFound for an unknown queue, and the same for one that the person may not read.

    `whole`: the person must be able to read all of its cases.
    """
    may_read = authority.has_whole_queue if whole else authority.has_queue
    queues = service.desks.policy.current.document.queues
    if queue not in queues or not may_read(Permission.READ_CASES, queue):
        readable = [name for name in queues if may_read(Permission.READ_CASES, name)]
        raise QueueNotFound(no_such("queue", queue, readable)).out_of_scope(
            Permission.READ_CASES if queue in queues else None
        )
