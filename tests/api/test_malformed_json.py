"""A body that is no JSON gets an error that says what is wrong, where, and what to do."""

import json

import httpx2
import pytest

from api.http.errors import MalformedBody
from api.http.json_keys import decode_body, require_unique_keys
from api.http.signal_bodies import parse_items
from domain.errors import Invalid
from domain.orders.signal_body import Promise
from tests.api.signals import JSON, order_id, placed
from tests.api.test_problems import assert_problem

DEEP = b"[" * 3000 + b"]" * 3000
MALFORMED = [
    (b"", "the body is empty; send JSON"),
    (b" \n", "the body is empty; send JSON"),
    (b'{"a": "x', "the body ends too early, at byte 8"),
    (b'{"a": "\\ud800"}', "\\ud800 at byte 7 is half of a character (a lone surrogate)"),
    (b'{"a": "\\udc00 \\ud83d"}', "\\udc00 at byte 7 is half of a character"),
    (b'{"a": "\\ud83d\\ude00 \\ud83d"}', "\\ud83d at byte 20 is half of a character"),
    (b'{"a": "caf\xe9"}', "not UTF-8 (byte 0xe9 at 10); write it in UTF-8"),
    (b'{"caf\xe9": 1}', "not UTF-8 (byte 0xe9 at 5)"),
    (b'{"a": "x\0"}', "a NUL character at byte 8; leave it out"),
    (b'{"a": 1}\0', "a NUL character at byte 8"),
    (b'{"a": 1} {}', "not JSON at byte 9: '{' comes after the end of the document"),
    (b"{'a': 1}", 'not JSON at byte 1: "\'" does not belong here'),
    (b'{"a":\n nul}', "not JSON at line 2, byte 1: 'n' does not belong here"),
    (b'{"a": NaN}', "not JSON at byte 6: NaN is no number of JSON"),
    (b'{"a": 01}', "not JSON at byte 7: not a number; numbers have no leading zero"),
    (b'{"a" 1}', "not JSON at byte 5: a colon is missing before '1'"),
    (b'{"a": 1 "b": 2}', "not JSON at byte 8: a comma is missing before"),
    (b'{"a": "x\ny"}', "not JSON at line 1, byte 8: '\\n' is a control character"),
    (b'{"a": "\\x"}', "a backslash begins an escape such as \\n"),
    (b'{"a": 1e999}', "the number at byte 6 is too large"),
    (b'{"7": "1e999", "a": ' + b"9" * 5000 + b"}", "the number at byte 20 is too large"),
    (b'{"a": ' + DEEP + b"}", "nested too deeply: its lists and objects have 3001 levels"),
    ('{"a": 1}'.encode("utf-16-le"), "UTF-16"),
    ('{"a": 1}'.encode("utf-16-be"), "UTF-16"),
]


@pytest.mark.parametrize(("body", "words"), MALFORMED)
def test_the_error_of_a_signal_says_what_is_wrong_and_where(body: bytes, words: str) -> None:
    with pytest.raises(MalformedBody) as found:
        parse_items(body, "application/json")
    assert words in found.value.detail


@pytest.mark.parametrize(("body", "words"), [one for one in MALFORMED if one[0]])
def test_the_error_of_another_body_says_the_same(body: bytes, words: str) -> None:
    for read in (lambda: require_unique_keys(body), lambda: decode_body(body, Promise, "x")):
        with pytest.raises(MalformedBody) as found:
            read()
        assert words in found.value.detail


def test_a_body_of_another_shape_has_every_fault_with_its_pointer() -> None:
    with pytest.raises(Invalid) as found:
        decode_body(b'{"delivery_date": "soon", "more": 1}', Promise, "the promise")
    assert [fault.pointer for fault in found.value.faults] == ["/delivery_date", "/more"]


def test_a_line_of_several_is_named_by_its_number() -> None:
    lines = [b"", b'{"a": 1,}', b'{"a": "caf\xe9"}', b'{"a": ']
    items, _ = parse_items(b"\n".join(lines), "application/x-ndjson")
    assert [str(item) for item in items] == [
        "not JSON at line 2, byte 8: there is a comma too many before }",
        "line 3: not UTF-8 (byte 0xe9 at 10); write it in UTF-8",
        "the line ends too early, at line 4, byte 6: a text, a list or an object is not closed",
    ]


def test_a_signal_of_an_array_is_refused_by_itself() -> None:
    body = b'[{"a": "\\ud800"}]'
    with pytest.raises(MalformedBody, match="half of a character"):
        parse_items(body, "application/json")
    items, _ = parse_items(b'[{"type": "x"}, {"a": "caf\xe9"}]', "application/json")
    assert "not UTF-8 (byte 0xe9 at 10)" in str(items[1])


@pytest.mark.parametrize(("body", "words"), MALFORMED)
@pytest.mark.parametrize("path", ["/v1/signals", "/v1/cases"])
def test_the_answer_has_no_word_of_the_decoder(
    ana: httpx2.Client, path: str, body: bytes, words: str
) -> None:
    answer = ana.post(path, content=body, headers=JSON)
    detail = assert_problem(answer, 400, "malformed-body")["detail"]
    assert words in detail
    for leaked in ("msgspec", "codec", "deserializ", "Input data", "malformed"):
        assert leaked not in detail


def test_whole_characters_by_two_escapes_are_read(shop: httpx2.Client) -> None:
    body = json.dumps({**placed(order_id()), "id": "grin \U0001f600"})
    assert "\\ud83d\\ude00" in body
    assert shop.post("/v1/signals", content=body, headers=JSON).status_code == 200
