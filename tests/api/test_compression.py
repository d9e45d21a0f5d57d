"""Reads are compressed with gzip if the client accepts it, assets are sent only when they have changed, and
every response forbids content type sniffing."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from uuid import uuid4

import httpx2
import pytest

from api.http.compression import SMALLEST_BYTES, compressed, takes_gzip
from tests.api.running_service import RunningService
from tests.api.signals import open_case, order_id, placed, send

GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}
LIST = "/v1/events"


def raw(
    client: httpx2.Client, path: str, headers: Mapping[str, str]
) -> tuple[httpx2.Response, bytes]:
    """The response, and its body before decompression."""
    with client.stream("GET", path, headers=dict(headers)) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("GZip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("x-gzip", True),
        ("", False),
        ("identity", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("gzip;q=nothing", False),
    ],
)
def test_gzip_is_sent_only_to_clients_that_accept_it(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted.encode()) is takes


def test_a_compressed_list_has_the_same_content(ana: httpx2.Client) -> None:
    send(ana, *(placed(order_id()) for _ in range(20)))
    path = f"{LIST}?limit=20"
    (zipped, small), (whole, plain) = raw(ana, path, GZIP), raw(ana, path, PLAIN)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in whole.headers
    assert json.loads(gzip.decompress(small))["items"] == json.loads(plain)["items"]
    assert int(zipped.headers["Content-Length"]) == len(small) < len(plain) / 3
    assert int(whole.headers["Content-Length"]) == len(plain)
    assert zipped.headers["Vary"] == whole.headers["Vary"] == "Accept-Encoding"


def test_a_response_in_several_types_varies_by_type_and_encoding(ana: httpx2.Client) -> None:
    path = f"/v1/cases/{open_case(ana)}/trail"
    for kind in ("application/json", "text/html", "text/csv"):
        answer, body = raw(ana, path, {**GZIP, "Accept": kind})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert answer.headers["Content-Type"].startswith(kind)
        assert gzip.decompress(body) == raw(ana, path, {**PLAIN, "Accept": kind})[1]


def test_a_small_response_is_not_compressed(ana: httpx2.Client) -> None:
    answer, body = raw(ana, "/problems/case-changed", GZIP)
    assert len(body) < SMALLEST_BYTES
    assert "Content-Encoding" not in answer.headers
    assert json.loads(body)["status"] == 412


def test_a_response_with_an_etag_is_not_compressed(ana: httpx2.Client) -> None:
    address = f"/v1/cases/{open_case(ana)}"
    piece = {"ref": f"dhl/{'x' * 290}", "type": "photo", "title": "t" * 200}
    etag = {"If-Match": ana.get(address).headers["ETag"]}
    assert ana.post(f"{address}/evidence", json=piece, headers=etag).status_code == 200
    answer, body = raw(ana, address, GZIP)
    assert len(body) >= SMALLEST_BYTES
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["ETag"] == f'"{json.loads(body)["version"]}"'


def test_a_retry_gets_the_first_response_byte_for_byte(ana: httpx2.Client) -> None:
    case = open_case(ana)
    headers = {**GZIP, "If-Match": ana.get(f"/v1/cases/{case}").headers["ETag"]}
    headers["Idempotency-Key"] = str(uuid4())
    bodies = []
    for _ in range(2):
        path = f"/v1/cases/{case}/claim"
        with ana.stream("POST", path, headers=headers) as answer:
            bodies.append(b"".join(answer.iter_raw()))
            assert answer.status_code == 200
            assert "Content-Encoding" not in answer.headers
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert bodies[0] == bodies[1]


def test_server_sent_events_are_not_buffered(ana: httpx2.Client) -> None:
    with ana.stream("GET", "/v1/views/sla/stream", headers=GZIP) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert b"\n" in next(answer.iter_raw())


def test_compression_is_deterministic() -> None:
    body = b"the same " * 1_000
    assert compressed(body) == compressed(body)
    assert gzip.decompress(compressed(body)) == body


FILES = ("/", "/docs", "/openapi.json", "/console/page.js", "/console/words.json")


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("encoding", [GZIP, PLAIN], ids=["gzip", "identity"])
def test_a_file_is_sent_again_only_when_it_has_changed(
    server: RunningService, path: str, encoding: dict[str, str]
) -> None:
    with server.client_as(None) as nobody:
        answer, body = raw(nobody, path, encoding)
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers.get("Content-Encoding", "identity") == encoding["Accept-Encoding"]
        tag = answer.headers["ETag"]
        assert tag.startswith('"')
        for told in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again, nothing = raw(nobody, path, {**encoding, "If-None-Match": told})
            assert (again.status_code, nothing) == (304, b"")
            assert again.headers["ETag"] == tag
            assert again.headers["Cache-Control"] == "no-cache"
        for told in ('"other"', '"x,*,y"', "W/*", '"other", *'):
            changed, whole = raw(nobody, path, {**encoding, "If-None-Match": told})
            assert (changed.status_code, whole) == (200, body)


def test_each_encoding_of_a_file_has_an_etag_of_its_own(server: RunningService) -> None:
    with server.client_as(None) as nobody:
        (zipped, small), (whole, plain) = (raw(nobody, "/docs", one) for one in (GZIP, PLAIN))
        assert gzip.decompress(small) == plain
        tag = zipped.headers["ETag"]
        assert tag != whole.headers["ETag"]
        assert raw(nobody, "/docs", {**PLAIN, "If-None-Match": tag})[0].status_code == 200


def test_a_page_loads_its_scripts_by_version_and_they_are_cached(server: RunningService) -> None:
    with server.client_as(None) as nobody:
        for page in ("/", "/docs"):
            named = re.findall(r'(?:src|href)="(/console/[^"]+)"', nobody.get(page).text)
            assert len(named) >= 2
            for address in named:
                answer = nobody.get(address)
                assert answer.status_code == 200
                assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        stale = nobody.get("/console/page.js?v=another")
        assert stale.headers["Cache-Control"] == "no-cache"


def test_the_console_loads_the_words_of_its_forms_and_not_the_whole_contract(
    server: RunningService,
) -> None:
    with server.client_as(None) as nobody:
        told = nobody.get("/console/words.json")
        assert len(told.content) < 4_000
        schemas = nobody.get("/openapi.json").json()["components"]["schemas"]
        assert {name: schemas[name]["enum"] for name in told.json()} == {
            name: sorted(words) for name, words in told.json().items()
        }
        scripts = re.findall(r'"(/console/[^"]+\.js[^"]*)"', nobody.get("/").text)
        text = "".join(nobody.get(script).text for script in scripts)
    assert "openapi.json" not in text
    assert set(re.findall(r'choice\("\w+", "[^"]+", "(\w+)"\)', text)) == set(told.json())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/docs", 200),
        ("/openapi.json", 200),
        ("/console/page.js", 200),
        ("/console/nothing.js", 404),
        ("/nothing", 404),
        ("/v1/queues", 200),
        ("/v1/cases/none", 404),
        ("/v1/views/sla?due=x", 400),
        ("/problems/case-changed", 200),
        ("/livez", 200),
        ("/readyz", 200),
    ],
)
def test_every_response_forbids_sniffing_and_storing(
    ana: httpx2.Client, server: RunningService, path: str, status: int
) -> None:
    answer = ana.get(path)
    assert answer.status_code == status
    with server.client_as(None) as nobody:
        for one in (answer, nobody.get(path), ana.delete(path)):
            assert one.headers.get_list("X-Content-Type-Options") == ["nosniff"]
            is_page = one.status_code == 200 and not path.startswith(
                ("/v1", "/livez", "/readyz", "/pr")
            )
            assert one.headers.get_list("Cache-Control") == ["no-cache" if is_page else "no-store"]
