"""Requests that were refused, as they are recorded."""

from typing import Annotated

from litestar import Response
from litestar.params import QueryParameter

from api.http.concurrency import get
from api.http.query import ListQuery, Page, Sort
from api.http.service import ServiceDependency
from application.audit.refused_requests import RefusalsOfDay, list_refusals
from domain.permissions import Permission

BY_POSITION: Sort = {"position": int}


@get("/audit/refusals", needs=Permission.READ_PEOPLE, summary="List refused requests")
def list_refused(
    listing: ListQuery,
    service: ServiceDependency,
    person: Annotated[
        str | None, QueryParameter(max_length=64, description="Only those of this person.")
    ] = None,
) -> Response[Page[RefusalsOfDay]]:
    """One item for each principal and day in UTC, oldest first, with how often which route was refused; no address, id or
    body of a request is recorded. A refusal is recorded after a few seconds, and at most a minute later."""
    desks = service.desks
    names = None if person is None else desks.people.person(person).known_as
    return listing.page(
        BY_POSITION,
        lambda after, limit: list_refusals(desks.log, after[0] if after else 0, limit, names),
    )
