"""Half a year before the last closed day of a calendar, the policy's owner reads which one it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from domain.errors import Invalid
from domain.policy.document import PolicyDocument
from domain.policy.holidays import holiday_notices
from domain.policy.reader import read_policy
from domain.policy.rulebook import Rulebook
from tests.domain.policies import SHIPPED, shipped


def closed_on(**calendars: list[str]) -> PolicyDocument:
    """The shipped policy with calendars of these closed days."""
    document = shipped()
    desk = document["calendars"]["desk"]
    for name, days in calendars.items():
        document["calendars"][name] = {**desk, "closed": days}
    return read_policy(document).document


@pytest.mark.parametrize(
    ("now", "notices"),
    [
        ("2026-11-29T12:00:00+00:00", 0),
        ("2028-02-29T12:00:00+00:00", 0),
        ("2028-06-25T23:59:59+00:00", 0),
        ("2028-06-26T00:00:00+00:00", 1),
        ("2028-06-25T20:00:00-04:00", 1),  # the same moment
        ("2028-12-26T12:00:00+00:00", 1),
        ("2031-01-01T00:00:00+00:00", 1),
    ],
)
def test_the_shipped_holidays_end_with_2028(now: str, notices: int) -> None:
    found = holiday_notices(SHIPPED.document, datetime.fromisoformat(now))
    assert len(found) == notices
    for notice in found:
        assert "calendar desk is 2028-12-26" in notice
        assert "casetrail policy propose FILE" in notice


def test_each_calendar_is_noticed_by_itself_and_one_without_closed_days_never() -> None:
    document = closed_on(
        desk=[], carriers=["2027-12-25", "2027-01-01"], bank=["2030-12-25"], shop=["2026-12-25"]
    )
    at = [datetime(2027, 6, day, tzinfo=UTC) for day in (24, 25)]
    before, after = ([*map(str, holiday_notices(document, now))] for now in at)
    assert [notice.split(":")[0] for notice in before] == [
        "the last closed day of calendar shop is 2026-12-25"
    ]
    assert [notice.split(":")[0] for notice in after] == [
        "the last closed day of calendar carriers is 2027-12-25",
        "the last closed day of calendar shop is 2026-12-25",
    ]


def test_the_day_is_that_of_utc() -> None:
    document = closed_on(desk=["2027-12-25"])
    kiritimati = timezone(timedelta(hours=14))
    assert not holiday_notices(document, datetime(2027, 6, 25, 13, tzinfo=kiritimati))
    assert holiday_notices(document, datetime(2027, 6, 25, 14, tzinfo=kiritimati))


ABSURD = ("0001-01-01", "1989-12-31", "2200-01-01", "9999-12-31")


def with_days(**parts: object) -> dict[str, Any]:
    """The shipped policy with these parts of the desk's calendar replaced."""
    document = shipped()
    document["calendars"]["desk"] |= parts
    return document


@pytest.mark.parametrize("day", ABSURD)
def test_a_stored_policy_with_an_absurd_day_is_read_and_noticed_without_error(day: str) -> None:
    document = msgspec.convert(with_days(closed=[day]), PolicyDocument)
    assert Rulebook(document).document == document
    for year in (1, 2027, 9999):
        soon = holiday_notices(document, datetime(year, 12, 31, 23, 59, tzinfo=UTC))
        assert bool(soon) is (year >= int(day[:4]))


@pytest.mark.parametrize("day", ABSURD)
def test_a_proposed_policy_must_have_days_of_1990_to_2199(day: str) -> None:
    hours = [{"opens": "10:00", "closes": "12:00"}]
    for document, place in (
        (with_days(closed=["2027-01-01", day]), "closed/1"),
        (with_days(special={day: hours}), f"special/{day}"),
    ):
        with pytest.raises(Invalid) as refused:
            read_policy(document)
        (fault,) = refused.value.faults
        assert fault.pointer == f"/calendars/desk/{place}"
        assert fault.detail == f"{day} is not between 1990 and 2199: check the year"
    for last in ("1990-01-01", "2199-12-31"):
        assert read_policy(with_days(closed=[last], special={}))
