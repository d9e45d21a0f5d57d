"""Counts each answer that refuses a principal something, by its route."""

from typing import cast

from litestar.types import HTTPScope, Scope

from api.http.authentication import Principal
from api.http.concurrency import NEEDS
from api.http.problem_statuses import STATUS
from api.http.problems import slug
from application.people.access_refusals import AccessRefusals, RequestKind
from domain.adjustments.errors import Refusal
from domain.errors import CasetrailError


async def note_refused_request(error: Exception, scope: Scope) -> None:
    """Count it if it is a 403, or the answer for something out of scope.

    A failed authentication has no principal, and a `Refusal` is recorded with its case.
    """
    who = scope.get("user")
    if not isinstance(who, Principal) or not isinstance(error, CasetrailError):
        return
    if isinstance(error, Refusal) or (error.lacks is None and STATUS.get(type(error)) != 403):
        return
    needed = error.lacks or error.facts.get("permission") or scope["route_handler"].opt[NEEDS]
    kind = RequestKind(
        cast("HTTPScope", scope)["method"], scope["path_template"], str(needed), slug(type(error))
    )
    refusals: AccessRefusals = scope["litestar_app"].state.service.access_refusals
    refusals.note(who.actor, who.authority.grants, who.key_scope, kind)
