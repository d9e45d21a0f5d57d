"""The request body of signals in the OpenAPI document."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta

from api.http.signal_bodies import MAX_SIGNALS
from api.openapi_schemas import REF
from domain.orders.signals import Signal

SignalBatch = Annotated[list[Signal], Meta(max_length=MAX_SIGNALS)]
BODIES: Final = (Signal, SignalBatch)
# CloudEvents are described in the text of the operation. With a second type of JSON, the generated client in
# Python tells bodies apart by `isinstance`, which fails for the list of signals.
REQUEST_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": f"{REF}SignalOrSignals"}},
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}


def signal_components(of: Mapping[str, Any]) -> dict[str, Any]:
    """The components that the request body names, from the schemas of its parts."""
    return {"SignalOrSignals": {"anyOf": [of[repr(Signal)], of[repr(SignalBatch)]]}}
