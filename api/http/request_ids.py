"""What identifies a request: `X-Request-Id`, and `traceparent` of W3C Trace Context.

Each answer has both (the id is made if the client sent none), and so have the problem document and the log
lines about the request, also those of another process that does a part of it.
"""

import logging
import os
import re
from contextvars import ContextVar
from itertools import count
from typing import Final, cast

from litestar.types import Scope
from msgspec import Struct

from infrastructure.process_log import LINE, log_to_standard_error

Header = tuple[bytes, bytes]

REQUEST_ID: Final = "X-Request-Id"
LOG_FORMAT: Final = f"{LINE}%(request)s"
_ID: Final = REQUEST_ID.lower().encode()
_TRACE: Final = b"traceparent"
_is_sane_id: Final = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch
_PROCESS: Final = os.urandom(8).hex().encode()
_numbers: Final = count(1)
"""Made ids are this process's and a number: random ones cost a system call each."""
_PARTS: Final = rb"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_is_traceparent: Final = re.compile(
    # Version 00 has four parts, later ones may have more, and ff is none (W3C Trace Context).
    rb"00%b|(?!00|ff)[0-9a-f]{2}%b(?:-[!-~]{1,200})?" % (_PARTS, _PARTS)
).fullmatch


class RequestMark(Struct, frozen=True):
    """The identifiers of one request. `headers` are those of its answer."""

    id: str
    trace: str | None
    """The id of the trace that the request is a part of: 32 hexadecimal digits."""
    headers: list[Header]


current_request: Final[ContextVar[RequestMark | None]] = ContextVar("request", default=None)
"""The request that is being answered, also within its handler."""


def mark_request(scope: Scope) -> tuple[Scope, RequestMark]:
    """The identifiers of a request, and the request with its id among its headers, so that it goes along to
    other processes. What is not well formed is replaced or left out: it would go into logs."""
    id = trace = None
    for name, value in scope["headers"]:
        if name == _ID:
            id = value if id is None and _is_sane_id(value) else b""
        elif name == _TRACE:
            trace = value if trace is None and _is_traceparent(value) else b""
    if not id:
        is_sent = id is not None
        id = b"%b%016x" % (_PROCESS, next(_numbers))
        kept = (
            [pair for pair in scope["headers"] if pair[0] != _ID] if is_sent else scope["headers"]
        )
        scope = cast(Scope, {**scope, "headers": [*kept, (_ID, id)]})
    headers = [(_ID, id)]
    if trace:
        headers.append((_TRACE, trace))
    mark = RequestMark(id.decode(), trace[3:35].decode() if trace else None, headers)
    current_request.set(mark)
    return scope, mark


def answer_with(name: str, value: str) -> None:
    """Add a header to the answer of the request that is being answered."""
    if (mark := current_request.get()) is not None:
        mark.headers.append((name.lower().encode(), value.encode("latin-1")))


def request_members() -> dict[str, str]:
    """The members of a problem document that identify the request."""
    mark = current_request.get()
    if mark is None:
        return {}
    return {"request_id": mark.id} | ({"trace_id": mark.trace} if mark.trace else {})


class RequestIds(logging.Filter):
    """Gives each log record `request`: the identifiers of the request that it is about, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        members = request_members()
        record.request = "".join(f" {name}={value}" for name, value in members.items())
        return True


def log_with_request_ids() -> None:
    """Log to standard error; lines about a request end with its identifiers."""
    log_to_standard_error(LOG_FORMAT, RequestIds())
