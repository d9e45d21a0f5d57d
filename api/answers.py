"""Answers to commands: made once, kept with the events, and given again to a retry, byte for byte."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from litestar import Request, Response
from msgspec import Struct

from api.authentication import Who
from api.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from application.event_log import EventLog
from application.log_recorder import CommandRepeated, CommandRow, CommandTaken
from domain.errors import CasetrailError
from domain.personal import erased

POSITION = "Casetrail-Position"
REPLAYED = "Idempotent-Replayed"
JSON = "application/json"


class Answer(Struct, frozen=True, omit_defaults=True):
    """A response as it is kept: its body is text, so that it comes back byte for byte."""

    status: int
    body: str
    headers: Mapping[str, str] = {}
    order: str | None = None
    """Whose customer it tells of."""
    without: str | None = None
    """The body with nothing personal in it; None where there is nothing."""

    def kept(self, body: str) -> bytes:
        return msgspec.json.encode(Answer(self.status, body, self.headers))

    def response(self, position: int, *, replayed: bool = False) -> Response[bytes]:
        headers = {**self.headers, POSITION: str(position)}
        if replayed:
            headers[REPLAYED] = "true"
        return Response(
            self.body.encode(), status_code=self.status, media_type=JSON, headers=headers
        )


def answer_of(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    told = msgspec.json.encode(body).decode()
    bare = erased(body)
    if bare is body:
        return Answer(status, told, headers or {})
    without = msgspec.json.encode(bare).decode()
    return Answer(status, told, headers or {}, getattr(body, "order", None), without)


class Ask(Struct, frozen=True):
    """A request to change something: who asks, under which key, and what exactly."""

    who: Who
    key: str | None
    digest: bytes

    def row(self, answer: Answer) -> CommandRow | None:
        """The row that keeps the answer; None for a request without a key."""
        if self.key is None:
            return None
        bare = answer.without
        return CommandRow(
            self.who.person,
            self.key,
            self.digest,
            answer.kept(answer.body),
            answer.order,
            answer.kept(bare) if bare is not None else None,
        )


def ask_of(request: Request[Who, str, Any], body: bytes, key: str | None) -> Ask:
    """The digest covers method, address and body: the same key with another of them is refused."""
    # The path as it was routed; to build the whole address would cost more than the digest.
    told = f"{request.method} {request.scope['path']}\n".encode() + body
    return Ask(request.user, key, hashlib.sha256(told).digest())


class Answers:
    """Carries out each keyed request once."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._in_flight: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def carry_out(self, ask: Ask, work: Callable[[], Response[Any]]) -> Response[Any]:
        """The answer to the request: the first one, if it was carried out before.

        Raises IdempotencyKeyReused, IdempotencyKeyInFlight, and what the work raises.
        """
        if ask.key is None:
            return work()
        with self._alone(ask.who.person, ask.key):
            taken = self._log.answer(ask.who.person, ask.key)
            if taken is None:
                try:
                    return work()
                except CommandRepeated as repeated:
                    taken = self._log.opened_answer(repeated.taken)
                except CasetrailError:
                    # An earlier try, thought lost, may have come through since we looked, and
                    # what is refused now is only its own result.
                    taken = self._log.answer(ask.who.person, ask.key)
                    if taken is None:
                        raise
            return _again(taken, ask)

    @contextmanager
    def _alone(self, person: str, key: str) -> Iterator[None]:
        with self._lock:
            if (person, key) in self._in_flight:
                raise IdempotencyKeyInFlight(f"key {key}")
            self._in_flight.add((person, key))
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard((person, key))


def _again(taken: CommandTaken, ask: Ask) -> Response[Any]:
    if taken.digest != ask.digest:
        raise IdempotencyKeyReused(f"key {ask.key} was used for another request")
    answer = msgspec.json.decode(taken.result, type=Answer)
    return answer.response(taken.position, replayed=True)
