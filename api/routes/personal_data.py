"""Personal data of customers: what is stored, who read it, legal holds, and erasure.

The customer is named in the body, never in the URL: URLs are logged by proxies.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.composition import Desks
from api.http.authentication import AuthenticatedRequest
from api.http.commands import CommandRequest, configure_command_handler
from api.http.concurrency import get, post, run_and_record_reads
from api.http.order_names import Shop
from api.http.query import DEFAULT_LIMIT, Limit, require_known_parameters
from api.http.responses import CommandResponse
from api.http.service import Service, ServiceDependency
from application.log.caller import Caller
from application.privacy.customer_data import HeldData
from application.privacy.privacy_desk import PrivacyDesk, PrivacyResult
from domain.orders.order import order_stream
from domain.orders.purchase_signals import CustomerId
from domain.orders.signal_body import DEFAULT_SHOP, order_key, split_order_key
from domain.permissions import Permission
from domain.privacy import Erasure, ErasureBasis, LegalHold, Reason, Reference
from domain.struct_fields import fill
from infrastructure.personal.reads import PersonalRead


class CustomerQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    """The shop's id of the customer."""


class PlaceLegalHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    reason: Reason
    """Why the data must be kept. It is stored for ever, unencrypted: name no person."""
    reference: Reference = ""


class ReleaseLegalHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    hold: Annotated[int, Meta(ge=1)]
    reason: Reason


class OrderErasure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    basis: ErasureBasis
    reference: Reference = ""
    """The number of the request. It is stored for ever, unencrypted."""


class PrivacyView(Struct, frozen=True):
    """The legal holds and erasures of a customer. `record` is the id of the stream; it does not identify
    the customer."""

    record: UUID
    version: int
    holds: Sequence[LegalHold]
    erasures: Sequence[Erasure]


class ReadsPage(Struct, frozen=True):
    items: Sequence[PersonalRead]
    next_after: int
    nothing: str | None = None
    """If there are no items: why."""


@post(
    "/personal-data/find",
    needs=Permission.MANAGE_PERSONAL_DATA,
    summary="Find the personal data of a customer",
)
def find_personal_data(
    request: AuthenticatedRequest, service: ServiceDependency, data: JSONBody[CustomerQuery]
) -> HeldData:
    """Every log line with personal data, its texts, files, holds and erasures. This read is recorded."""
    return run_and_record_reads(
        lambda: _privacy_desk(service).held(data.customer), request, service
    )


@post(
    "/personal-data/reads",
    needs=Permission.READ_PERSONAL_READS,
    summary="Find the reads of a customer's data",
)
def find_reads(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    data: JSONBody[CustomerQuery],
    after: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Limit = DEFAULT_LIMIT,
) -> ReadsPage:
    """For the orders known to be the customer's. After an erasure, none are known."""
    require_known_parameters(request)
    orders = _privacy_desk(service).orders_of(data.customer)
    return _reads_page(service, orders, None, after, limit)


@get(
    "/audit/reads", needs=Permission.READ_PERSONAL_READS, summary="List the reads of personal data"
)
def list_reads(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    order: Annotated[str | None, QueryParameter(max_length=200)] = None,
    shop: Shop = DEFAULT_SHOP,
    person: Annotated[str | None, QueryParameter(max_length=64)] = None,
    after: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Limit = DEFAULT_LIMIT,
) -> ReadsPage:
    """Oldest first. Continue with `next_after` as `after`."""
    require_known_parameters(request)
    return _reads_page(
        service, None if order is None else [order_key(order, shop)], person, after, limit
    )


def _reads_page(
    service: Service, orders: Sequence[str] | None, person: str | None, after: int, limit: int
) -> ReadsPage:
    items = service.desks.reads.of(orders, person, after, limit)
    nothing = None if items or after else explain_no_reads(service.desks, orders, person)
    return ReadsPage(items, items[-1].id if items else after, nothing)


def explain_no_reads(desks: Desks, orders: Sequence[str] | None, person: str | None) -> str:
    """Why there are no reads: whether the orders (None: any) and the person are known at all."""
    if orders is not None and not orders:
        return "No order is known to be this customer's. After an erasure, none are: search by order instead."
    for order in orders or ():
        # Without decrypting: that would be a read, and recorded.
        if not any(True for _ in desks.recorder.select_streams([order_stream(order)])):
            return f"No order {split_order_key(order)[0]}."
    if person is not None and desks.people.known(person) is None:
        return f"No person named {person}."
    return "Nobody has read any of it."


def _privacy_desk(service: Service) -> PrivacyDesk:
    desk = service.desks.privacy
    assert desk is not None  # a service has a vault
    return desk


def _command(
    name: str,
    path: str,
    summary: str,
    doc: str,
    kind: Any,
    act: Callable[[PrivacyDesk, Any, Caller], PrivacyResult],
) -> HTTPRouteHandler:
    """The route of a command on a customer's record; `kind` is the type of its body."""

    def handler(command: CommandRequest, data: Any) -> Response[PrivacyView]:
        return command.run(
            lambda by: act(_privacy_desk(command.service), data, by),
            lambda result: result.record,
            lambda record: CommandResponse(fill(PrivacyView, record, record=record.id)),
        )

    path = f"/personal-data/{path}"
    return post(path, needs=Permission.MANAGE_PERSONAL_DATA, summary=summary)(
        configure_command_handler(handler, name, doc, kind)
    )


PERSONAL_DATA: tuple[HTTPRouteHandler, ...] = (
    find_personal_data,
    _command(
        "place-legal-hold",
        "holds",
        "Place a legal hold",
        "While it lasts, no data of the customer is erased.",
        PlaceLegalHold,
        lambda desk, data, by: desk.hold(data.customer, data.reason, data.reference, by),
    ),
    _command(
        "release-legal-hold",
        "holds/release",
        "Release a legal hold",
        "",
        ReleaseLegalHold,
        lambda desk, data, by: desk.release(data.customer, data.hold, data.reason, by),
    ),
    _command(
        "erase-personal-data",
        "erasures",
        "Erase a customer's personal data",
        "Destroys the keys of the customer's orders and the files of their cases. Decisions, amounts and "
        "proofs stay. The answer confirms the order; `completed_at` says when it was executed.",
        OrderErasure,
        lambda desk, data, by: desk.erase(data.customer, data.basis, data.reference, by),
    ),
    find_reads,
    list_reads,
)
