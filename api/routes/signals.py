"""Receiving signals: one, an array, or NDJSON; each has its own result."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter, RawBody
from msgspec import Struct, structs

from api.http.authentication import AuthenticatedRequest
from api.http.cloud_events import EVENT, is_binary_mode, to_structured_mode
from api.http.concurrency import post
from api.http.errors import MalformedParameter
from api.http.query import IdempotencyKey
from api.http.responses import CommandResponse, keyed_request_of
from api.http.service import Service, ServiceDependency
from api.http.signal_bodies import Item, parse_items
from api.routes.signal_results import (
    SignalResult,
    SignalResults,
    batch_results,
    change_view,
    results_of,
    with_names,
)
from application.log.recorder import CommandRow
from application.orders.batches import Arrival
from application.orders.receipts import Receipt
from domain.errors import CasetrailError
from domain.permissions import Permission
from domain.sources.errors import SourceStatesItself

DryRunFlag = Annotated[
    bool,
    QueryParameter(
        name="dry_run",
        description="`true`: answer what would be recorded, and which cases would change, and store nothing.",
    ),
]


@post("/signals", needs=Permission.SEND_SIGNALS, summary="Send signals")
def send_signals(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    body: RawBody,
    key: IdempotencyKey = None,
    dry_run: DryRunFlag = False,
) -> Response[SignalResults]:
    """One signal, or a batch of up to 1,000 as an array or NDJSON, in UTF-8, or in UTF-16 with a byte order
    mark. With `Content-Encoding: gzip`, the body is packed; its limit of 1 MiB applies unpacked, too.

    CloudEvents 1.0 are read in binary mode (`ce-` headers), structured mode (`application/cloudevents+json`)
    and as a batch (`application/cloudevents-batch+json`): `data` is the signal, and the event's `id`,
    `source`, `type`, `time` and `subject` fill what it leaves out.

    A signal is recorded once, however often it is sent. A signal that is refused does not stop the
    others of its batch. A single signal is answered with its result or its problem.

    With `dry_run=true` nothing is stored: the results are what they would be, and `changes` lists the cases
    that would be opened, joined, reopened, cleared or resolved.
    """
    content_type = request.headers.get("content-type", "application/json")
    content: bytes = body
    if is_binary_mode(request.scope["headers"], content_type):
        content = to_structured_mode(request.scope["headers"], content_type, body)
        content_type = EVENT
    if dry_run:
        return _run_dry(request, service, content, content_type, key)
    keyed = keyed_request_of(request, content, key)

    def work() -> Response[Any]:
        batch = _read_batch(request, service, content, content_type)

        def row(receipts: Sequence[Receipt]) -> CommandRow | None:
            # A refusal is not stored: the sender corrects the signal and sends it again.
            if batch.single and receipts[0].problem is not None:
                return None
            return keyed.row(CommandResponse(batch.results(receipts)))

        taken = service.desks.intake.take(batch.arrivals, keyed.who.actor, row if key else None)
        batch.require_not_refused(taken.receipts)
        # A batch of duplicates appends nothing: its signals are in the log. Still append: that checks
        # the log, so that a restored database does not confirm signals that it has lost.
        position = taken.position or service.desks.log.append([]).position
        receipts = taken.receipts
        if key is not None:  # as it is stored
            receipts = [structs.replace(receipt, joins=()) for receipt in receipts]
        return CommandResponse(batch.results(receipts)).response(position)

    return service.answers.run_once(keyed, work)


def _run_dry(
    request: AuthenticatedRequest, service: Service, body: bytes, content_type: str, key: str | None
) -> Response[Any]:
    if key is not None:
        detail = "a dry run stores nothing, so there is no answer to repeat: leave the header out"
        fault = {"parameter": "Idempotency-Key", "detail": detail}
        raise MalformedParameter(f"Idempotency-Key: {detail}", errors=[fault])
    batch = _read_batch(request, service, body, content_type)
    run = service.desks.dry_run()
    receipts = run.take(batch.arrivals, request.user.actor).receipts
    batch.require_not_refused(receipts)
    changes = [change_view(change) for change in run.changes()]
    results = structs.replace(batch.results(receipts), dry_run=True, changes=changes)
    return CommandResponse(results).without_receipt(run.position)


class _Batch(Struct, frozen=True):
    """The items of a body, and the arrivals of those that are signals."""

    items: Sequence[Item]
    single: bool
    arrivals: Sequence[Arrival]
    body: bytes
    content_type: str

    def results(self, receipts: Sequence[Receipt]) -> SignalResult | SignalResults:
        results = results_of(self.items, receipts)
        if self.single:
            return results[0]
        return batch_results(with_names(results, self.body, self.content_type))

    def require_not_refused(self, receipts: Sequence[Receipt]) -> None:
        """Raise the problem of a single signal."""
        refused = receipts[0].problem if self.single else None
        if refused is not None:
            raise refused


def _read_batch(
    request: AuthenticatedRequest, service: Service, body: bytes, content_type: str
) -> _Batch:
    """Raises MalformedBody, TooLarge, and the error of a single signal."""
    items, single = parse_items(body, content_type)
    if Permission.MANAGE_SOURCES not in request.user.authority.permissions:
        names = service.desks.sources.names()
        items = [_refused_for_source(one, names) for one in items]
    if single and isinstance(items[0], CasetrailError):
        raise items[0]
    now = service.desks.clock()
    arrivals = [Arrival(i, now) for i in items if not isinstance(i, CasetrailError)]
    return _Batch(items, single, arrivals, body, content_type)


def _refused_for_source(item: Item, sources: Collection[str]) -> Item:
    if isinstance(item, CasetrailError) or item.source not in sources:
        return item
    return SourceStatesItself(
        f"{item.key} has the source {item.source}, which is configured here: only its deliveries state its signals"
    )
