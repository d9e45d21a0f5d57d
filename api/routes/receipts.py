"""Receipts of events: proofs that anybody can check without this service."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, PathParameter, QueryParameter

from api.http.authentication import AuthenticatedRequest, Principal
from api.http.concurrency import get, get_async, in_thread
from api.http.errors import LogNotAsSigned, PositionNotFound
from api.http.query import LONGEST_WAIT_SECONDS, Prefer
from api.http.responses import JSON_MEDIA_TYPE
from api.http.service import Service, ServiceDependency
from application.cases.history import lines_until
from application.log.event_codec import from_state
from domain.cases.errors import CaseNotFound
from domain.errors import ReceiptNotReady
from domain.permissions import Permission
from infrastructure.transparency.export import LogAltered

POLL_SECONDS = 0.2
MOST_WAITING = 256
"""Requests of one process that wait for a receipt. More are answered at once."""
RECEIPT_MEDIA_TYPE = "text/plain"
Position = Annotated[
    int, PathParameter(ge=1, le=2**62, description="The position of the event in the log.")
]
OfQuorum = Annotated[
    bool,
    QueryParameter(
        name="cosigned",
        description="`false`: do not wait for the quorum of witnesses, only for the log's signature.",
    ),
]
_waiting = [0]


@get_async("/receipts/{position:int}", needs=Permission.KNOW_ONESELF, summary="Get a receipt")
async def get_receipt(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    position: FromPath[Position],
    of_quorum: OfQuorum = True,
    prefer: Prefer = None,
) -> Response[bytes]:
    """The proof that an event is in the log (C2SP tlog-proof), with its envelope. `Casetrail-Receipt` of a
    command's answer is this address. For your own acts; for others with permission to read them.
    With `Prefer: wait=N`, waits up to N seconds (at most 30) until it can be made."""

    def make() -> bytes:
        envelope = _readable_envelope(service, request.user, position)
        return service.receipts.receipt(position, envelope, cosigned=of_quorum)

    return await _receipt(service, position, make, of_quorum, prefer)


@get_async(
    "/cases/{case_id:uuid}/events/{version:int}/receipt",
    needs=Permission.READ_CASES,
    summary="Get the receipt of a case's event",
)
async def get_case_receipt(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    case_id: FromPath[UUID],
    version: FromPath[int],
    of_quorum: OfQuorum = True,
    prefer: Prefer = None,
) -> Response[bytes]:
    """The receipt of the event that made this version of the case."""
    trail = in_thread(service.desks.cases.trail)
    lines = lines_until(await trail(case_id, request.user.authority), version)
    position = lines[-1].position

    def make() -> bytes:
        envelope = service.receipts.envelope(position) or b""
        return service.receipts.receipt(position, envelope, cosigned=of_quorum)

    return await _receipt(service, position, make, of_quorum, prefer)


@get(
    "/receipts/{position:int}/envelope",
    needs=Permission.KNOW_ONESELF,
    summary="Get the envelope of an event",
)
def get_envelope(
    request: AuthenticatedRequest, service: ServiceDependency, position: FromPath[Position]
) -> Response[bytes]:
    """The bytes as stored: the leaf is SHA-256(0x00 ‖ these bytes). Personal data in it is sealed."""
    envelope = _readable_envelope(service, request.user, position)
    return Response(envelope, media_type=JSON_MEDIA_TYPE)


def _readable_envelope(service: Service, who: Principal, position: int) -> bytes:
    """The envelope, if the caller did this, may read the case that it belongs to, or may read the log.
    Raises PositionNotFound, also for what the caller may not read."""
    envelope = service.receipts.envelope(position)
    if envelope is not None:
        if Permission.READ_LOG in who.permissions:
            return envelope
        line = from_state(position, envelope)
        if line.actor.principal == who.actor.principal:
            return envelope
        if Permission.READ_CASES in who.permissions:
            with suppress(CaseNotFound):
                service.desks.cases.trail(line.stream, who.authority)
                return envelope
    detail = f"no event at position {position}, or it is out of your scope"
    raise PositionNotFound(detail).out_of_scope(
        Permission.READ_CASES if envelope is not None else None
    )


async def _receipt(
    service: Service, position: int, make: Callable[[], bytes], of_quorum: bool, prefer: str | None
) -> Response[bytes]:
    """The receipt that `make` makes; if it cannot yet, again after the time that the client waits."""
    try:
        try:
            found = await in_thread(make)()
        except ReceiptNotReady:
            await _wait(service, position, of_quorum, prefer)
            found = await in_thread(make)()
    except LogAltered as error:
        raise LogNotAsSigned(str(error)) from None
    name = f'attachment; filename="{position}.tlog-proof"'
    headers = {"Content-Disposition": name}
    return Response(found, media_type=RECEIPT_MEDIA_TYPE, headers=headers)


async def _wait(service: Service, position: int, of_quorum: bool, prefer: str | None) -> None:
    """Wait until the receipt can be made, as long as the client asked for."""
    asked = re.search(r"\bwait=(\d{1,4})\b", prefer or "", re.IGNORECASE)
    if asked is None or _waiting[0] >= MOST_WAITING:
        return
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + min(float(asked[1]), LONGEST_WAIT_SECONDS)
    covers = in_thread(service.receipts.covers)
    _waiting[0] += 1
    try:
        while not await covers(position, cosigned=of_quorum) and loop.time() < ends_at:
            await asyncio.sleep(POLL_SECONDS)
    finally:
        _waiting[0] -= 1


RECEIPTS = (get_receipt, get_envelope, get_case_receipt)
