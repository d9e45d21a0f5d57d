"""Codes that differ only in case or blanks are one: in tables, in cases, and where cases are cleared."""

from __future__ import annotations

import pytest

from domain.sources.unread_codes import CodeCaseOpened, UnreadCodes
from tests.sources.coded import NOW, Coded, scanned
from tests.sources.senders import MAPPING, WIDER

STATES_NOTHING = MAPPING.replace(
    "  - topics: [scan]\n", "  - topics: [scan]\n    signals: []\n  - topics: [parcel]\n"
)
WITHOUT_A_TABLE = MAPPING.replace(
    "          status: {$code: {of: state, table: states}}\n", ""
).replace("          code: state\n", "          status: \"'in_transit'\"\n")
IN_LOWER_CASE = MAPPING.replace("{of: state, table", "{of: lower(state), table")
OTHERWISE = MAPPING.replace("table: states}", "table: states, otherwise: \"'failure'\"}")


def test_codes_that_differ_in_case_and_blanks_open_one_case(coded: Coded) -> None:
    coded.scan("shop", "LEFT  HUB", "left hub", " Left Hub ")
    coded.scan("shop", "left  HUB")
    assert coded.codes() == [("LEFT  HUB", "open")]


def test_the_case_is_cleared_however_the_code_was_written(coded: Coded) -> None:
    coded.scan("shop", "LEFT HUB")
    (other,) = coded.scan("shop", "left  hub")
    coded.choose(
        "shop", MAPPING.replace("DONE: delivered", 'DONE: delivered, "Left   Hub": failure')
    )
    coded.read_again("shop", other)
    assert coded.codes() == [("LEFT HUB", "resolved")]


@pytest.mark.parametrize("document", [STATES_NOTHING, WITHOUT_A_TABLE, IN_LOWER_CASE])
def test_a_mapping_that_lists_no_such_code_clears_nothing(coded: Coded, document: str) -> None:
    (lost,) = coded.scan("shop", "LOST")
    coded.choose("shop", document)
    assert coded.codes() == [("LOST", "open")]
    coded.read_again("shop", lost)
    assert coded.codes() == [("LOST", "open")]
    # The version that lists it does.
    coded.choose("shop", WIDER)
    coded.read_again("shop", lost)
    assert coded.codes() == [("LOST", "resolved")]


def test_a_mapping_that_says_what_other_codes_mean_clears_the_case(coded: Coded) -> None:
    (lost,) = coded.scan("shop", "LOST")
    coded.choose("shop", OTHERWISE)
    coded.read_again("shop", lost)
    assert coded.codes() == [("LOST", "resolved")]


def test_codes_of_signals_are_one_by_the_same_rule(coded: Coded) -> None:
    coded.signals(scanned("ZZ 9"), scanned("zz  9"))
    coded.signals(scanned("Zz 9"))
    assert coded.codes() == [("ZZ 9", "open")]


def test_each_spelling_of_an_older_log_keeps_its_case() -> None:
    codes = UnreadCodes()
    for code in ("LOST", "lost"):
        opened = CodeCaseOpened(source="shop", table="states", code=code, occurrence=1)
        codes = codes.after(opened, NOW)
    spelled = [codes.spelled(("states", code))[1] for code in ("LOST", "lost", "Lost")]
    assert spelled == ["LOST", "lost", "LOST"]
