"""A client that does not complete the head of a request, or sends its body too slowly, is disconnected; slow answers are
not cut off."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import uvicorn

from api.http import single_write
from api.http.single_write import SingleWriteProtocol
from api.serving import listen

LIMIT = 0.5
BODY_LIMIT = 3 * LIMIT
BODY_BYTES = 1_000
ANSWER = b"HTTP/1.1 200 OK"


async def answer_slowly(scope: object, receive: object, send: object) -> None:
    """Answer longer than a head may take."""
    await asyncio.sleep(3 * LIMIT)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
    )  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"done"})  # type: ignore[operator]


async def read_late(scope: object, receive: Any, send: Any) -> None:
    """Take the body only long after it was sent; the answer is its size."""
    await asyncio.sleep(2.5 * BODY_LIMIT)
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    headers = [(b"content-length", str(len(str(size))).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def read_all(scope: object, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body", False):
        pass
    await answer_slowly(scope, receive, send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[int]:
    monkeypatch.setattr(single_write, "HEAD_SECONDS", LIMIT)
    monkeypatch.setattr(single_write, "BODY_SECONDS", BODY_LIMIT)
    monkeypatch.setattr(single_write, "BODY_BYTES", BODY_BYTES)
    app = getattr(request, "param", answer_slowly)
    with listen("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            app,
            http=SingleWriteProtocol,
            log_level="critical",
            lifespan="off",
            timeout_keep_alive=30,
        )
        server = uvicorn.Server(config)
        arguments = {"sockets": [listener]}
        thread = threading.Thread(target=server.run, kwargs=arguments, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


async def is_closed_by_server(port: int, *pieces: bytes, seconds: float = 4 * LIMIT) -> bool:
    """Send the pieces, each after a short time; whether the server closes the connection afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(LIMIT / 5)
        return await asyncio.wait_for(reader.read(), seconds) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    finally:
        writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"GET / HT"],
        [b"GET / HTTP/1.1\r\n", b"Host: a\r\n"],
        [b"GET / HTTP/1.1\r\n", *[b"X-A: a\r\n"] * 8],
        [b"\r\n"] * 8,
    ],
)
def test_a_request_whose_head_is_not_complete_in_time_is_ended(
    port: int, pieces: list[bytes]
) -> None:
    assert asyncio.run(is_closed_by_server(port, *pieces))


def test_a_second_request_on_a_connection_has_the_same_limit(port: int) -> None:
    async def second(*pieces: bytes) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"done")).startswith(ANSWER)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(LIMIT / 5)
        left = await asyncio.wait_for(reader.read(), 4 * LIMIT)
        writer.close()
        return left == b""

    assert asyncio.run(second(b"GET / HT", b"TP/1.1\r\nX: "))
    assert asyncio.run(second(*[b"\r\n"] * 4))


def test_a_slow_answer_and_a_slow_body_are_not_cut_off(port: int) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(4):
            time.sleep(LIMIT / 2)
            yield b"x"

    assert httpx2.get(f"http://127.0.0.1:{port}/", timeout=10).text == "done"
    assert httpx2.post(f"http://127.0.0.1:{port}/", content=body(), timeout=10).text == "done"


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("port", [read_all], indirect=True, ids=["reads"])
@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD],
        [HEAD + b"x" * 100_000],
        [HEAD, b"x"],
        [HEAD, *[b"x"] * 12],
        [CHUNKED, *[b"1\r\nx\r\n"] * 12],
        [CHUNKED, b"1\r\nx\r\n0\r\n"],
    ],
    ids=["none", "stops", "one", "trickle", "chunks", "no-end"],
)
def test_a_body_that_comes_too_slowly_is_ended(port: int, pieces: list[bytes]) -> None:
    assert asyncio.run(is_closed_by_server(port, *pieces, seconds=4 * BODY_LIMIT))


@pytest.mark.parametrize("port", [read_late], indirect=True, ids=["late"])
@pytest.mark.parametrize("size", [10, 300_000])
def test_a_body_that_we_do_not_take_is_not_the_clients_fault(port: int, size: int) -> None:
    answer = httpx2.post(f"http://127.0.0.1:{port}/", content=b"x" * size, timeout=20)
    assert answer.text == str(size)


@pytest.mark.parametrize("port", [read_late, read_all], indirect=True, ids=["late", "reads"])
def test_a_body_that_comes_steadily_is_taken(port: int) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(10):
            time.sleep(BODY_LIMIT / 3)
            yield b"x" * (BODY_BYTES // 2)

    answer = httpx2.post(f"http://127.0.0.1:{port}/", content=body(), timeout=20)
    assert answer.status_code == 200


LONG = b"X-Long: " + b"a" * 30_000 + b"\r\n"
START = b"GET / HTTP/1.1\r\nHost: a\r\n"


async def flooded(port: int, start: bytes, piece: bytes, most: int) -> tuple[int, bytes]:
    """How much of a flood was sent before the server answered or closed the connection, and the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent, answer = 0, b""

    async def hear() -> None:
        nonlocal answer
        while some := await reader.read(1_000):
            answer += some

    hearing = asyncio.create_task(hear())
    with suppress(ConnectionError):
        writer.write(start)
        while sent < most and not answer and not hearing.done():
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0.01)
    with suppress(ConnectionError, TimeoutError):
        await asyncio.wait_for(hearing, 4 * LIMIT)
    writer.close()
    return sent, answer


@pytest.mark.parametrize("port", [read_all], indirect=True, ids=["reads"])
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (START, LONG),
        (START + b"X-Long: ", b"a" * 10_000),
        (b"GET /" + b"a" * 1_000, b"a" * 10_000),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", LONG),
        (CHUNKED + b"5\r\nhello\r\n0\r\nX: ", b"a" * 10_000),
        (CHUNKED + b"5;name=", b"a" * 10_000),
    ],
    ids=["headers", "one", "path", "trailers", "trailer", "extension"],
)
def test_a_request_without_end_is_ended(port: int, start: bytes, piece: bytes) -> None:
    sent, _ = asyncio.run(flooded(port, start, piece, 3_000_000))
    assert sent < 1_000_000


def test_a_large_head_is_refused_with_what_is_wrong(port: int) -> None:
    _, answer = asyncio.run(flooded(port, START, LONG, 1_000_000))
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert answer.endswith(b"The request line and the headers have more than 65536 bytes.")
    _, answer = asyncio.run(flooded(port, START + LONG, b"\r\n", 2))
    assert answer.startswith(ANSWER)


@pytest.mark.parametrize("port", [read_late], indirect=True, ids=["late"])
def test_small_chunks_of_a_large_body_are_taken(port: int) -> None:
    async def told() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        answer = await reader.readuntil(b"50000")
        writer.close()
        return answer

    assert asyncio.run(told()).startswith(ANSWER)


def test_bytes_that_are_no_request_are_refused_with_the_usual_headers(port: int) -> None:
    async def told() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"NONSENSE\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    answer = asyncio.run(told())
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"x-content-type-options: nosniff\r\n" in answer
    assert b"cache-control: no-store\r\n" in answer
