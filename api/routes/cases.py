"""Cases: their JSON, and the list of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.params import QueryParameter
from msgspec import Struct

from api.http.commands import CommandRequest
from api.http.concurrency import get
from api.http.errors import MalformedParameter
from api.http.order_names import OptionalShop
from api.http.query import ListQuery, Names, Page, Sort, etag, given_filters
from api.http.responses import CommandResponse
from api.http.service import ServiceDependency
from api.http.times import UpdatedSince, require_offset
from api.routes.known_names import require_known_names
from application.cases.case_commands import CommandResult
from application.log.caller import Caller
from domain.adjustments.adjustment import Adjustment
from domain.cases.case_parts import WHOLE_ORDER, CaseParts
from domain.cases.duties import DutyHeld
from domain.cases.events import CaseAbout, Resolution
from domain.cases.evidence import Evidence
from domain.cases.exception_case import CaseState, ExceptionCase
from domain.cases.left_to_person import why_left_to_person
from domain.cases.reasons import ResolutionReason
from domain.cases.steps import Hold, Task
from domain.cases.work_events import Link, WaitStarted
from domain.errors import without_known
from domain.fault_texts import not_one_of
from domain.orders.order_names import order_name
from domain.orders.parts import PartKind, split_part_key
from domain.orders.signal_body import DEFAULT_SHOP
from domain.permissions import Permission
from domain.policy.document import Bucket, Severity
from domain.struct_fields import fill
from infrastructure.reports.pages import ALL_ROWS, all_of
from infrastructure.reports.scope_sql import cases_in_scope, cases_of_subject
from infrastructure.reports.scope_sql import updated_since as is_updated_since
from projections.cases import CaseRow

BY_URGENCY: Sort = {"priority": int, "opened_at": datetime, "case_id": UUID}


class LinkView(Struct, frozen=True):
    link: Link
    case: UUID


class CasePartView(Struct, frozen=True):
    """A part of the order that has the problem. `since` is when the case got it, `signals` opened it."""

    key: str
    """Such as `parcel:P1`; empty for the whole order, which is listed only beside other parts."""
    kind: PartKind | None
    id: str | None
    rule: str
    since: datetime
    deadline: datetime | None
    signals: Sequence[str]
    cleared_by: str | None
    """The signal that shows that its problem is gone."""
    corrected: bool
    """That signal retracts or replaces an earlier one: the problem was never there."""
    outcome: ResolutionReason | None


class CaseView(Struct, frozen=True):
    """A case. `owner` is the person who claimed it, else the team of its queue; null once it is
    resolved."""

    id: UUID
    version: int
    order: str
    shop: str
    """The shop in which the order's id is unique."""
    about: CaseAbout | None
    """What the case is about, if that is no order."""
    kind: str
    bucket: str | None
    """Null, like the queue and the other results of routing, in a past before the routing."""
    severity: str | None
    automation: str
    state: str
    owner: str | None
    owned_since: datetime
    queue: str | None
    region: str | None
    """Where the order ships to (ISO 3166), as known when the case was routed."""
    work_type: str | None
    skill: str | None
    priority: int | None
    detected_at: datetime
    opened_at: datetime
    deadline: datetime | None
    occurrence: int
    recurrence_of: UUID | None
    signals_joined: int
    cleared: bool
    """The problem of every part is gone."""
    left_to_person: str | None
    """Why the case is open although its problem is gone: a person must resolve it."""
    reopened: int
    resolved_at: datetime | None
    resolution: Resolution | None
    parts: Sequence[CasePartView]
    """The parts of the order that have the problem; empty for a case about the whole order."""
    lease_until: datetime | None
    """When the claim lapses without activity."""
    waiting: WaitStarted | None
    hand_offs: int
    escalations: int
    evidence: Sequence[Evidence]
    unknown_evidence: Sequence[str]
    """Refs that were cited and named no signal of the order and no stored file at that time."""
    tasks: Sequence[Task]
    """Tasks, each with an owner and a due time."""
    holds: Sequence[Hold]
    """What the case puts on hold."""
    links: Sequence[LinkView]
    errors: Sequence[int]
    """Versions of the trail that were declared wrong."""
    adjustments: Sequence[Adjustment]
    """Refunds and other adjustments: who proposed each, who must approve it, and its state."""
    duties: Mapping[str, DutyHeld]
    """Who has which duty in the case, since which act: one duty per person."""
    conflicts: Sequence[Sequence[str]]
    """Names that were found later to be one person's, with different duties in the case."""


