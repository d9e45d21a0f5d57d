"""Checkpoints of the log, and proofs that clients can verify themselves."""

from typing import Annotated

from litestar.params import QueryParameter

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.service import ServiceDependency
from domain.permissions import Permission
from infrastructure.transparency.proofs import ConsistencyProof, InclusionProof, SignedCheckpoint

Size = Annotated[int, QueryParameter(ge=1, le=2**62, description="The position of the event.")]
Tree = Annotated[
    int | None,
    QueryParameter(ge=1, le=2**62, description="The size of the tree [the last checkpoint]."),
]


@get("/audit/checkpoint", needs=Permission.READ_LOG, summary="Get the last checkpoint of the log")
def get_checkpoint(request: AuthenticatedRequest, service: ServiceDependency) -> SignedCheckpoint:
    """The size of the log and the root hash over its events, as a signed note (C2SP). Keep it: you can
    prove that later checkpoints continue it."""
    return service.proofs.checkpoint()


@get(
    "/audit/proofs/inclusion",
    needs=Permission.READ_LOG,
    summary="Prove that an event is in the log",
)
def prove_inclusion(
    request: AuthenticatedRequest, service: ServiceDependency, position: Size, size: Tree = None
) -> InclusionProof:
    """An inclusion proof of the event at the position (RFC 9162, 2.1.3)."""
    return service.proofs.inclusion(position, size)


@get("/audit/proofs/consistency", needs=Permission.READ_LOG, summary="Prove that the log only grew")
def prove_consistency(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    before: Annotated[
        int, QueryParameter(name="from", ge=1, le=2**62, description="The earlier size.")
    ],
    size: Annotated[
        int | None,
        QueryParameter(
            name="to", ge=1, le=2**62, description="The later size [the last checkpoint]."
        ),
    ] = None,
) -> ConsistencyProof:
    """A consistency proof between two sizes of the log (RFC 9162, 2.1.4)."""
    return service.proofs.consistency(before, size)
