"""The schedule of access reviews in a policy document: how often, whose, and how long one may take."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Final

from domain.errors import Fault
from domain.policy import document_types as types
from domain.policy.checks import duration_faults, unknown_name

LEAST: Final = timedelta(days=1)
MOST: Final = timedelta(days=366)


class AccessReviewRules(types.Part, frozen=True, kw_only=True):
    """Somebody reviews all grants `every` so often, and completes it `due_within` so long."""

    every: timedelta
    """The longest time from one completed review to the next."""
    owner: types.Name
    """The team or role that has to do it."""
    due_within: timedelta = timedelta(days=14)
    """The time from its opening to its completion."""


def find_access_review_faults(
    rules: AccessReviewRules | None, owners: Collection[str]
) -> Iterator[Fault]:
    """The faults of a schedule; `owners` are the known teams and roles."""
    if rules is None:
        return
    yield from duration_faults("/access_reviews/every", rules.every, MOST, LEAST)
    longest = max(min(rules.every, MOST), LEAST)
    yield from duration_faults("/access_reviews/due_within", rules.due_within, longest, LEAST)
    if rules.owner not in owners:
        yield unknown_name("/access_reviews/owner", "team or role", rules.owner, owners)
