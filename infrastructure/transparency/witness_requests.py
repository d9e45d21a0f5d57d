"""Requests to witnesses, each in a thread of its own, so that none keeps the caller waiting."""

import queue
import threading
import time
from functools import partial
from typing import Final, NamedTuple

import httpx2

from infrastructure.tls import tls_context
from infrastructure.transparency.ask_witness import PATH

TIMEOUT_SECONDS: Final = 5.0
LARGEST_ANSWER: Final = 65_536


class Request(NamedTuple):
    """What a witness is asked: to cosign a checkpoint of `size` that extends `old` positions."""

    size: int
    note: bytes
    old: int
    tries: int = 1


class Answer(NamedTuple):
    """The answer of a witness; `error` says why there is none."""

    witness: str
    request: Request
    status: int = 0
    media_type: str = ""
    body: bytes = b""
    error: str | None = None


class WitnessRequests:
    """At most one request to each witness at a time. Its answer may be taken much later."""

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def is_busy(self, witness: str) -> bool:
        return witness in self._busy

    def send(self, witness: str, url: str, body: bytes, request: Request) -> None:
        """Send a request without waiting for its answer."""
        self._busy.add(witness)
        work = partial(self._send, witness, url, body, request)
        threading.Thread(target=work, name=f"witness {witness}", daemon=True).start()

    def next(self, ends_at: float) -> Answer | None:
        """The next answer; None if there is none until this time (`time.monotonic`)."""
        try:
            answer = self._answers.get(timeout=max(0.0, ends_at - time.monotonic()))
        except queue.Empty:
            return None
        self._busy.discard(answer.witness)
        return answer

    def _send(self, witness: str, url: str, body: bytes, request: Request) -> None:
        try:
            with httpx2.stream(
                *("POST", f"{url}{PATH}"),
                content=body,
                timeout=TIMEOUT_SECONDS,
                verify=tls_context(),
            ) as response:
                found = _read_answer(response)
                kind = response.headers.get("Content-Type", "")
            answer = Answer(witness, request, response.status_code, kind, found)
        except (httpx2.HTTPError, TimeoutError) as error:
            why = f"{url}: {str(error) or type(error).__name__}"
            answer = Answer(witness, request, error=why)
        self._answers.put(answer)


def _read_answer(response: httpx2.Response) -> bytes:
    """The body, if it is short and comes in time. Raises TimeoutError."""
    ends_at, found = time.monotonic() + TIMEOUT_SECONDS, b""
    for part in response.iter_bytes():
        found += part
        if len(found) > LARGEST_ANSWER:
            raise TimeoutError(f"its answer has more than {LARGEST_ANSWER} bytes")
        if time.monotonic() > ends_at:
            raise TimeoutError("its answer takes too long")
    return found
