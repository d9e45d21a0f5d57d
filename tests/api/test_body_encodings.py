"""Bodies as tools write them: byte order marks, UTF-16, gzip, odd line ends. What cannot be read is refused by
name."""

import codecs
import gzip
import json
import time

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import JSON, NDJSON, JsonObject, cancelled, captured, order_id, placed
from tests.api.test_problems import assert_problem

GZIP = {"Content-Encoding": "gzip"}
MEBIBYTE = 1 << 20


def two() -> list[JsonObject]:
    order = order_id()
    return [placed(order), captured(order)]


def texts(items: list[JsonObject]) -> list[str]:
    return [json.dumps(item, ensure_ascii=False) for item in items]


def send_lines(shop: httpx2.Client, body: bytes, **headers: str) -> JsonObject:
    answer = shop.post("/v1/signals", content=body, headers={**NDJSON, **headers})
    assert answer.status_code == 200, answer.text
    told: JsonObject = answer.json()
    return told


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n", "\n \t\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_read_in_every_encoding(
    shop: httpx2.Client, ending: str, encoding: str, packed: bool
) -> None:
    body = ending.join([*texts(two()), ""]).encode(encoding)
    headers = GZIP if packed else {}
    told = send_lines(shop, gzip.compress(body) if packed else body, **headers)
    assert (told["recorded"], told["refused"]) == (2, 0), told


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_an_array_and_one_object_may_begin_with_a_byte_order_mark(
    shop: httpx2.Client, mark: bytes, encoding: str
) -> None:
    one, other = two()
    for text in (json.dumps(one), f" [{json.dumps(other)}]"):
        answer = shop.post("/v1/signals", content=mark + text.encode(encoding), headers=JSON)
        assert answer.status_code == 200, answer.text
    assert answer.json()["recorded"] == 1


def test_a_byte_order_mark_inside_of_put_together_files_is_read(shop: httpx2.Client) -> None:
    body = b"".join(codecs.BOM_UTF8 + text.encode() + b"\n" for text in texts(two()))
    assert send_lines(shop, body)["recorded"] == 2


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\u0085"])
def test_a_character_inside_of_a_text_ends_no_line(shop: httpx2.Client, odd: str) -> None:
    items = [placed(order_id()), cancelled(order_id(), reason=f"one{odd}two")]
    told = send_lines(shop, "\n".join(texts(items)).encode())
    assert (told["recorded"], told["refused"]) == (2, 0), told


def test_utf_16_without_a_mark_is_refused_by_name(shop: httpx2.Client) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        body = json.dumps(placed(order_id())).encode(encoding)
        answer = shop.post("/v1/signals", content=body, headers=JSON)
        detail = assert_problem(answer, 400, "malformed-body")["detail"]
        assert "UTF-16 without a byte order mark" in detail
        assert "UTF-8" in detail


def test_a_broken_utf_16_is_refused_by_name(shop: httpx2.Client) -> None:
    body = json.dumps(placed(order_id())).encode("utf-16")[:-1]
    answer = shop.post("/v1/signals", content=body, headers=JSON)
    assert "not UTF-16 (byte" in assert_problem(answer, 400, "malformed-body")["detail"]


def test_a_line_that_is_not_utf_8_is_refused_by_name(shop: httpx2.Client) -> None:
    one, other = two()
    body = json.dumps({**one, "id": "x"}).replace('"x"', '"caf\xe9"').encode("latin-1")
    told = send_lines(shop, body + b"\n" + json.dumps(other).encode())
    assert (told["recorded"], told["refused"]) == (1, 1)
    detail = told["items"][0]["problem"]["detail"]
    assert "not UTF-8 (byte 0xe9 at " in detail
    assert "write it in UTF-8" in detail


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip", "identity, gzip", "gzip, identity"])
def test_gzip_may_be_named_in_several_ways(shop: httpx2.Client, name: str) -> None:
    body = gzip.compress(json.dumps(placed(order_id())).encode())
    headers = {**JSON, "Content-Encoding": name}
    assert shop.post("/v1/signals", content=body, headers=headers).status_code == 200


def test_an_identity_encoding_changes_nothing(shop: httpx2.Client) -> None:
    body = json.dumps(placed(order_id())).encode()
    headers = {**JSON, "Content-Encoding": "identity"}
    assert shop.post("/v1/signals", content=body, headers=headers).status_code == 200


