"""A record is one line, whatever its texts hold; a traceback follows, indented."""

import logging
import sys

import pytest

from infrastructure.process_log import LINE, OneLine

ATTACK = "x\r\n2026-11-30 casetrail.access root logged in\x1b[31m\u2028\x9b0m\ud800"


def line(message: str, *args: object, error: bool = False) -> str:
    record = logging.makeLogRecord({"name": "casetrail", "msg": message, "args": args})
    if error:
        try:
            raise ValueError(f"no order {ATTACK}")
        except ValueError:
            record.exc_info = sys.exc_info()
    return OneLine(LINE).format(record)


def test_a_text_of_a_stranger_is_a_part_of_one_line() -> None:
    found = line("POST %s: refused", ATTACK)
    assert found.isprintable()
    assert found.endswith(
        r"casetrail POST x\r\n2026-11-30 casetrail.access root logged in\x1b[31m\u2028\x9b0m\ud800: refused"
    )


@pytest.mark.parametrize("text", ["Größe 7 €", "订单", "a\\nb"])
def test_what_is_printable_stays(text: str) -> None:
    assert line("no order %s", text).endswith(f"no order {text}")


def test_a_traceback_is_indented() -> None:
    first, *others = line("it failed", error=True).split("\n")
    assert first.endswith("casetrail it failed")
    assert len(others) > 2
    assert all(one.startswith("  ") and one.isprintable() for one in others)
    assert others[-2:] == [
        r"  ValueError: no order x\r",
        r"  2026-11-30 casetrail.access root logged in\x1b[31m\u2028\x9b0m\ud800",
    ]
