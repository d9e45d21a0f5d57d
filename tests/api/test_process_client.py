"""A server process gets the whole answer of another one, or an error that says why there is none."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from api.http.process_client import Answer, NoAnswer, ProcessClient

TARGET = b"/v1/signals?shop=a"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of a request."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: ([0-9]+)", head)
    return head, await reader.readexactly(int(found[1]) if found is not None else 0)


def answering(*parts: bytes, requests: list[tuple[bytes, bytes]] | None = None) -> Serve:
    """A process that answers every request on a connection with these parts, one after the other."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            if requests is not None:
                requests.append(request)
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)

    return serve


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Position: 7\r\n\r\nok"


@asynccontextmanager
async def process(serve: Serve) -> AsyncIterator[tuple[ProcessClient, list[int]]]:
    """A client of a process, and the connections to it, each as its port."""
    connections: list[int] = []
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer.get_extra_info("peername")[1])
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield ProcessClient(f"http://127.0.0.1:{port}"), connections
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await asyncio.sleep(0.05)  # the client's ends close, too


def ask_all(serve: Serve, bodies: Sequence[bytes]) -> tuple[list[Answer], int]:
    """The answers to these bodies, one after the other, and how many connections they took."""

    async def run() -> tuple[list[Answer], int]:
        async with process(serve) as (client, connections):
            answers = [await client.ask("POST", TARGET, [(b"a", b"b")], body) for body in bodies]
            return answers, len(connections)

    return asyncio.run(run())


def test_a_request_arrives_whole_and_the_connection_is_kept() -> None:
    requests: list[tuple[bytes, bytes]] = []
    answers, connections = ask_all(
        answering(OK, requests=requests), [b"one", b"", b"x" * 3_000_000]
    )
    assert connections == 1
    assert answers == [
        Answer(200, [(b"content-length", b"2"), (b"x-position", b"7")], b"ok") for _ in range(3)
    ]
    assert [body for _, body in requests] == [b"one", b"", b"x" * 3_000_000]
    assert requests[0][0].startswith(b"POST /v1/signals?shop=a HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\na: b\r\n" in requests[0][0]


@pytest.mark.parametrize(
    "parts",
    [
        [OK[:5], OK[5:30], OK[30:]],
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-position: 7\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
        ],
    ],
    ids=["in pieces", "chunked"],
)
def test_an_answer_is_read_to_its_end(parts: list[bytes]) -> None:
    answers, connections = ask_all(answering(*parts), [b"one", b"two"])
    assert [answer.body for answer in answers] == [b"ok", b"ok"]
    assert all((b"x-position", b"7") in answer.headers for answer in answers)
    assert connections == 1


def test_a_connection_that_its_process_ends_is_not_kept() -> None:
    ending = OK.replace(b"X-Position: 7", b"Connection: close")
    assert ask_all(answering(ending), [b"one", b"two"])[1] == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        writer.close()  # it ends while the second request is on its way

    answers, connections = ask_all(serve, [b"one", b"two", b"three"])
    assert [answer.body for answer in answers] == [b"ok"] * 3
    assert connections == 3


def test_what_is_no_http_is_an_error() -> None:
    with pytest.raises(NoAnswer, match="what came is no answer"):
        ask_all(answering(b"nonsense\r\n\r\n"), [b"one"])


def test_a_process_that_closes_without_an_answer_gives_an_error() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK[:20])
        writer.close()

    with pytest.raises(NoAnswer, match="the connection was closed"):
        ask_all(serve, [b"one"])


def test_a_process_that_is_not_there_gives_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = ProcessClient(f"http://127.0.0.1:{port}")
    with pytest.raises(NoAnswer, match="Connect"):
        asyncio.run(client.ask("POST", TARGET, [], b""))


def test_the_answer_to_a_cancelled_request_is_given_to_nobody_else() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await read_request(reader)
            await asyncio.sleep(0.2)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n" + body)

    async def run() -> list[bytes]:
        async with process(echo) as (client, _):
            first = asyncio.create_task(client.ask("POST", TARGET, [], b"one"))
            await asyncio.sleep(0.1)
            first.cancel()
            asked = [client.ask("POST", TARGET, [], body) for body in (b"two", b"six", b"ten")]
            return [answer.body for answer in await asyncio.gather(*asked)]

    assert asyncio.run(run()) == [b"two", b"six", b"ten"]


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and does not answer."""
    await read_request(reader)
    await asyncio.sleep(60)


async def byte_by_byte(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(OK.replace(b"Length: 2", b"Length: 2000"))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def stopped_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(OK[:-1])
    await asyncio.sleep(60)


async def only_interim_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    "serve", [never, byte_by_byte, stopped_in_the_middle, only_interim_answers]
)
def test_an_answer_that_is_not_whole_within_two_seconds_is_no_answer(serve: Serve) -> None:
    async def run() -> None:
        async with process(serve) as (client, _):
            started = time.monotonic()
            with pytest.raises(NoAnswer, match="within 2 s"):
                await client.ask("POST", TARGET, [], b"")
            assert 1.9 < time.monotonic() - started < 2.5

    asyncio.run(run())


def test_a_process_that_missed_the_deadline_is_asked_again_after_a_sign_of_life() -> None:
    lives, works = True, False
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            target = head.split()[1]
            asked.append(target)
            while not (lives if target == b"/livez" else works):
                await asyncio.sleep(0.01)
            writer.write(OK)

    async def run() -> None:
        nonlocal lives, works
        async with process(serve) as (client, _):
            lives = False
            with pytest.raises(NoAnswer, match="within 2 s"):
                await client.ask("POST", TARGET, [], b"")
            before = [*asked]
            for _ in range(20):  # at once, and without asking it
                with pytest.raises(NoAnswer, match="no sign of life"):
                    await client.ask("POST", TARGET, [], b"")
            assert asked == before

            lives = works = True
            await asyncio.sleep(2)
            assert (await client.ask("POST", TARGET, [], b"")).body == b"ok"
            assert asked.count(b"/livez") == 1

    asyncio.run(run())


def test_an_interim_answer_is_not_the_answer() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    answers, connections = ask_all(answering(interim, OK), [b"one", b"two"])
    assert [(one.status, one.body) for one in answers] == [(200, b"ok")] * 2
    assert all(b"link" not in dict(one.headers) for one in answers)
    assert connections == 1


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("cut", [None, 20])
def test_what_nobody_asked_for_is_no_answer(apart: bool, cut: int | None) -> None:
    """Another answer, whole or not, after that to the first request: its connection is not used again."""
    stale = OK.replace(b"ok", b"no")[:cut]
    requests: list[tuple[bytes, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(OK if apart else OK + stale)
            if apart:
                await asyncio.sleep(0.05)
                writer.write(stale)

    async def run() -> list[Answer]:
        async with process(serve) as (client, _):
            answers = []
            for _ in range(3):
                answers.append(await client.ask("POST", TARGET, [], b""))
                await asyncio.sleep(0.1)
            return answers

    assert [answer.body for answer in asyncio.run(run())] == [b"ok"] * 3
    assert len(requests) == 3
