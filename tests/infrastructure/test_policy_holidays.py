"""A calendar in a policy file may name a region and years; the stored policy has plain dates."""

from __future__ import annotations

import copy
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from domain.errors import Fault, Invalid
from domain.policy.reader import read_policy
from domain.policy.rulebook import Rulebook
from infrastructure.policies.files import DEFAULT_POLICY_FILE, load_policy

FILE: dict[str, Any] = yaml.safe_load(DEFAULT_POLICY_FILE.read_text(encoding="utf-8"))
BERLIN = {"country": "DE", "subdivision": "BE", "years": [2027]}
# By the law of Berlin, 8 March is a holiday too. Easter of 2027 is on 28 March.
BERLIN_2027 = [
    *("2027-01-01", "2027-03-08", "2027-03-26", "2027-03-29", "2027-05-01", "2027-05-06"),
    *("2027-05-17", "2027-10-03", "2027-12-25", "2027-12-26"),
]


def load_with_desk(folder: Path, **desk: Any) -> Rulebook:
    """Load the shipped policy with some fields of the desk's calendar replaced."""
    document = copy.deepcopy(FILE)
    document["calendars"]["desk"] |= desk
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump(document))
    return load_policy(file)


def closed_days(rulebook: Rulebook) -> list[str]:
    return [str(day) for day in rulebook.document.calendars["desk"].closed]


def faults_of(folder: Path, **desk: Any) -> list[Fault]:
    with pytest.raises(Invalid) as refused:
        load_with_desk(folder, **desk)
    return list(refused.value.faults)


def test_the_holidays_of_a_region_are_closed_days(tmp_path) -> None:
    assert closed_days(load_with_desk(tmp_path, holidays=BERLIN)) == BERLIN_2027


def test_without_a_subdivision_only_nationwide_holidays_are_closed_days(tmp_path) -> None:
    found = closed_days(load_with_desk(tmp_path, holidays={"country": "DE", "years": [2027]}))
    assert found == [day for day in BERLIN_2027 if day != "2027-03-08"]


@pytest.mark.parametrize("years", [[2028, 2026, 2027, 2026], {"from": 2026, "to": 2028}])
def test_years_are_a_list_or_a_range(tmp_path, years) -> None:
    found = closed_days(load_with_desk(tmp_path, holidays={**BERLIN, "years": years}))
    assert found == sorted(set(found))
    assert {day[:4] for day in found} == {"2026", "2027", "2028"}


def test_closed_and_special_days_of_the_file_have_priority_over_holidays(tmp_path) -> None:
    hours = [{"opens": "10:00", "closes": "12:00"}]
    rulebook = load_with_desk(
        tmp_path,
        holidays=BERLIN,
        closed=["2027-12-24", "2027-05-01"],
        special={"2027-03-08": hours},
    )
    found = closed_days(rulebook)
    assert found[:2] == ["2027-12-24", "2027-05-01"]
    assert sorted(found) == sorted({*BERLIN_2027, "2027-12-24"} - {"2027-03-08"})


def test_a_day_that_the_file_calls_closed_and_special_is_an_error(tmp_path) -> None:
    hours = [{"opens": "10:00", "closes": "12:00"}]
    (fault,) = faults_of(
        tmp_path, holidays=BERLIN, closed=["2027-03-08"], special={"2027-03-08": hours}
    )
    assert fault.pointer == "/calendars/desk/special/2027-03-08"


