"""The provider's statement: numbered, with a running total and a count, and accepted only as a whole."""

import csv
from collections.abc import Callable
from decimal import Decimal

import httpx2
import pytest

from domain.adjustments.errors import OutcomeUnknown
from tests.payments.canned_server import serve_canned_answer
from tests.payments.conftest import Running, adapter, refund

FILE = """\
line,reference,key,payment,created_at,status,currency,amount,running_total\r
1,re_a,k1,pi_1,2026-11-21T09:00:00.000+00:00,succeeded,EUR,12.30,12.30\r
2,re_b,,pi_2,2026-11-21T09:00:01.000+00:00,pending,JPY,500,500\r
3,re_c,k3,pi_1,2026-11-21T09:00:02.000+00:00,failed,EUR,1.00,12.30\r
4,re_d,k4,pi_1,2026-11-21T09:00:03.000+00:00,succeeded,EUR,0.70,13.00\r
end,4\r
"""


def test_the_statement_has_the_sum_of_the_refunds(own: Running) -> None:
    provider = adapter("local", own.url)
    provider.refund(refund("12.30"))
    own.switch(status="failed", times=1)
    provider.refund(refund("100"))
    provider.refund(refund("500", "JPY"))
    own.switch(status="pending", times=1)
    provider.refund(refund("0.70"))
    answer = httpx2.get(f"{own.url}/statement")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(answer.text.splitlines()))
    assert [row[-3:] for row in rows[1:-1]] == [
        ["EUR", "12.30", "12.30"],
        ["EUR", "100", "12.30"],
        ["JPY", "500", "500"],
        ["EUR", "0.70", "13.00"],
    ]
    assert rows[-1] == ["end", "4"]
    assert sum(line.amount.value for line in provider.statement()) == Decimal("613.00")


def test_a_complete_statement_is_read() -> None:
    with serve_canned_answer(200, FILE) as url:
        lines = list(adapter("local", url).statement())
    assert [line.key for line in lines] == ["k1", None, "k3", "k4"]


def test_an_empty_ledger_has_an_empty_statement(own: Running) -> None:
    assert list(adapter("local", own.url).statement()) == []


def without(line: int) -> Callable[[list[str]], list[str]]:
    return lambda lines: [one for number, one in enumerate(lines) if number != line]


def replacing(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: "".join(lines).replace(old, new, 1).splitlines(keepends=True)


@pytest.mark.parametrize(
    "spoiled",
    [
        without(2),
        without(5),
        lambda lines: lines[:3],
        lambda lines: lines[:1],
        lambda lines: [],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines[:2], lines[1], *lines[2:5], "end,5\r\n"],
        replacing("EUR,12.30,", "EUR,12.31,"),
        replacing("re_a", '"re_a'),
        replacing("pi_2", "pi_2" * 50_000),
        replacing("09:00:01.000+00:00", "09:00:01.000"),
        replacing("JPY,500,500", "JPY,500.5,500.5"),
        replacing("JPY,500,500", "XYZ,500,500"),
        replacing("succeeded", "done"),
        replacing("2026-11-21T09:00:00.000+00:00", "yesterday"),
        replacing("13.00", "x"),
        replacing("13.00", "13.00,more"),
    ],
)
def test_an_inconsistent_statement_is_refused(spoiled: Callable[[list[str]], list[str]]) -> None:
    lines = FILE.splitlines(keepends=True)
    assert spoiled(lines) != lines
    with serve_canned_answer(200, "".join(spoiled(lines))) as url, pytest.raises(OutcomeUnknown):
        adapter("local", url).statement()
