"""The doctor warns of an access review that is overdue, and the service still starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.composition import Desks, desks
from domain.people import Role
from infrastructure.doctor import examine, require_safe
from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.postgres.datastore import connect
from infrastructure.settings import load_settings
from tests.application.in_memory_service import caller
from tests.domain.policies import with_version

BEGUN = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = {"every": "P90D", "owner": "ops_manager", "due_within": "P14D"}
Check = Callable[[int], Finding]


@pytest.fixture
def check(dsn: str, tmp_path: Path) -> Check:
    settings = load_settings({"DATABASE_URL": dsn, "CASETRAIL_HOME": str(tmp_path)})

    def after(days: int) -> Finding:
        with connect(dsn) as connection:
            found = examine(connection, settings, now=BEGUN + days * DAY)
        return next(one for one in found if one.what == "access reviews")

    return after


def begin(working: Desks, **parts: object) -> None:
    working.policy.bootstrap(with_version("first", **parts), BEGUN)
    working.people.add("olga", [Role.OPS_MANAGER], BEGUN)


def test_a_review_that_was_never_done_or_takes_too_long_is_a_warning(
    dsn: str, check: Check
) -> None:
    now = [BEGUN]
    with desks(dsn, lambda: now[0]) as working:
        begin(working, access_reviews=RULES)
        assert (check(90).verdict, check(90).found) == (
            Verdict.OK,
            "one every 90 days; none is overdue",
        )
        late = check(91)
        assert late.verdict is Verdict.WARNING
        assert late.found == (
            "since 2026-05-30: no access review was completed in time; it is the duty of ops_manager"
        )
        assert "casetrail people open-review" in late.to_do
        now[0] = BEGUN + 80 * DAY
        opened = working.access_reviews.open(caller("olga", now[0])).state.review
        assert opened.review == "r1"
    assert "access review r1 was open for too long" in check(95).found
    require_safe(dsn)


def test_without_a_schedule_nothing_is_overdue(dsn: str, check: Check) -> None:
    with desks(dsn, lambda: BEGUN) as working:
        assert check(0).found == "policy has no schedule for them"
        begin(working)
    found = check(1_000)
    assert (found.verdict, found.found) == (Verdict.OK, "policy has no schedule for them")