WRONG = {
    "no country": ({"years": [2027]}, "/country", "missing"),
    "no such country": ({**BERLIN, "country": "DX"}, "/country", "DE"),
    "a country in words": ({**BERLIN, "country": "Germany"}, "/country", "a country such as DE"),
    "no such part of it": ({**BERLIN, "subdivision": "ZZ"}, "/subdivision", "BB, BE, BW"),
    "a part of another": ({**BERLIN, "country": "PT", "subdivision": "BE"}, "/subdivision", "PT"),
    "a country without parts": (
        *({"country": "AX", "subdivision": "X", "years": [2027]}, "/subdivision", "none"),
    ),
    "no years": ({**BERLIN, "years": []}, "/years", ""),
    "no year at all": ({"country": "DE"}, "/years", "missing"),
    "a year in words": ({**BERLIN, "years": ["next"]}, "/years/0", "a whole number"),
    "a year long ago": ({**BERLIN, "years": [2027, 1848]}, "/years/1", "at least 2000"),
    "a span backwards": ({**BERLIN, "years": {"from": 2028, "to": 2027}}, "/years", "from 1 to 25"),
    "a span without end": ({**BERLIN, "years": {"from": 2028}}, "/years/to", "missing"),
    "too many years": ({**BERLIN, "years": {"from": 2000, "to": 2100}}, "/years", "from 1 to 25"),
    "too many days": (
        *({"country": "HK", "years": {"from": 2020, "to": 2040}}, "/years", "days are closed"),
    ),
    "years of which nothing is known": ({"country": "LK", "years": [2099]}, "/years", "2099"),
    "another field": ({**BERLIN, "region": "Berlin"}, "/region", "unknown field"),
    "a name alone": ("DE", "", ""),
    "nothing": (None, "", ""),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_error_in_the_holidays_has_its_path(tmp_path, what) -> None:
    holidays, path, says = WRONG[what]
    pointer = f"/calendars/desk/holidays{path}"
    found = faults_of(tmp_path, holidays=holidays)
    assert [f for f in found if f.pointer == pointer and says in f.detail], found


def test_errors_in_the_holidays_are_listed_with_all_other_errors(tmp_path) -> None:
    found = faults_of(
        tmp_path,
        holidays={**BERLIN, "country": "XX"},
        closed=["2027-12-24", "Christmas"],
        time_zone="Mars/Olympus",
    )
    assert {fault.pointer for fault in found} == {
        "/calendars/desk/holidays/country",
        "/calendars/desk/closed/1",
        "/calendars/desk/time_zone",
    }


@pytest.mark.parametrize("calendars", [None, [], "desk", {"desk": None}, {"desk": [1]}])
def test_invalid_calendars_are_an_error(tmp_path, calendars) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump({**FILE, "calendars": calendars}))
    with pytest.raises(Invalid) as refused:
        load_policy(file)
    assert any(fault.pointer.startswith("/calendars") for fault in refused.value.faults)


def test_two_names_of_one_calendar_both_get_the_holidays(tmp_path) -> None:
    text = DEFAULT_POLICY_FILE.read_text(encoding="utf-8")
    text = text.replace("  desk:\n    time_zone", "  desk: &desk\n    time_zone", 1)
    text = text.replace("  around_the_clock:\n", "  other: *desk\n  around_the_clock:\n", 1)
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    calendars = load_policy(file).document.calendars
    assert calendars["desk"] == calendars["other"]
    assert calendars["desk"].closed


def test_the_stored_policy_has_dates_instead_of_a_region() -> None:
    shipped = load_policy()
    plain = msgspec.to_builtins(shipped.document)
    assert "holidays" not in plain["calendars"]["desk"]
    assert read_policy(plain).digest == shipped.digest
    # A document that still has a region is invalid.
    with pytest.raises(Invalid):
        read_policy(FILE)


def test_the_holidays_of_the_shipped_policy_do_not_change() -> None:
    """If this fails after an upgrade of the library, the policy has changed: give it a new version."""
    days = load_policy().document.calendars["desk"].closed
    assert [day for day in days if day.year == 2027] == [date.fromisoformat(d) for d in BERLIN_2027]
    assert [f"{day:%m-%d}" for day in days if day.year == 2026] == [
        *("01-01", "03-08", "04-03", "04-06", "05-01", "05-14", "05-25", "10-03", "12-25", "12-26")
    ]
    assert [f"{day:%m-%d}" for day in days if day.year == 2028] == [
        *("01-01", "03-08", "04-14", "04-17", "05-01", "05-25", "06-05", "06-17", "10-03"),
        *("12-25", "12-26"),
    ]
    assert len(days) == 10 + 10 + 11
