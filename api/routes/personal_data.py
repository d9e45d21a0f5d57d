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
from api.http.errors import MalformedParameter
from api.http.order_names import SHOP, Shop
from api.http.query import DEFAULT_LIMIT, Limit
from api.http.responses import CommandResponse
from api.http.service import Service, ServiceDependency
from api.routes.other_shops import naming_other_shops
from application.log.caller import Caller
from application.privacy.customer_data import HeldAfterErasure, HeldData
from application.privacy.privacy_desk import PrivacyDesk, PrivacyResult
from application.privacy.views import ErasureView, erasure_views
from domain.errors import Fault, Invalid
from domain.orders.order import order_stream
from domain.orders.order_names import describe_missing
from domain.orders.purchase_signals import CustomerId
from domain.orders.signal_body import DEFAULT_SHOP, OrderId, ShopName, order_key
from domain.permissions import Permission
from domain.privacy import DataSubject, ErasureBasis, LegalHold, PrivacyRecord, Reason, Reference
from domain.struct_fields import fill
from infrastructure.personal.reads import PersonalRead

After = Annotated[
    str, QueryParameter(max_length=265, description="`next_after` of the page before.")
]
"""A shop, a slash and an order id."""


class SubjectQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer, or one order: for a guest, or an order of which only a message is known."""

    customer: CustomerId | None = None
    """The shop's id of the customer. Send either this or `order`."""
    order: OrderId | None = None
    """The shop's id of the order."""
    shop: Annotated[ShopName | None, Meta(description=SHOP)] = None

    @property
    def whose(self) -> DataSubject:
        """Raises Invalid unless exactly one is given."""
        if (self.customer is None) == (self.order is None):
            both = "both are given" if self.order is not None else "both are missing"
            fault = Fault("/customer", f"send either customer or order: {both}")
            raise Invalid([fault], "the body")
        if self.order is None:
            if self.shop is not None:
                raise Invalid([Fault("/shop", "send it with order only")], "the body")
            return DataSubject(customer=self.customer)
        return DataSubject(order=order_key(self.order, self.shop or DEFAULT_SHOP))


_NOBODY = SubjectQuery()


class CustomerQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    """The shop's id of the customer."""


class PlaceLegalHold(SubjectQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason
    """Why the data must be kept. It is stored for ever, unencrypted: name no person."""
    reference: Reference = ""


class ReleaseLegalHold(SubjectQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hold: Annotated[int, Meta(ge=1)]
    reason: Reason


class OrderErasure(SubjectQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    basis: ErasureBasis
    reference: Reference = ""
    """The number of the request. It is stored for ever, unencrypted."""


class PrivacyView(Struct, frozen=True):
    """The legal holds and erasures of a customer, or of an order without a known customer. `record` is the
    id of the stream; it does not identify the customer."""

    record: UUID
    version: int
    holds: Sequence[LegalHold]
    erasures: Sequence[ErasureView]


class HeldAfterErasurePage(Struct, frozen=True):
    items: Sequence[HeldAfterErasure]
    next_after: str
    """The `after` of the next page; empty if this page has no items."""


class ReadsPage(Struct, frozen=True):
    items: Sequence[PersonalRead]
    next_after: int
    nothing: str | None = None
    """If there are no items: why."""


@post(
    "/personal-data/find",
    needs=Permission.MANAGE_PERSONAL_DATA,
    summary="Find the personal data of a customer or of an order",
)
def find_personal_data(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    data: JSONBody[SubjectQuery] = _NOBODY,
) -> HeldData:
    """Every log line with personal data, its texts, files, holds and erasures. `note` says how many texts
    arrived after an erasure. This read is recorded."""
    whose = data.whose
    with naming_other_shops(service, whose.order or "", request.user.authority):
        return run_and_record_reads(lambda: _privacy_desk(service).held(whose), request, service)


@get(
    "/personal-data/after-erasure",
    needs=Permission.MANAGE_PERSONAL_DATA,
    summary="List what arrived after erasures",
)
def list_held_after_erasure(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    after: After = "",
    limit: Limit = DEFAULT_LIMIT,
) -> HeldAfterErasurePage:
    """The orders with personal data that arrived after their erasure, and how many texts; no text itself.
    Erase each by `order` and `shop`. Continue with `next_after` as `after`."""
    items = _privacy_desk(service).held_after_erasure(_read_after(after), limit)
    return HeldAfterErasurePage(items, f"{items[-1].shop}/{items[-1].order}" if items else "")


def _read_after(after: str) -> str:
    """The key of the order that the page follows. Raises MalformedParameter."""
    shop, slash, order = after.partition("/")
    if after and not slash:
        raise MalformedParameter(f"after is {after!r}; send `next_after` of the page before")
    return order_key(order, shop) if after else ""


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
    """For the customer's orders that hold personal data. After an erasure, these are the ones of which
    something arrived since."""
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
            return f"There is {describe_missing(order)}."
    if person is not None and desks.people.known(person) is None:
        return f"No person named {person}."
    return "Nobody has read any of it."


def _privacy_desk(service: Service) -> PrivacyDesk:
    desk = service.desks.privacy
    assert desk is not None  # a service has a vault
    return desk


def _view(record: PrivacyRecord) -> PrivacyView:
    return fill(PrivacyView, record, record=record.id, erasures=erasure_views(record.erasures))


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
        service, authority = command.service, command.request.user.authority
        with naming_other_shops(service, data.whose.order or "", authority):
            return command.run(
                lambda by: act(_privacy_desk(service), data, by),
                lambda result: result.record,
                lambda record: CommandResponse(_view(record)),
            )

    path = f"/personal-data/{path}"
    return post(path, needs=Permission.MANAGE_PERSONAL_DATA, summary=summary)(
        configure_command_handler(handler, name, doc, kind)
    )


PERSONAL_DATA: tuple[HTTPRouteHandler, ...] = (
    find_personal_data,
    list_held_after_erasure,
    _command(
        "place-legal-hold",
        "holds",
        "Place a legal hold",
        "While it lasts, no data of the customer or the order is erased.",
        PlaceLegalHold,
        lambda desk, data, by: desk.hold(data.whose, data.reason, data.reference, by),
    ),
    _command(
        "release-legal-hold",
        "holds/release",
        "Release a legal hold",
        "Ends one legal hold, by its number. Data under another one still cannot be erased.",
        ReleaseLegalHold,
        lambda desk, data, by: desk.release(data.whose, data.hold, data.reason, by),
    ),
    _command(
        "erase-personal-data",
        "erasures",
        "Erase the personal data of a customer or of an order",
        "Destroys the keys of the customer's orders, or of the one order, and the files of their cases. "
        "Decisions, amounts and proofs stay. The answer confirms the order; `completed_at` says when it was "
        "executed. What arrives later has a new key, which a second erasure destroys.",
        OrderErasure,
        lambda desk, data, by: desk.erase(data.whose, data.basis, data.reference, by),
    ),
    find_reads,
    list_reads,
)
