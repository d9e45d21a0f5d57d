"""Each server process processes the signals of some orders: by a hash of the order.

Within a process, batches about the same orders wait for each other. Between processes they would
conflict on versions, and all but one would have to start again. So a batch is split: each process gets
the signals of its own orders, at the same time, and the answers are put together. That is a matter of
speed alone: a process may record any signal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from itertools import count
from typing import Any, Final, cast
from zlib import crc32

import msgspec
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct, structs

from api.http.body_encoding import read_body, replay_message
from api.http.process_client import Answer, Headers, NoAnswer, ProcessClient
from api.http.responses import POSITION_HEADER
from api.http.signal_bodies import MAX_SIGNALS, NDJSON
from domain.orders.signal_body import DEFAULT_SHOP, order_key

SIGNALS_PATH: Final = "/v1/signals"
_IDEMPOTENCY_KEY: Final = b"idempotency-key"
_CONTENT_LENGTH: Final = b"content-length"
_HOP_BY_HOP_HEADERS: Final = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        _CONTENT_LENGTH,
        b"host",
        b"te",
        b"upgrade",
        b"expect",  # the whole body is there
    ]
)


class Partitions(Struct, frozen=True):
    """The addresses of all server processes among themselves, and the number of this one."""

    addresses: Sequence[str]
    own: int

    @property
    def own_port(self) -> int:
        return int(self.addresses[self.own].rpartition(":")[2])

    def of(self, order: str) -> int:
        """The number of the process that processes the signals of an order, named by its key."""
        return crc32(order.encode()) % len(self.addresses)


class _NamedOrder(Struct):
    order: Any = None
    shop: Any = None


class _Results(Struct):
    """The answer to a batch, with the results as they were written."""

    recorded: int
    duplicate: int
    refused: int
    held: int
    items: list[msgspec.Raw]


_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_name = msgspec.json.Decoder(_NamedOrder).decode
_decode_results = msgspec.json.Decoder(_Results).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


class SignalPartitioning(ASGIMiddleware):
    """Passes signals on to the processes of their orders, and puts their answers together.

    What names its order by references, has an idempotency key or cannot be read goes to one process whole:
    it needs one transaction, or one error.
    """

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(
        lambda scope: scope["path"] != SIGNALS_PATH or scope.get("method") != "POST"
    )

    def __init__(self, partitions: Partitions, largest_bytes: int) -> None:
        self._partitions = partitions
        self._others = [ProcessClient(one) for one in partitions.addresses]
        self._largest_bytes = largest_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        server = scope.get("server")
        is_part = server is not None and server[1] == self._partitions.own_port
        # A query is that of a dry run. Its signals are decided together: each part would not see the others.
        if is_part or scope["query_string"]:
            await next_app(scope, receive, send)
            return
        body = await read_body(receive, self._largest_bytes)
        headers = scope["headers"]
        is_lines = _kind_of(headers) in NDJSON
        items = () if _has(headers, _IDEMPOTENCY_KEY) else _items_of(body, is_lines=is_lines)
        places = self._places(items)
        bodies = dict.fromkeys(places, body)
        if len(places) > 1:
            part = _lines_of if is_lines else _array_of
            bodies = {number: part(body, items, own) for number, own in places.items()}
        asked = [
            self._ask(number, scope, receive, part, next_app) for number, part in bodies.items()
        ]
        answers = await _all(asked)
        answer = answers[0] if len(answers) == 1 else _merged(answers, [*places.values()])
        await _send(answer, send)

    def _places(self, items: Sequence[bytes | msgspec.Raw]) -> Mapping[int, Sequence[int]]:
        """Process -> the places in the batch of its signals. Process 0 gets what cannot be split."""
        found: dict[int, list[int]] = {}
        for n, item in enumerate(items):
            try:
                named = _decode_name(item)
            except _UNREADABLE:
                return {0: ()}
            shop = named.shop if named.shop is not None else DEFAULT_SHOP
            if not isinstance(named.order, str) or not named.order or not isinstance(shop, str):
                return {0: ()}
            found.setdefault(self._partitions.of(order_key(named.order, shop)), []).append(n)
        return found or {0: ()}

    async def _ask(
        self, number: int, scope: Scope, receive: Receive, body: bytes, next_app: ASGIApp
    ) -> Answer:
        """The answer of one process. If that one does not answer, because it is frozen or being restarted, this
        process records its part: what the other one recorded meanwhile is a duplicate."""
        if number != self._partitions.own:
            with suppress(NoAnswer):
                return await self._ask_other(number, scope, body)
        kept = [(name, value) for name, value in scope["headers"] if name != _CONTENT_LENGTH]
        length = (_CONTENT_LENGTH, str(len(body)).encode())
        # A request of its own: the framework keeps in the state whether it was answered.
        state = {name: copy(value) for name, value in scope.get("state", {}).items()}
        own = {**scope, "headers": [*kept, length], "state": state}
        message = {"type": "http.request", "body": body, "more_body": False}
        capture = _Capture()
        await next_app(cast(Scope, own), replay_message(message, receive), cast(Send, capture))
        return capture.answer

    async def _ask_other(self, number: int, scope: Scope, body: bytes) -> Answer:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        answer = await self._others[number].ask(
            str(scope.get("method")),
            SIGNALS_PATH.encode() + query,
            _end_to_end_headers(scope["headers"]),
            body,
        )
        return structs.replace(answer, headers=_end_to_end_headers(answer.headers))


class _Capture:
    """The answer of this process, received in the place of the client."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: Headers = ()
        self._parts: list[bytes] = []

    async def __call__(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], [*message["headers"]]
        else:
            self._parts.append(message.get("body", b""))

    @property
    def answer(self) -> Answer:
        headers = _end_to_end_headers(self._headers)
        return Answer(self._status, headers, b"".join(self._parts))


