"""The provider's statement: numbered, with a running total and a count, and accepted only as a whole."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from domain.adjustments.errors import OutcomeUnknown, StatementNotWhole
from domain.adjustments.provider_statement import StatementLine, UnreadableLine
from infrastructure.payments.statement_file import read_statement
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
        replacing("0.70,13.00", "0.70,13.01"),
        replacing("\r\n2,", "\r\n2,re_b\n,"),
    ],
)
def test_an_inconsistent_statement_is_refused(spoiled: Callable[[list[str]], list[str]]) -> None:
    lines = FILE.splitlines(keepends=True)
    assert spoiled(lines) != lines
    with serve_canned_answer(200, "".join(spoiled(lines))) as url, pytest.raises(OutcomeUnknown):
        adapter("local", url).statement()


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        (without(5), r"the last line is '4,re_d,.*'; a complete statement ends with end,N"),
        (without(2), "says that the statement has 4 refunds, and it has 3"),
        (lambda lines: lines[:1], "there is no line after the header"),
        (lambda lines: [], "it is empty: line 1 must be the header line,reference,key"),
        (lambda lines: ["\n", *lines[1:]], "line 1 must be the header line,reference.*it is ''"),
        (lambda lines: lines[1:], "line 1 must be the header line,reference.*it is '1,re_a"),
        (replacing(",key,", ",id,"), "line 1 must be the header .*missing: 'key'; unknown: 'id'"),
        (replacing("line,reference", "reference,line"), "its columns are in another order"),
        (
            replacing("\r\n3,", "\r\n4,"),
            "line 4 does not add up: its number is 4, and the refund is number 3",
        ),
        (
            replacing("0.70,13.00", "0.70,13.01"),
            "line 5 does not add up: its running total is 13.01 EUR, and the amounts before it give 13.00",
        ),
    ],
)
def test_what_is_wrong_with_a_statement_is_said_with_its_figures(
    spoiled: Callable[[list[str]], list[str]], words: str
) -> None:
    content = "".join(spoiled(FILE.splitlines(keepends=True))).encode()
    with pytest.raises(StatementNotWhole, match=words):
        read_statement(content)


ODD: list[tuple[str, str, int, str]] = [
    ("re_a", '"re_a', 2, "unexpected end of data"),
    ("pi_2", "pi_2" * 50_000, 3, "field larger than"),
    ("pi_2", "pi_2" * 200, 3, "an id is longer than 500 characters"),
    ("09:00:01.000+00:00", "09:00:01.000", 3, "has no time zone"),
    ("JPY,500,500", "JPY,500.5,500.5", 3, "500.5 has 1 decimals, JPY has 0"),
    ("JPY,500,500", "XYZ,500,500", 3, "XYZ is not a currency of ISO 4217"),
    ("JPY,500,500", "JPY,five,500", 3, "the amount is 'five', not an amount such as 12.30"),
    ("JPY,500,500", "JPY,NaN,500", 3, "the amount is 'NaN'"),
    ("JPY,500,500", "JPY,500", 3, "it has 8 fields, not 9"),
    ("2,re_b", "two,re_b", 3, "its number is 'two'"),
    ("2,re_b", "2,", 3, "it has no reference"),
    ("2,re_b", "", 3, "it has 8 fields, not 9"),
    ("succeeded", "done", 2, "the status is 'done', not one of pending, succeeded, failed"),
    ("2026-11-21T09:00:00.000+00:00", "yesterday", 2, "the time is 'yesterday'"),
    ("13.00", "x", 5, "the running total is 'x'"),
    ("13.00", "13.00,more", 5, "it has 10 fields, not 9"),
    ("re_b", "re\x00b", 3, "the control character '\\x00'"),
    ("re_b", "re\tb", 3, "the control character '\\t'"),
    ("re_b", "re\rb", 3, "the control character '\\r'"),
]


@pytest.mark.parametrize(("old", "new", "number", "why"), ODD)
def test_a_line_that_cannot_be_read_is_named_and_hides_no_other(
    old: str, new: str, number: int, why: str
) -> None:
    entries = read_statement(FILE.replace(old, new, 1).encode())
    assert len(entries) == 4
    unreadable = [one for one in entries if isinstance(one, UnreadableLine)]
    assert [one.number for one in unreadable] == [number]
    assert why in unreadable[0].detail
    assert len(unreadable[0].detail) < 300
    others = [one for one in entries if isinstance(one, StatementLine)]
    whole = [one for one in read_statement(FILE.encode()) if isinstance(one, StatementLine)]
    assert others == [one for n, one in enumerate(whole, 2) if n != number]


def test_an_unreadable_line_tells_what_of_it_can_be_read() -> None:
    (found,) = read_statement(FILE.replace("EUR,0.70", "XYZ,0.70").encode())[3:]
    assert found == UnreadableLine(
        number=5,
        detail="XYZ is not a currency of ISO 4217",
        reference="re_d",
        key="k4",
        payment="pi_1",
        created_at=datetime(2026, 11, 21, 9, 0, 3, tzinfo=UTC),
    )


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\u0085", "\u00a0"])
def test_only_a_line_feed_ends_a_line(odd: str) -> None:
    content = FILE.replace("pi_2", f"pi{odd}2").encode()
    assert [one.payment for one in read_statement(content)][1] == f"pi{odd}2"
    with serve_canned_answer(200, content.decode()) as url:
        assert len(list(adapter("local", url).statement())) == 4
    plain = content.replace(b"\r\n", b"\n")
    assert read_statement(plain) == read_statement(content)


def test_a_line_that_is_not_utf_8_is_named() -> None:
    entries = read_statement(FILE.encode().replace(b"re_b", b"re\xff"))
    (found,) = [one for one in entries if isinstance(one, UnreadableLine)]
    assert (found.number, found.detail) == (3, "not UTF-8 (byte 0xff at 4)")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_statement_is_read_in_other_encodings(encoding: str) -> None:
    assert read_statement(FILE.encode(encoding)) == read_statement(FILE.encode())


def test_totals_are_compared_again_after_an_unreadable_line() -> None:
    """The total of the unreadable line is not known; the next of its currency tells it."""
    more = "5,re_e,k5,pi_1,2026-11-21T09:00:04.000+00:00,succeeded,EUR,1.00,14.00\r\nend,5\r\n"
    longer = FILE.replace("end,4\r\n", more).replace("EUR,12.30,12.30", "XYZ,12.30,12.30", 1)
    assert len(read_statement(longer.encode())) == 5
    for wrong in ("15.00", "13.00"):
        with pytest.raises(StatementNotWhole, match="line 6 does not add up"):
            read_statement(longer.replace("1.00,14.00", f"1.00,{wrong}").encode())
    with pytest.raises(StatementNotWhole, match="line 5 does not add up"):
        read_statement(longer.replace("0.70,13.00", "0.70,0.50").encode())


def stripe_refund(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"re_{number}",
        "amount": 100,
        "currency": "eur",
        "created": 1_790_000_000 + number,
        "status": "succeeded",
        "payment_intent": "pi_1",
        "metadata": {"casetrail_adjustment": f"k{number}"},
        **more,
    }


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"currency": "xyz"}, "XYZ cannot be converted"),
        ({"currency": "ugx"}, "UGX cannot be converted"),
        ({"amount": "1.00"}, "$.amount"),
        ({"amount": None}, "$.amount"),
        ({"created": 10**20}, ""),
        ({"created": "now"}, "$.created"),
        ({"metadata": {"casetrail_adjustment": 7}}, "$.metadata"),
    ],
)
def test_an_odd_refund_of_stripe_is_named_and_hides_no_other(odd: dict[str, Any], why: str) -> None:
    listed = [stripe_refund(3), stripe_refund(2, **odd), stripe_refund(1)]
    with serve_canned_answer(200, json.dumps({"data": listed, "has_more": False})) as url:
        first, second, third = adapter("stripe", url).statement()
    assert (first.reference, third.reference) == ("re_1", "re_3")
    assert isinstance(second, UnreadableLine)
    assert (second.number, second.reference) == (2, "re_2")
    assert why in second.detail
