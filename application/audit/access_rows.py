"""An access review as a table, for spreadsheets and for signing."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from application.audit.access import AccessReview, HeldGrant, HeldIdentity

COLUMNS: Final = (
    *("person", "known_as", "left_at", "kind", "name", "role", "where", "good_for", "since"),
    *("given_by", "reason", "until", "ended_at", "ended_by", "ended_for", "lives", "last_act_at"),
    *("status", "confirmed_by"),
)


def review_rows(review: AccessReview) -> Iterator[Sequence[str]]:
    """A row for each grant, key, login, agent and delegate; one row for a person without any."""
    for held in review.people:
        person = (held.person, " ".join(held.known_as), _format_time(held.left_at))
        last = _format_time(held.last_act.at) if held.last_act is not None else ""
        for grant in held.grants:
            case = (str(grant.case),) if grant.case is not None else ()
            where = " ".join((*grant.queues, *grant.regions, *case)) or "everywhere"
            yield (
                *person,
                "grant",
                grant.grant,
                grant.role,
                where,
                "",
                *_describe_end(grant),
                last,
                grant.status,
                grant.confirmed_by or "",
            )
        for means in held.means:
            narrowed = [*(means.queues or ()), *(means.regions or ())]
            where = " ".join(narrowed) or "everywhere"
            good = " ".join(means.permissions) if means.permissions is not None else "all"
            seen = _format_time(means.last_act.at) if means.last_act is not None else ""
            yield (
                *person,
                means.kind,
                means.name,
                "",
                where,
                good,
                *_describe_end(means),
                seen,
                "",
                "",
            )
        if not held.grants and not held.means:
            yield (*person, *("",) * (len(COLUMNS) - 6), last, "", "")


def _describe_end(held: HeldGrant | HeldIdentity) -> Sequence[str]:
    return (
        _format_time(held.since),
        held.given_by,
        held.reason or "",
        _format_time(held.until),
        _format_time(held.ended_at),
        held.ended_by or "",
        held.ended_for or "",
        "yes" if held.lives else "no",
    )


def _format_time(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""