def _items_of(body: bytes, *, is_lines: bool) -> Sequence[bytes | msgspec.Raw]:
    """The signals as they were written; none of a body that is to be refused as a whole."""
    if is_lines:
        items: Sequence[bytes | msgspec.Raw] = [line for line in body.split(b"\n") if line.strip()]
    elif not body.lstrip().startswith(b"["):
        return (body,)
    else:
        try:
            items = _decode_items(body)
        except _UNREADABLE:
            return ()
    return items if len(items) <= MAX_SIGNALS else ()


def _array_of(_: bytes, items: Sequence[bytes | msgspec.Raw], own: Sequence[int]) -> bytes:
    return b"[" + b",".join(bytes(items[n]) for n in own) + b"]"


def _lines_of(body: bytes, _: Sequence[bytes | msgspec.Raw], own: Sequence[int]) -> bytes:
    """Each line keeps its number: those of other processes are left empty."""
    wanted, number = {*own}, count()
    lines = body.split(b"\n")
    return b"\n".join(line if line.strip() and next(number) in wanted else b"" for line in lines)


async def _all(asked: Iterable[Awaitable[Answer]]) -> list[Answer]:
    """All answers; an error is raised when every process has answered."""
    found = await asyncio.gather(*asked, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return cast("list[Answer]", found)


def _merged(answers: Sequence[Answer], places: Sequence[Sequence[int]]) -> Answer:
    """One answer to the whole batch; the first that is an error, if one is."""
    for answer in answers:
        if answer.status != 200:
            return answer
    results = [_decode_results(answer.body) for answer in answers]
    items = [msgspec.Raw()] * sum(len(own) for own in places)
    for one, own in zip(results, places, strict=True):
        for n, item in zip(own, one.items, strict=True):
            items[n] = item if not one.refused else _numbered(item, n)
    whole = _Results(
        sum(one.recorded for one in results),
        sum(one.duplicate for one in results),
        sum(one.refused for one in results),
        sum(one.held for one in results),
        items,
    )
    name = POSITION_HEADER.lower().encode()
    position = max(int(value) for a in answers for key, value in a.headers if key.lower() == name)
    kept = [(key, value) for key, value in answers[0].headers if key.lower() != name]
    headers = [*kept, (name, str(position).encode())]
    return Answer(200, headers, msgspec.json.encode(whole))


def _numbered(item: msgspec.Raw, place: int) -> msgspec.Raw:
    """The result with its place in the whole batch, if it names the one in its part."""
    found = msgspec.json.decode(item)
    if "index" not in found:
        return item
    return msgspec.Raw(msgspec.json.encode({**found, "index": place}))


async def _send(answer: Answer, send: Send) -> None:
    length = (_CONTENT_LENGTH, str(len(answer.body)).encode())
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*answer.headers, length],
        }
    )
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _kind_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    told = next((value for name, value in headers if name == b"content-type"), b"")
    return told.decode("latin-1").partition(";")[0].strip().lower()


def _has(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bool:
    return any(name == wanted for name, _ in headers)


def _end_to_end_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of the message, without those of the connection (RFC 9110, 7.6.1)."""
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP_HEADERS]
