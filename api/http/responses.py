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

from api.http.authentication import Who
from api.http.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from application.log.event_log import EventLog
from application.log.recorder import CommandRepeated, CommandRow, CommandTaken
from domain.errors import CasetrailError
from domain.personal_data import erased

POSITION = "Casetrail-Position"
REPLAYED = "Idempotent-Replayed"
JSON = "application/json"


class Kept(Struct, frozen=True, omit_defaults=True):
    """An answer as it is stored: its body is text, so that it comes back byte for byte."""

    status: int
    body: str
    headers: Mapping[str, str] = {}

    def again(self, position: int) -> Response[bytes]:
        headers = {**self.headers, POSITION: str(position), REPLAYED: "true"}
        return _response(self.status, self.body.encode(), headers)


class Answer(Struct, frozen=True):
    """What a command is answered with; without a body, with nothing."""

    body: Struct | None
    status: int = 200
    headers: Mapping[str, str] = {}

    def kept(self) -> tuple[bytes, bytes | None]:
        """To be stored, whole and with nothing personal in it; None for what is the same."""
        bare = erased(self.body)
        return self._kept(self.body), self._kept(bare) if bare is not self.body else None

    def _kept(self, body: Struct | None) -> bytes:
        return msgspec.json.encode(Kept(self.status, _encoded(body).decode(), self.headers))

    def response(self, position: int) -> Response[bytes]:
        headers = {**self.headers, POSITION: str(position)}
        return _response(self.status, _encoded(self.body), headers)


def _encoded(body: Struct | None) -> bytes:
    return msgspec.json.encode(body) if body is not None else b""


def _response(status: int, body: bytes, headers: Mapping[str, str]) -> Response[bytes]:
    return Response(body, status_code=status, media_type=JSON, headers=headers)


class Ask(Struct, frozen=True):
    """A request to change something: who asks, under which key, and what exactly."""

    who: Who
    key: str | None
    digest: bytes

    def row(self, answer: Answer) -> CommandRow | None:
        """The row that keeps the answer; None for a request without a key."""
        if self.key is None:
            return None
        whole, without = answer.kept()
        # Whose customer it tells of.
        order = getattr(answer.body, "order", None) if without is not None else None
        return CommandRow(self.who.person, self.key, self.digest, whole, order, without)


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
    return msgspec.json.decode(taken.result, type=Kept).again(taken.position)