def view_of(case: ExceptionCase) -> CaseView:
    routed = case.routed
    assert case.opened_at is not None
    return fill(
        CaseView,
        order_name(case.order),
        case,
        bucket=routed.bucket if routed else None,
        severity=routed.severity if routed else None,
        owned_since=case.owned_since or case.opened_at,
        left_to_person=why_left_to_person(case),
        queue=case.queue or None,
        work_type=routed.work_type if routed else None,
        skill=routed.skill if routed else None,
        priority=routed.priority if routed else None,
        tasks=case.steps.tasks,
        holds=case.steps.holds,
        links=[LinkView(link, other) for other, link in case.links.items()],
        parts=part_views_of(case.parts),
        adjustments=case.adjustments.items,
        conflicts=[sorted(names) for names in case.conflicts],
    )


def part_views_of(parts: CaseParts) -> list[CasePartView]:
    """The parts of a case, in the order in which it got them."""
    if [*parts] == [WHOLE_ORDER]:
        return []
    views = []
    for key, part in parts.items():
        kind, id = split_part_key(key) or (None, None)
        views.append(fill(CasePartView, part, key=key, kind=kind, id=id))
    return views


def case_response(case: ExceptionCase) -> CommandResponse:
    return CommandResponse(view_of(case), headers={"ETag": etag(case.version)})


def run_case_command(
    command: CommandRequest, act: Callable[[Caller], CommandResult]
) -> Response[Any]:
    """The case after the command. Raises what `CommandRequest.run` raises."""
    return command.run(act, lambda result: result.case, case_response)


@get("/cases", needs=Permission.READ_CASES, summary="List cases")
def list_cases(
    listing: ListQuery,
    service: ServiceDependency,
    queue: Names = None,
    case_state: Annotated[list[CaseState] | None, QueryParameter(name="state")] = None,
    kind: Names = None,
    bucket: Annotated[list[Bucket] | None, QueryParameter()] = None,
    severity: Annotated[list[Severity] | None, QueryParameter()] = None,
    owner: Annotated[
        list[str] | None, QueryParameter(description="The person or team that owns the case.")
    ] = None,
    order: Annotated[
        str | None, QueryParameter(description="The id of an order; `shop` names its shop.")
    ] = None,
    shop: OptionalShop = None,
    due: Annotated[
        datetime | None,
        QueryParameter(description="Something is due by then, or overdue: an RFC 3339 time."),
    ] = None,
    customer: Annotated[
        str | None,
        QueryParameter(
            description="The shop's id of the customer. After an erasure, none are found."
        ),
    ] = None,
    updated_since: UpdatedSince = None,
    fields: Annotated[
        list[str] | None,
        QueryParameter(description="The members that the items have, instead of all."),
    ] = None,
) -> Response[Page[CaseRow]]:
    """Most urgent first. A case must match all filters. A kind or queue that no policy has, now or before, is an error."""
    require_known_names(service.desks.policy, kind or (), queue or ())
    listing.wait_for("cases")
    if customer is not None:
        listing.wait_for("orders")
    if updated_since is not None:
        require_offset("updated_since", updated_since)
    if due is not None:
        require_offset("due", due)
        listing.wait_for("sla")
    where = given_filters(
        queue=queue,
        state=case_state,
        kind=kind,
        bucket=bucket,
        severity=severity,
        owner=owner,
        order_id=order,
        shop=shop or (DEFAULT_SHOP if order is not None else None),
    )
    reach = all_of(
        cases_in_scope(listing.authority, Permission.READ_CASES),
        cases_of_subject(service.desks.log.subject_of(customer)) if customer else ALL_ROWS,
        is_updated_since(updated_since),
    )
    return listing.page(
        BY_URGENCY,
        lambda after, limit: service.reports.cases(where, after, limit, due, reach),
        _projection(fields),
    )


def _projection(fields: Sequence[str] | None) -> Callable[[CaseRow], Any]:
    """What the answer shows of a row. Raises MalformedParameter for a member that rows do not have."""
    if fields is None:
        return lambda row: row
    known = CaseRow.__struct_fields__
    if faults := [not_one_of(name, known) for name in fields if name not in known]:
        raise MalformedParameter(
            f"fields: {without_known(faults[0])}",
            errors=[{"parameter": "fields", "detail": fault} for fault in faults],
        )
    return lambda row: {name: getattr(row, name) for name in fields}
