"""Answers to commands: stored with the events, and sent again to a retry, byte for byte."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from msgspec import Struct

from api.http.authentication import Principal
from api.http.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from api.http.json_syntax import UNREADABLE
from application.log.event_log import EventLog
from application.log.recorder import CommandRepeated, CommandRow, StoredCommand
from domain.errors import CasetrailError
from domain.orders.signal_body import DEFAULT_SHOP, order_key
from domain.personal_data import erase_personal

POSITION_HEADER = "Casetrail-Position"
RECEIPT_HEADER = "Casetrail-Receipt"
REPLAYED_HEADER = "Idempotent-Replayed"
JSON_MEDIA_TYPE = "application/json"

V = TypeVar("V", bound=Struct)


class StoredResponse(Struct, frozen=True, omit_defaults=True):
    """An answer as it is stored. Its body is text, so that it stays the same byte for byte."""

    status: int
    body: str
    headers: Mapping[str, str] = {}
    request: str | None = None
    """The digest of the request with its JSON in one order of members and without spaces."""

    def replayed(self, position: int) -> Response[bytes]:
        headers = {**self.headers, **position_headers(position), REPLAYED_HEADER: "true"}
        return _http_response(self.status, self.body.encode(), headers)


class CommandResponse(Struct, frozen=True):
    """The answer to a command; its body may be empty."""

    body: Struct | None
    status: int = 200
    headers: Mapping[str, str] = {}

    def encoded(self, request: str | None = None) -> tuple[bytes, bytes | None]:
        """To be stored: whole, and without personal data; None if it has no personal data. `request` is the
        digest of the request's canonical form."""
        bare = erase_personal(self.body)
        whole = self._encoded(self.body, request)
        return whole, self._encoded(bare, request) if bare is not self.body else None

    def _encoded(self, body: Struct | None, request: str | None) -> bytes:
        return msgspec.json.encode(
            StoredResponse(self.status, _encode_body(body).decode(), self.headers, request)
        )

    def response(self, position: int) -> Response[bytes]:
        headers = {**self.headers, **position_headers(position)}
        return _http_response(self.status, _encode_body(self.body), headers)

    def without_receipt(self, position: int) -> Response[bytes]:
        """The answer to a request that stored nothing, with the position that it was decided on."""
        headers = {**self.headers, POSITION_HEADER: str(position)}
        return _http_response(self.status, _encode_body(self.body), headers)


def position_headers(position: int) -> dict[str, str]:
    """The headers that name the position after a command, and the address of its receipt."""
    return {POSITION_HEADER: str(position), RECEIPT_HEADER: f"/v1/receipts/{position}"}


def _encode_body(body: Struct | None) -> bytes:
    return msgspec.json.encode(body) if body is not None else b""


def _http_response(status: int, body: bytes, headers: Mapping[str, str]) -> Response[bytes]:
    return Response(body, status_code=status, media_type=JSON_MEDIA_TYPE, headers=headers)


class KeyedRequest(Struct, frozen=True):
    """A command's sender, its idempotency key, and the digest of its content."""

    who: Principal
    key: str | None
    digest: bytes
    target: bytes = b""
    body: bytes = b""

    def canonical(self) -> str | None:
        """The digest with the JSON of the body in one order of members and without spaces; None if the body
        is no JSON object or array."""
        if self.body[:1] not in (b"{", b"["):
            return None
        try:
            body = msgspec.json.encode(msgspec.json.decode(self.body), order="sorted")
        except UNREADABLE:
            return None
        return hashlib.sha256(self.target + body).hexdigest()

    def row(self, answer: CommandResponse) -> CommandRow | None:
        """The row that stores the answer; None for a request without a key."""
        if self.key is None:
            return None
        whole, without = answer.encoded(self.canonical())
        # The order whose customer's data the answer contains.
        order = _order_key_of(answer.body) if without is not None else None
        return CommandRow(self.who.person, self.key, self.digest, whole, order, without)


def _order_key_of(body: object) -> str | None:
    order = getattr(body, "order", None)
    return order_key(order, getattr(body, "shop", DEFAULT_SHOP)) if isinstance(order, str) else None


def keyed_request_of(
    request: Request[Principal, str, Any], body: bytes, key: str | None
) -> KeyedRequest:
    """The digest covers method, path and body: the same key with another of them is refused. The order of
    the members of JSON objects and its spaces make no other request."""
    # Not the whole URL: building it costs more than the digest.
    target = f"{request.method} {request.scope['path']}\n".encode()
    return KeyedRequest(request.user, key, hashlib.sha256(target + body).digest(), target, body)


class IdempotentCommands:
    """Runs each request with an idempotency key once."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._in_flight: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def run_once(self, keyed: KeyedRequest, work: Callable[[], Response[Any]]) -> Response[Any]:
        """The answer to the request; the stored one if it ran before.

        Raises IdempotencyKeyReused, IdempotencyKeyInFlight, and what `work` raises.
        """
        if keyed.key is None:
            return work()
        with self._exclusive(keyed.who.person, keyed.key):
            stored = self._log.answer(keyed.who.person, keyed.key)
            if stored is None:
                try:
                    return work()
                except CommandRepeated as repeated:
                    stored = self._log.opened_answer(repeated.taken)
                except CasetrailError:
                    # An earlier attempt may have finished since the look-up: then this refusal
                    # is only a consequence of it.
                    stored = self._log.answer(keyed.who.person, keyed.key)
                    if stored is None:
                        raise
            return _replay(stored, keyed)

    @contextmanager
    def _exclusive(self, person: str, key: str) -> Iterator[None]:
        with self._lock:
            if (person, key) in self._in_flight:
                raise IdempotencyKeyInFlight(f"key {key}")
            self._in_flight.add((person, key))
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard((person, key))


def _replay(stored: StoredCommand, keyed: KeyedRequest) -> Response[Any]:
    answer = msgspec.json.decode(stored.result, type=StoredResponse)
    if stored.digest != keyed.digest and (
        answer.request is None or answer.request != keyed.canonical()
    ):
        raise IdempotencyKeyReused(f"key {keyed.key} was used for another request")
    return answer.replayed(stored.position)
