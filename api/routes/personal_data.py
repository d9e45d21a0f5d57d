"""Personal data of customers: what is held of one, who read it, legal holds, and erasure.

A customer is named in the body, never in an address: addresses are written down wherever they pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter, RawBody
from msgspec import Meta, Struct

from api.composition import Desks
from api.http.authentication import Who
from api.http.commands import as_command, carry_out
from api.http.concurrency import get, noting, post
from api.http.query import DEFAULT_LIMIT, IdempotencyKey, Limit, only_known
from api.http.responses import Answer
from api.http.service import Service
from application.log.caller import Caller
from application.privacy.customer_data import HeldData
from application.privacy.privacy_desk import Noted, PrivacyDesk
from domain.orders.order import order_stream
from domain.orders.purchase_signals import CustomerId
from domain.permissions import Permission
from domain.privacy import Erasure, ErasureBasis, LegalHold, PrivacyRecord, Reason, Reference
from infrastructure.personal.reads import PersonalRead

Asking = Request[Who, str, Any]


class WhichCustomer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    """The shop's id."""


class PlaceLegalHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    reason: Reason
    """Why the data must be kept. It is kept for ever, in the clear: name nobody."""
    reference: Reference = ""


class ReleaseLegalHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    hold: Annotated[int, Meta(ge=1)]
    reason: Reason


class OrderErasure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer: CustomerId
    basis: ErasureBasis
    reference: Reference = ""
    """The number of the request. It is kept for ever, in the clear."""


class PrivacyView(Struct, frozen=True):
    """What is recorded of a customer as such; `record` is the name of the stream, and says nothing of
    who it is."""

    record: UUID
    version: int
    holds: Sequence[LegalHold]
    erasures: Sequence[Erasure]


class Reads(Struct, frozen=True):
    items: Sequence[PersonalRead]
    next_after: int
    nothing: str | None = None
    """Why there may be none, where none was ever noted."""


def _view(record: PrivacyRecord) -> PrivacyView:
    return PrivacyView(record.id, record.version, record.holds, record.erasures)


@post(
    "/personal-data/find",
    needs=Permission.MANAGE_PERSONAL_DATA,
    status_code=200,
    summary="What is held of a customer",
)
def find_personal_data(
    request: Asking, service: NamedDependency[Service], data: JSONBody[WhichCustomer]
) -> HeldData:
    """Every line of the log with personal texts, and the texts; files; holds and erasures. That you
    were shown it is recorded."""
    return noting(lambda: _desk(service).held(data.customer), request, service)


@post(
    "/personal-data/reads",
    needs=Permission.READ_PERSONAL_READS,
    status_code=200,
    summary="Who read a customer's data",
)
def find_reads(
    request: Asking,
    service: NamedDependency[Service],
    data: JSONBody[WhichCustomer],
    after: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Limit = DEFAULT_LIMIT,
) -> Reads:
    """Of the orders that are known to be the customer's; an erasure ends that."""
    only_known(request, "after")
    orders = _desk(service).orders_of(data.customer)
    return _reads(service, orders, None, after, limit)


@get(
    "/audit/reads",
    needs=Permission.READ_PERSONAL_READS,
    summary="Who was shown personal data",
)
def list_reads(
    request: Asking,
    service: NamedDependency[Service],
    order: Annotated[str | None, QueryParameter(max_length=120)] = None,
    person: Annotated[str | None, QueryParameter(max_length=64)] = None,
    after: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Limit = DEFAULT_LIMIT,
) -> Reads:
    """Of an order, by a person, or all; oldest first. Keep `next_after` and come back with it."""
    only_known(request, "order", "person", "after")
    return _reads(service, None if order is None else [order], person, after, limit)


def _reads(
    service: Service, orders: Sequence[str] | None, person: str | None, after: int, limit: int
) -> Reads:
    items = service.desks.reads.of(orders, person, after, limit)
    nothing = None if items or after else why_nothing(service.desks, orders, person)
    return Reads(items, items[-1].id if items else after, nothing)


def why_nothing(desks: Desks, orders: Sequence[str] | None, person: str | None) -> str:
    """Where nothing was noted, it is said whether what was asked for is known at all: `orders` are all
    that are asked about, None if that is any."""
    if orders is not None and not orders:
        return (
            "No order is known to be this customer's any more, or none ever was: an erasure ends that. Ask "
            "by order."
        )
    for order in orders or ():
        # As it is stored: to open it would be to read it, and be noted.
        if not any(True for _ in desks.recorder.select_streams([order_stream(order)])):
            return f"Nothing is known of an order {order}."
    if person is not None and desks.people.known(person) is None:
        return f"Nobody is known by the name {person}."
    return "Nobody was shown any of it."


def _desk(service: Service) -> PrivacyDesk:
    desk = service.desks.privacy
    assert desk is not None  # a service has a vault
    return desk


def _command(
    name: str,
    path: str,
    words: str,
    doc: str,
    kind: Any,
    act: Callable[[PrivacyDesk, Any, Caller], Noted],
) -> HTTPRouteHandler:
    """A command on what is recorded of a customer, whose body is of this type."""

    def handler(
        request: Asking,
        service: NamedDependency[Service],
        data: Any,
        body: RawBody,
        key: IdempotencyKey = None,
    ) -> Response[PrivacyView]:
        def work(by: Caller) -> tuple[PrivacyRecord, int]:
            done = act(_desk(service), data, by)
            return done.record, done.position

        return carry_out(request, service, body, key, work, lambda record: Answer(_view(record)))

    path = f"/personal-data/{path}"
    return post(path, needs=Permission.MANAGE_PERSONAL_DATA, status_code=200, summary=words)(
        as_command(handler, name, doc, kind)
    )


PERSONAL_DATA: tuple[HTTPRouteHandler, ...] = (
    find_personal_data,
    _command(
        "place-legal-hold",
        "holds",
        "Place a legal hold",
        "Nothing of the customer is erased while it lasts.",
        PlaceLegalHold,
        lambda desk, ask, by: desk.hold(ask.customer, ask.reason, ask.reference, by),
    ),
    _command(
        "release-legal-hold",
        "holds/release",
        "Release a legal hold",
        "",
        ReleaseLegalHold,
        lambda desk, ask, by: desk.release(ask.customer, ask.hold, ask.reason, by),
    ),
    _command(
        "erase-personal-data",
        "erasures",
        "Erase a customer's personal data",
        "The keys of the customer's orders are destroyed, and the files of their cases; decisions, "
        "amounts\nand proofs stay. Ordered when this answers; carried out at once, or as soon as the "
        "key store answers\n(`completed_at`).",
        OrderErasure,
        lambda desk, ask, by: desk.erase(ask.customer, ask.basis, ask.reference, by),
    ),
    find_reads,
    list_reads,
)
