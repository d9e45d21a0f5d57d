"""A client that does not complete the head of a request is disconnected; slow answers are not cut off."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest
import uvicorn

from api.http import single_write
from api.http.single_write import SingleWriteProtocol
from api.serving import listen

LIMIT = 0.5
ANSWER = b"HTTP/1.1 200 OK"


async def answer_slowly(scope: object, receive: object, send: object) -> None:
    """Answer longer than a head may take."""
    await asyncio.sleep(3 * LIMIT)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
    )  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"done"})  # type: ignore[operator]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(single_write, "HEAD_SECONDS", LIMIT)
    with listen("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            answer_slowly,  # type: ignore[arg-type]
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


async def is_closed_by_server(port: int, *pieces: bytes) -> bool:
    """Send the pieces, each after a short time; whether the server closes the connection afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(LIMIT / 5)
        return await asyncio.wait_for(reader.read(), 4 * LIMIT) == b""
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
