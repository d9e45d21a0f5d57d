"""Commands of any kind, from a request to its answer: who asks, once for each key, answered alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args

from litestar import Request, Response
from litestar.params import JSONBody

from api.http.authentication import Who
from api.http.json_keys import refuse_repeated_names
from api.http.responses import Answer, Ask, ask_of
from api.http.service import Service
from application.log.caller import Caller
from application.log.recorder import CommandRow

State = TypeVar("State")
Handler = TypeVar("Handler", bound=Callable[..., Any])


def caller_of(service: Service, ask: Ask, answer: Callable[[Any], Answer]) -> Caller:
    """The caller of a command, whose answer is kept under the request's key."""

    def row(after: Any) -> CommandRow | None:
        return ask.row(answer(after)) if after is not None else None

    cause = f"command:{ask.key or ask.digest.hex()[:16]}"
    who = ask.who
    now = service.desks.clock()
    return Caller(
        who.actor, who.person, now, cause, row if ask.key else None, who.authority, who.known_as
    )


def carry_out(
    request: Request[Who, str, Any],
    service: Service,
    body: bytes,
    key: str | None,
    act: Callable[[Caller], tuple[State, int]],
    answer: Callable[[State], Answer],
    *,
    is_json: bool = True,
) -> Response[Any]:
    """The answer to a command; `act` gives the state after it, and the log's position."""
    ask = ask_of(request, body, key)
    if is_json:
        refuse_repeated_names(body)

    def work() -> Response[Any]:
        after, position = act(caller_of(service, ask, answer))
        return answer(after).response(position)

    return service.answers.carry_out(ask, work)


def as_command(handler: Handler, name: str, doc: str, kind: Any | None = None) -> Handler:
    """The handler of one of many commands that are alike: under a name and in words of its own, as
    the contract tells them; its `data` is of this type, or there is none."""
    if kind is not None:
        # What `JSONBody[kind]` is, for a type that is only known now.
        handler.__annotations__["data"] = Annotated[kind, *get_args(JSONBody)[1:]]
    handler.__name__ = handler.__qualname__ = name.replace("-", "_")
    handler.__doc__ = doc
    return handler
