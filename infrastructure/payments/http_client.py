"""Asking a provider over HTTP: whatever breaks on the way leaves the outcome unknown."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import httpx2
import msgspec

from domain.adjustments.errors import OutcomeUnknown

PATIENCE_SECONDS = 10.0
_T = TypeVar("_T")


def connected(
    address: str, patience_seconds: float, headers: Mapping[str, str] | None = None
) -> httpx2.Client:
    """For one question and what follows from it: money goes back seldom, and a connection that has
    idled in between is one more that may be cut."""
    return httpx2.Client(
        base_url=address, timeout=patience_seconds, headers=headers, verify=_trusted()
    )


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed; reading them takes longer than to ask and be answered."""
    return httpx2.create_ssl_context()


def ask(client: httpx2.Client, method: str, path: str, **more: Any) -> httpx2.Response:
    """The provider's answer, whatever it says. Raises OutcomeUnknown when there is none."""
    try:
        return client.request(method, path, **more)
    except httpx2.HTTPError as error:
        said = str(error) or type(error).__name__
        raise OutcomeUnknown(f"{client.base_url.host} did not answer: {said}") from None


def read(answer: httpx2.Response, kind: type[_T]) -> _T:
    """What the answer says. Raises OutcomeUnknown when it cannot be read."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OutcomeUnknown(f"{told_by(answer)}, which cannot be read: {error}") from None


def told_by(answer: httpx2.Response) -> str:
    return f"{answer.request.url.host} answered {answer.status_code}"
