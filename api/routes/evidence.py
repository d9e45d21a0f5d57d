"""Evidence files: uploaded once, found by their digest, attached to cases by it."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter, RawBody

from api.http.authentication import Who
from api.http.concurrency import get, post
from api.http.errors import MalformedBody
from api.http.query import MinPosition, Prefer, wait_for
from api.http.responses import JSON
from api.http.service import Service
from domain.cases.errors import EvidenceErased, EvidenceNotFound
from domain.permissions import Permission
from infrastructure.evidence_store import PREFIX, StoredFile
from infrastructure.reports.pages import EVERY
from infrastructure.reports.scope_sql import known_within

LARGEST_FILE_BYTES = 25 << 20
MEDIA_TYPES = (
    "application/json",
    "application/pdf",
    "application/xml",
    "image/jpeg",
    "image/png",
    "image/webp",
    "message/rfc822",
    "text/csv",
    "text/plain",
)
Digest = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", description="SHA-256, in hex.")]


@post(
    "/evidence",
    needs=Permission.WORK_CASES,
    status_code=200,
    summary="Upload a file",
    request_max_body_size=LARGEST_FILE_BYTES,
)
def upload_evidence(
    request: Request[Who, str, Any], service: NamedDependency[Service], body: RawBody
) -> Response[StoredFile]:
    """The body is the file, its Content-Type one of those that we keep, at most 25 MiB. The same
    bytes are the same file. Attach it to a case by its `ref`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES:
        raise MalformedBody(f"the Content-Type is {kind!r}; kept are: {', '.join(MEDIA_TYPES)}")
    if not body:
        raise MalformedBody("the file is empty")
    stored = service.evidence.put(body, kind)
    address = f"/v1/evidence/{stored.ref.removeprefix(PREFIX)}"
    return Response(stored, media_type=JSON, headers={"Location": address})


@get("/evidence/{digest:str}", needs=Permission.READ_CASES, summary="Download a file")
def download_evidence(
    request: Request[Who, str, Any],
    digest: FromPath[Digest],
    service: NamedDependency[Service],
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[bytes]:
    """The bytes as they were uploaded, checked against their digest. Whose grants have a scope reads
    what is attached to a case within it."""
    wait_for(service.positions, "attachments", min_position, prefer)
    reach = known_within(request.user.authority, Permission.READ_CASES)
    if reach != EVERY and not service.reports.is_attached(PREFIX + digest, reach):
        raise EvidenceNotFound(f"no file {digest}")
    if service.evidence.is_erased(digest):
        raise EvidenceErased(f"file {digest}")
    told = service.evidence.about(digest)
    content = service.evidence.content(digest) if told is not None else None
    if told is None or content is None:
        raise EvidenceNotFound(f"no file {digest}")
    who = request.user
    service.desks.reads.note_file(
        service.desks.clock(),
        who.actor.principal,
        who.person,
        f"GET {request.scope['path']}",
        PREFIX + digest,
    )
    headers = {
        # Whatever it is, no browser is to run it here.
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
    }
    return Response(content, media_type=told.media_type, headers=headers)
