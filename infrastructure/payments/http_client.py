"""HTTP requests to a payment provider. An error on the way leaves the outcome unknown."""

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx2
import msgspec

from domain.adjustments.errors import OutcomeUnknown
from infrastructure.tls import tls_context

TIMEOUT_SECONDS = 10.0
_T = TypeVar("_T")


def open_client(
    address: str, patience_seconds: float, headers: Mapping[str, str] | None = None
) -> httpx2.Client:
    """A client for one operation. Refunds are rare, and an idle connection may be cut."""
    return httpx2.Client(
        base_url=address, timeout=patience_seconds, headers=headers, verify=tls_context()
    )


def send_request(client: httpx2.Client, method: str, path: str, **more: Any) -> httpx2.Response:
    """The provider's response, of any status. Raises OutcomeUnknown if there is none."""
    try:
        return client.request(method, path, **more)
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise OutcomeUnknown(f"{client.base_url.host} did not answer: {reason}") from None


def parse_response(answer: httpx2.Response, kind: type[_T]) -> _T:
    """The decoded body of a response. Raises OutcomeUnknown if it cannot be read."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OutcomeUnknown(
            f"{describe_response(answer)}, which cannot be read: {error}"
        ) from None


def describe_response(answer: httpx2.Response) -> str:
    return f"{answer.request.url.host} answered {answer.status_code}"