def test_gzip_that_is_not_declared_is_refused_by_name(shop: httpx2.Client) -> None:
    for kind in ("application/json", "application/x-ndjson"):
        answer = shop.post("/v1/signals", content=SOUND, headers={"Content-Type": kind})
        detail = assert_problem(answer, 400, "malformed-body")["detail"]
        assert "packed by gzip" in detail
        assert "Content-Encoding: gzip" in detail


def test_gzip_of_several_members_is_read_whole(shop: httpx2.Client) -> None:
    body = b"".join(gzip.compress(f"{text}\n".encode()) for text in texts(two()))
    assert send_lines(shop, body, **GZIP)["recorded"] == 2


@pytest.mark.parametrize("name", ["br", "deflate", "zstd", "compress", "gzip, br", "gzip, gzip"])
def test_an_unsupported_encoding_is_refused_with_the_supported_one(
    shop: httpx2.Client, name: str
) -> None:
    body = json.dumps(placed(order_id())).encode()
    answer = shop.post("/v1/signals", content=body, headers={**JSON, "Content-Encoding": name})
    detail = assert_problem(answer, 415, "encoding-not-supported")["detail"]
    assert name in detail
    assert "send gzip" in detail
    assert answer.headers["Accept-Encoding"] == "gzip"


SOUND = gzip.compress(json.dumps([placed(order_id()) for _ in range(20)]).encode())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (SOUND[:-9], "broken or cut off"),
        (SOUND[:-4], "broken or cut off"),
        (SOUND[:11], "broken or cut off"),
        (SOUND[:2], "broken or cut off"),
        (SOUND[:-8] + b"\0\0\0\0" + SOUND[-4:], "broken or cut off"),
        (SOUND[:20] + b"\xff\xff\xff" + SOUND[23:], "broken or cut off"),
        (SOUND + b"more", "broken or cut off"),
        (b'{"type": "order.placed"}', "not gzip"),
    ],
    ids=["no end", "half an end", "a start", "two bytes", "checksum", "content", "more", "plain"],
)
def test_a_broken_gzip_is_refused_by_name(shop: httpx2.Client, body: bytes, words: str) -> None:
    answer = shop.post("/v1/signals", content=body, headers={**JSON, **GZIP})
    assert words in assert_problem(answer, 400, "malformed-body")["detail"]


def test_the_unpacked_body_has_the_limit_of_a_body(shop: httpx2.Client) -> None:
    sound = json.dumps(placed(order_id())).encode()
    fits = sound + b" " * (MEBIBYTE - len(sound))
    headers = {**JSON, **GZIP}
    assert shop.post("/v1/signals", content=gzip.compress(fits), headers=headers).is_success
    answer = shop.post("/v1/signals", content=gzip.compress(fits + b" "), headers=headers)
    assert str(MEBIBYTE) in assert_problem(answer, 413, "too-large")["detail"]


def test_a_bomb_is_refused_before_it_is_unpacked(shop: httpx2.Client) -> None:
    """Almost a GiB; unpacking it would take seconds."""
    layer = gzip.compress(b" " * (64 << 20), 9)
    bomb = layer * (MEBIBYTE // len(layer))
    began = time.perf_counter()
    answer = shop.post("/v1/signals", content=bomb, headers={**JSON, **GZIP})
    assert_problem(answer, 413, "too-large")
    assert time.perf_counter() - began < 1
    packed = shop.post("/v1/signals", content=b"\0" * (MEBIBYTE + 1), headers={**JSON, **GZIP})
    assert_problem(packed, 413, "too-large")


def test_other_routes_unpack_their_bodies_too(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        body = gzip.compress(b"%PDF-1.4 small")
        headers = {"Content-Type": "application/pdf", **GZIP}
        packed = ana.post("/v1/evidence", content=body, headers=headers)
        plain = ana.post(
            "/v1/evidence", content=b"%PDF-1.4 small", headers={"Content-Type": "application/pdf"}
        )
        assert packed.is_success, packed.text
        assert packed.json()["ref"] == plain.json()["ref"]


def test_a_retry_with_the_same_key_may_be_packed(shop: httpx2.Client) -> None:
    body = json.dumps(placed(order_id())).encode()
    headers = {**JSON, "Idempotency-Key": order_id()}
    first = shop.post("/v1/signals", content=body, headers=headers)
    again = shop.post("/v1/signals", content=gzip.compress(body), headers={**headers, **GZIP})
    assert (again.status_code, again.json()) == (first.status_code, first.json())


def test_without_a_token_nothing_is_unpacked(server: RunningService) -> None:
    with server.client_as(None) as nobody:
        answer = nobody.post("/v1/signals", content=SOUND, headers={**JSON, **GZIP})
    assert_problem(answer, 401, "not-authenticated")
