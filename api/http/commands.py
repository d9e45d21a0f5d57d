"""Commands: from a request to its answer, once per idempotency key.

A command route takes `command: CommandRequest`, which holds the parameters that all have in common.
"""

from collections.abc import Callable
from typing import Annotated, Any, Protocol, TypeVar, get_args

import msgspec
from litestar import Response
from litestar.params import JSONBody, RawBody

from api.http.authentication import AuthenticatedRequest
from api.http.errors import KeyRequired
from api.http.json_keys import require_unique_keys
from api.http.parameter_objects import ParameterObject
from api.http.query import IdempotencyKey
from api.http.responses import CommandResponse, KeyedRequest, keyed_request_of
from api.http.service import Service, ServiceDependency
from application.log.caller import Caller
from application.log.recorder import CommandRow


class CommandOutcome(Protocol):
    """What a desk returns for a command."""

    @property
    def position(self) -> int: ...


State = TypeVar("State")
Outcome = TypeVar("Outcome", bound=CommandOutcome)
Handler = TypeVar("Handler", bound=Callable[..., Any])


class CommandRequest(ParameterObject):
    """A request to change something: who sent it, its body, and its idempotency key."""

    def __init__(
        self,
        request: AuthenticatedRequest,
        service: ServiceDependency,
        body: RawBody,
        key: IdempotencyKey = None,
    ) -> None:
        self.request = request
        self.service = service
        self.body = body
        self.key = key

    def keyed(self) -> KeyedRequest:
        return keyed_request_of(self.request, self.body, self.key)

    def run(
        self,
        act: Callable[[Caller], Outcome],
        state: Callable[[Outcome], State],
        respond: Callable[[State], CommandResponse],
        *,
        is_json: bool = True,
    ) -> Response[Any]:
        """The answer to the command: `respond` makes it from the `state` after `act`.

        Raises IdempotencyKeyReused, IdempotencyKeyInFlight, MalformedBody or Invalid for the body, and
        what `act` raises.
        """
        keyed = self.keyed()
        if is_json:
            require_unique_keys(self.body)

        def work() -> Response[Any]:
            outcome = act(caller_of(self.service, keyed, respond))
            return respond(state(outcome)).response(outcome.position)

        return self.service.answers.run_once(keyed, work)

    def require_key(self) -> None:
        """Raises KeyRequired: a request about money must be safe to repeat."""
        if self.key is None:
            raise KeyRequired("the Idempotency-Key header is missing")


def caller_of(
    service: Service, keyed: KeyedRequest, respond: Callable[[Any], CommandResponse]
) -> Caller:
    """The caller of a command. Its answer is stored under the request's key."""

    def row(state: Any) -> CommandRow | None:
        return keyed.row(respond(state)) if state is not None else None

    cause = f"command:{keyed.key or keyed.digest.hex()[:16]}"
    who = keyed.who
    now = service.desks.clock()
    return Caller(
        who.actor, who.person, now, cause, row if keyed.key else None, who.authority, who.known_as
    )


def empty_body(kind: Any) -> Any | None:
    """The value of an empty body; None if the type has required fields."""
    try:
        return msgspec.convert({}, kind)
    except msgspec.ValidationError:
        return None


def configure_command_handler(
    handler: Handler, name: str, doc: str, kind: Any | None = None
) -> Handler:
    """Give a generated handler its name, its docstring and the type of its body (None: no body).

    The body may be empty if none of its fields is required.
    """
    if kind is not None:
        if (empty := empty_body(kind)) is not None:
            # `data` comes right before the parameters with defaults.
            handler.__defaults__ = (empty, *(handler.__defaults__ or ()))
        # `JSONBody[kind]` cannot be written in the source: the type is only known here.
        handler.__annotations__["data"] = Annotated[kind, *get_args(JSONBody)[1:]]
    handler.__name__ = handler.__qualname__ = name.replace("-", "_")
    handler.__doc__ = doc
    return handler
