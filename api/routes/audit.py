"""What the log was, signed, and proofs about it that need no trust in who answers."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.http.concurrency import get
from api.http.query import only_known
from api.http.service import Service
from domain.permissions import Permission
from infrastructure.transparency.proofs import ConsistencyProof, InclusionProof, SignedCheckpoint

Size = Annotated[
    int, QueryParameter(ge=1, le=2**62, description="Counted from the first position.")
]
Tree = Annotated[
    int | None,
    QueryParameter(ge=1, le=2**62, description="Of how many positions; the last checkpoint's."),
]


@get("/audit/checkpoint", needs=Permission.READ_LOG, summary="The last checkpoint of the log")
def get_checkpoint(
    request: Request[Any, Any, Any], service: NamedDependency[Service]
) -> SignedCheckpoint:
    """How many positions the log had, and the root over them, as a signed note (C2SP). Keep it: later
    ones can be proven to go on from it."""
    only_known(request)
    return service.proofs.checkpoint()


@get(
    "/audit/proofs/inclusion",
    needs=Permission.READ_LOG,
    summary="Proof that an event is in the log",
)
def prove_inclusion(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    position: Size,
    size: Tree = None,
) -> InclusionProof:
    """The event at the position is a leaf of the tree (RFC 9162, 2.1.3)."""
    only_known(request, "position", "size")
    return service.proofs.inclusion(position, size)


@get(
    "/audit/proofs/consistency",
    needs=Permission.READ_LOG,
    summary="Proof that the log only grew",
)
def prove_consistency(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    before: Annotated[
        int, QueryParameter(name="from", ge=1, le=2**62, description="The earlier size.")
    ],
    size: Annotated[
        int | None,
        QueryParameter(name="to", ge=1, le=2**62, description="The later; the last checkpoint's."),
    ] = None,
) -> ConsistencyProof:
    """The log of the later size is a continuation of that of the earlier (RFC 9162, 2.1.4)."""
    only_known(request, "from", "to")
    return service.proofs.consistency(before, size)
