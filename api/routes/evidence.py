"""Evidence files: uploaded, then attached to cases by their digest."""

import logging
from typing import Annotated

from litestar import Response
from litestar.params import FromPath, PathParameter, RawBody

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get, post
from api.http.errors import MalformedBody, Unavailable
from api.http.query import MinPosition, Prefer, wait_for_report
from api.http.responses import JSON_MEDIA_TYPE
from api.http.service import ServiceDependency
from domain.cases.errors import EvidenceErased, EvidenceNotFound
from domain.cases.evidence import FILE_PREFIX
from domain.permissions import Permission
from infrastructure.evidence_store import EvidenceNotStored, StoredFile
from infrastructure.reports.pages import ALL_ROWS
from infrastructure.reports.scope_sql import known_cases_in_scope

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
_logger = logging.getLogger("casetrail")
Digest = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", description="SHA-256, in hex.")]


@post(
    "/evidence",
    needs=Permission.WORK_CASES,
    summary="Upload a file",
    request_max_body_size=LARGEST_FILE_BYTES,
)
def upload_evidence(
    request: AuthenticatedRequest, service: ServiceDependency, body: RawBody
) -> Response[StoredFile]:
    """The body is the file, at most 25 MiB, with one of the listed content types. Attach it to a case
    by its `ref`. A file that was uploaded before has the same `ref`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES:
        raise MalformedBody(f"the Content-Type is {kind!r}; send one of {', '.join(MEDIA_TYPES)}")
    if not body:
        raise MalformedBody("the file is empty")
    try:
        stored = service.evidence.put(body, kind)
    except EvidenceNotStored as error:
        _logger.warning("the evidence store cannot be written: %s", error)
        raise Unavailable("the evidence store cannot be written") from None
    address = f"/v1/evidence/{stored.ref.removeprefix(FILE_PREFIX)}"
    return Response(stored, media_type=JSON_MEDIA_TYPE, headers={"Location": address})


@get("/evidence/{digest:str}", needs=Permission.READ_CASES, summary="Download a file")
def download_evidence(
    request: AuthenticatedRequest,
    digest: FromPath[Digest],
    service: ServiceDependency,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[bytes]:
    """The file, after a check of its digest. With a scoped role, you can download the files of cases
    within the scope."""
    wait_for_report(service, "attachments", min_position, prefer)
    reach = known_cases_in_scope(request.user.authority, Permission.READ_CASES)
    if reach != ALL_ROWS and not service.reports.is_evidence_in_scope(FILE_PREFIX + digest, reach):
        exists = service.evidence.about(digest) is not None
        raise EvidenceNotFound(f"no file {digest}").out_of_scope(
            Permission.READ_CASES if exists else None
        )
    if service.evidence.is_erased(digest):
        raise EvidenceErased(f"file {digest}")
    stored = service.evidence.about(digest)
    content = service.evidence.content(digest) if stored is not None else None
    if stored is None or content is None:
        raise EvidenceNotFound(f"no file {digest}")
    who = request.user
    service.desks.reads.note_file(
        service.desks.clock(),
        who.actor.principal,
        who.person,
        f"GET {request.scope['path']}",
        FILE_PREFIX + digest,
    )
    headers = {
        # No browser may run the file.
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
    }
    return Response(content, media_type=stored.media_type, headers=headers)
