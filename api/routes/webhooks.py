"""Webhooks of sources: authenticated by their signatures, not by a token."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.params import FromPath, RawBody
from litestar.types import Scope
from msgspec import Struct

from api.http.concurrency import post
from api.http.problems import refusal_of, slug
from api.http.responses import JSON_MEDIA_TYPE, position_headers
from api.http.service import Service, ServiceDependency
from application.orders.receipts import SignalOutcome
from application.people.access_refusals import RequestKind
from application.sources.delivery_desk import DeliveryResult
from application.sources.ports import RawDelivery
from domain.errors import CasetrailError
from domain.people import Actor
from domain.principals import UNRESTRICTED_KEY
from domain.sources.deliveries import NotUnderstood
from domain.sources.errors import SourceNotFound
from infrastructure.event_loops import THREADS
from infrastructure.webhooks.errors import SignatureRefused
from infrastructure.webhooks.request import WebhookRequest
from infrastructure.webhooks.verification import accepted_answer, is_unsigned_ping

LARGEST_WEBHOOK_BYTES = 4 << 20
_PATH: Final = "/v1/sources/{source}/webhook"


class WebhookAnswer(Struct, frozen=True):
    """What became of a delivery. It is kept in any case; `known`: it came before, and nothing was done now."""

    delivery: UUID
    known: bool
    recorded: int
    duplicate: int
    held: int
    refused: int
    reasons: Sequence[NotUnderstood]
    """Why a part of it became no signal; nothing needs to be sent again."""


@post(
    "/sources/{source:str}/webhook",
    needs=None,
    any_query=True,
    summary="Take a webhook",
    request_max_body_size=LARGEST_WEBHOOK_BYTES,
)
def take_webhook(
    request: Request[Any, Any, Any],
    service: ServiceDependency,
    source: FromPath[str],
    body: RawBody,
) -> Response[WebhookAnswer]:
    """Verified over the body as it came, kept before anything else, and answered once that is committed. A
    delivery that came before is answered again and changes nothing. What is not understood is kept, and listed
    at `deliveries`.
    """
    desks = service.desks
    # As with headers: of several values of one name, none passes for the only one.
    given = request.query_params.dict().items()
    query = {name: ", ".join(map(str, values)) for name, values in given}
    received = WebhookRequest.received(body, request.scope["headers"], query)
    found = desks.sources.known(source)
    if (
        found is None
    ):  # without the names of others, as for a source that is looked for by its owner
        raise SourceNotFound(f"no source {source}")
    if found.scheme is not None and is_unsigned_ping(found.scheme, received):
        return _response(JSON_MEDIA_TYPE, b"{}", {})
    raw = RawDelivery(body, received.headers, query)
    taken = desks.deliveries.take(found, raw, desks.clock())
    wanted = accepted_answer(found.scheme) if found.scheme is not None else None
    media_type, answer = wanted or (JSON_MEDIA_TYPE, msgspec.json.encode(_answer(taken)))
    return _response(media_type, answer, position_headers(taken.position))


def _response(media_type: str, body: bytes, headers: dict[str, str]) -> Response[Any]:
    return Response(body, media_type=media_type, status_code=200, headers=headers)


def _answer(taken: DeliveryResult) -> WebhookAnswer:
    counts = Counter(one.outcome for one in taken.receipts)
    return WebhookAnswer(
        delivery=taken.delivery,
        known=taken.is_known,
        **{outcome.value: counts[outcome] for outcome in SignalOutcome},
        reasons=taken.reasons,
    )


async def note_refused_webhook(error: Exception, scope: Scope) -> None:
    """Count a webhook of a known source that is refused, by its problem. Nothing of it is stored: anybody may send.

    What is our own fault (5xx) is not counted: the sender sends it again.
    """
    if scope.get("path_template") == _PATH and (kind := refusal_of(error)) is not None:
        await THREADS.run(partial(_count, scope["litestar_app"].state.service, scope, kind))


def _count(service: Service, scope: Scope, problem: type[CasetrailError]) -> None:
    source = str(scope["path_params"].get("source"))
    if service.desks.sources.known(source) is None:
        return
    about = "signature" if issubclass(problem, SignatureRefused) else "webhook"
    kind = RequestKind("POST", _PATH, about, slug(problem))
    service.access_refusals.note(Actor(f"source:{source}"), (), UNRESTRICTED_KEY, kind)
