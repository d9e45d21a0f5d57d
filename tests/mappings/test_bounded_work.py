"""However an expression repeats itself, a delivery is read within its steps, or refused in a second or two."""

from typing import Any

import pytest

from infrastructure.mappings.documents import parse_mapping
from infrastructure.mappings.work import MOST_STEPS
from tests.mappings.mapped import documents, faults, one_field, quoted, read, value_of

TOO_MUCH = f"it takes more than {MOST_STEPS} steps to read"
BODY = {
    "a": "aaaaaaaaaa",
    "list": list(range(10_000)),
    "small": list(range(100)),
    "long": "x" * 1_000_000,
    "texts": ["y" * 100_000] * 100,
}


def piped(start: str, step: str, times: int = 60) -> str:
    return "|".join([start, *[step] * times])


def in_itself(expression: str, start: str) -> str:
    """The expression with itself for `@`, as often as it fits."""
    found = start
    while len(found) + len(expression) < 1_000:
        found = expression.replace("@", found, 1)
    return found


@pytest.mark.parametrize(
    "expression",
    [
        in_itself("replace(@, 'a', 'aaaaaaaaaa')", "a"),
        in_itself("replace(@, '', 'aaaaaaaaaa')", "a"),
        in_itself("join(to_string(small), [@, long])", "long"),
        in_itself("to_string([@, '\"'])", "'\"'"),
        piped("@", "[@,@]"),
        piped("@", "{a: @, b: @}"),
        f"to_string({piped('@', '[@,@]')})",
        f"length({piped('small', '[@,@][]')})",
        f"({piped('@', '[@,@]', 40)}) == ({piped('@', '[@,@]', 40)})",
        f"contains(list, {piped('@', '[@,@]', 40)})",
        f"contains(map(&root().long, list), {piped('long', '@', 3)})",
        f"join('', {piped('texts', '[@,@][]', 20)})",
        f"sort({piped('texts', '[@,@][]', 20)})[0]",
        "length(map(&length(map(&length(map(&index(), root().list)), root().list)), root().list))",
        "length(list[?length(root().list[?@ == `7`]) == `7`])",
        "sort_by(list, &root().long)[0]",
        "length(list[*].upper(root().long))",
        "list[*].root()",
    ],
)  # fmt: skip
def test_an_expression_that_repeats_itself_without_end_is_refused_soon(expression: str) -> None:
    text = one_field(quoted(expression)).replace("  - signals", '  - of: "@"\n    signals')
    ((pointer, detail),) = faults(read(text, BODY))
    assert (pointer, detail[: len(TOO_MUCH)]) == ("", TOO_MUCH)


@pytest.mark.parametrize(
    ("each", "when", "reason"),
    [
        ('[list, "root().list", "root().list"]', "`true`", "it states more than 10000 signals"),
        ('[list, "root().list", "root().list"]', "`false`", TOO_MUCH),
        ('[list, "root().list"]', "`false`", TOO_MUCH),
    ],
)
def test_lists_in_lists_end_with_the_signals_or_the_steps(
    each: str, when: str, reason: str
) -> None:
    text = one_field("index()").replace(
        "        fields:", f'        each: {each}\n        when: "{when}"\n        fields:'
    )
    text = text.replace("  - signals", '  - of: "@"\n    signals')
    ((_, detail),) = faults(read(text, BODY))
    assert detail.startswith(reason)


def test_values_that_look_nothing_up_are_paid_for_too() -> None:
    empty = f"[{', '.join(['[]'] * 2_000)}]"
    text = one_field(f"{{$each: list, as: {empty}}}").replace("  - signals", '  - of: "@"\n    signals')  # fmt: skip
    ((_, detail),) = faults(read(text, BODY))
    assert detail.startswith(TOO_MUCH)


def test_signals_that_are_refused_cost_more_than_sound_ones() -> None:
    text = one_field("'`1`'").replace("        fields:", "        each: list\n        fields:")
    ((_, detail),) = faults(read(text.replace("\"'A'\"", "nothing"), BODY))
    assert detail.startswith(TOO_MUCH)


def test_each_delivery_has_its_own_steps() -> None:
    mapping = parse_mapping(one_field("length(list[?@ > `5`])"))
    for _ in range(30):
        assert documents(read(mapping, BODY))[0]["reason"] == "9994"


def test_a_page_of_many_sound_signals_is_read() -> None:
    text = one_field("note").replace("        fields:", "        each: r\n        fields:")
    text = text.replace("\"'1'\"", "id")
    body = {"r": [{"id": n, "note": "n" * 60} for n in range(10_000)]}
    assert len(documents(read(text, body))) == 10_000


def test_many_beginnings_of_codes_are_searched_at_once() -> None:
    listed = ", ".join(f"'{n}x*': {n}" for n in range(9_000))
    text = one_field(
        "{$each: list, as: {$code: {of: \"join('', [to_string(@), 'X7'])\", table: t}}}"
    )
    text = text.replace("tables: {", f"tables: {{t: {{{listed}}}, ", 1)
    result = read(text.replace("  - signals", '  - of: "@"\n    signals'), BODY)
    assert [one.code for one in result.unknown_codes][:2] == ["9000X7", "9001X7"]


@pytest.mark.parametrize("number", ["1_0", "٣", "nan", "infinity", "0x10", " ", "1" * 200])
def test_a_text_that_only_python_reads_as_a_number_is_none(number: Any) -> None:
    assert value_of(quoted("to_number(a)"), {"a": number}) is None
    if number.strip():
        ((_, detail),) = faults(read(one_field(quoted("times(a, `2`)")), {"a": number}))
        assert "is no number" in detail


def test_a_blank_that_the_document_writes_stays() -> None:
    assert value_of("{$join: [a, \"' '\", b, \"''\"]}", {"a": "x", "b": "y"}) == "x y"
    assert value_of("{$join: [a, \"' '\", b]}", {"a": "x", "b": " "}) is None
