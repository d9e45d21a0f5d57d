"""The mapping of a source: chosen while it has taken nothing, and changed by two people afterwards."""

from typing import Annotated

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from api.http.commands import CommandRequest
from api.http.concurrency import get, post
from api.http.service import ServiceDependency
from api.routes.deliveries import REPORT_SECONDS
from api.routes.source_views import MappingProposalView, SourceView, proposal_view
from api.routes.sources import run_source_command
from application.sources.mapping_desk import MappingSimulation
from domain.permissions import Permission
from domain.sources.errors import MappingProposalNotFound
from domain.sources.source import ApproveMapping, ChooseMapping, DropMapping
from infrastructure.reports.deliveries import DeliveryReports

MOST_SIMULATED = 1_000


class MappingProposalDetail(Struct, frozen=True):
    """A mapping document that waits for another person, and what it would make of the newest deliveries."""

    proposal: MappingProposalView
    document: str
    """The document itself."""
    simulation: MappingSimulation


@post(
    "/sources/{source:str}/mapping",
    needs=Permission.MANAGE_SOURCES,
    summary="Choose or propose the mapping of a source",
)
def choose_mapping(
    command: CommandRequest, source: FromPath[str], data: JSONBody[ChooseMapping]
) -> Response[SourceView]:
    """While the source has taken nothing, deliveries are read by this document from here on. Afterwards it is
    proposed (`proposal`), and another person approves it. Then read again those that were not understood."""
    return run_source_command(
        command, lambda by: command.service.desks.mappings.choose(source, data, by)
    )


@get(
    "/sources/{source:str}/mapping/proposal",
    needs=Permission.READ_SOURCES,
    summary="Get the proposed mapping of a source",
)
def get_mapping_proposal(
    source: FromPath[str],
    service: ServiceDependency,
    deliveries: Annotated[
        int,
        QueryParameter(
            ge=0, le=MOST_SIMULATED, description="How many of the newest deliveries to compare."
        ),
    ] = 200,
) -> MappingProposalDetail:
    """With what it would make of the newest deliveries, compared with the mapping in use. Nothing is recorded, and
    nothing of what was delivered is shown."""
    desks = service.desks
    found = desks.sources.find(source)
    if found.proposal is None:
        raise MappingProposalNotFound(f"no mapping of {source} waits for a decision")
    service.positions.wait("deliveries", desks.log.head(), REPORT_SECONDS)
    rows = DeliveryReports(desks.datastore).page({"source": source}, None, deliveries)
    kept = desks.deliveries.kept([row.delivery for row in rows])
    mapping = found.proposal.mapping
    return MappingProposalDetail(
        proposal_view(found.proposal),
        mapping.document,
        desks.mappings.simulate(found, mapping, kept),
    )


@post(
    "/sources/{source:str}/mapping/approve",
    needs=Permission.MANAGE_SOURCES,
    summary="Approve the proposed mapping of a source",
)
def approve_mapping(
    command: CommandRequest, source: FromPath[str], data: JSONBody[ApproveMapping]
) -> Response[SourceView]:
    """By another person than the proposer. Deliveries are read by the document from here on. The mapping that the
    operator of the command line chose alone is confirmed in the same way, by its digest."""
    return run_source_command(
        command, lambda by: command.service.desks.mappings.approve(source, data, by)
    )


@post(
    "/sources/{source:str}/mapping/reject",
    needs=Permission.MANAGE_SOURCES,
    summary="Reject the proposed mapping of a source",
)
def reject_mapping(
    command: CommandRequest, source: FromPath[str], data: JSONBody[DropMapping]
) -> Response[SourceView]:
    """The mapping in use stays. Any document may be proposed again."""
    return run_source_command(
        command, lambda by: command.service.desks.mappings.reject(source, data, by)
    )


@post(
    "/sources/{source:str}/mapping/withdraw",
    needs=Permission.MANAGE_SOURCES,
    summary="Withdraw your proposed mapping",
)
def withdraw_mapping(
    command: CommandRequest, source: FromPath[str], data: JSONBody[DropMapping]
) -> Response[SourceView]:
    """By the person who proposed it."""
    return run_source_command(
        command, lambda by: command.service.desks.mappings.withdraw(source, data, by)
    )


SOURCE_MAPPINGS: tuple[HTTPRouteHandler, ...] = (
    choose_mapping,
    get_mapping_proposal,
    approve_mapping,
    reject_mapping,
    withdraw_mapping,
)
