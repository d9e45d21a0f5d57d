"""An access review as a table: for spreadsheets, and for whoever signs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from application.audit.access import AccessReview, HeldGrant, HeldMeans

COLUMNS: Final = (
    *("person", "known_as", "left_at", "kind", "name", "role", "where", "good_for", "since"),
    *("given_by", "reason", "until", "ended_at", "ended_by", "ended_for", "lives", "last_act_at"),
)


def review_rows(review: AccessReview) -> Iterator[Sequence[str]]:
    """A row for each grant, and for each key, login, agent and delegate; one for somebody without any."""
    for one in review.people:
        person = (one.person, " ".join(one.known_as), _at(one.left_at))
        last = _at(one.last_act.at) if one.last_act is not None else ""
        for grant in one.grants:
            case = (str(grant.case),) if grant.case is not None else ()
            where = " ".join((*grant.queues, *grant.regions, *case)) or "everywhere"
            yield (*person, "grant", grant.grant, grant.role, where, "", *_ends(grant), last)
        for means in one.means:
            narrowed = [*(means.queues or ()), *(means.regions or ())]
            where = " ".join(narrowed) or "everywhere"
            good = " ".join(means.permissions) if means.permissions is not None else "all"
            seen = _at(means.last_act.at) if means.last_act is not None else ""
            yield (*person, means.kind, means.name, "", where, good, *_ends(means), seen)
        if not one.grants and not one.means:
            yield (*person, *("",) * (len(COLUMNS) - 4), last)


def _ends(one: HeldGrant | HeldMeans) -> Sequence[str]:
    return (
        _at(one.since),
        one.given_by,
        one.reason or "",
        _at(one.until),
        _at(one.ended_at),
        one.ended_by or "",
        one.ended_for or "",
        "yes" if one.lives else "no",
    )


def _at(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""
