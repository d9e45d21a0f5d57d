"""Parameter objects: a route handler takes one in place of parameters that many routes have.

    def list_orders(listing: ListQuery, tier: …) -> …

Litestar sees the parameters of `ListQuery.__init__` in the handler's signature. So it checks, reports and
documents all parameters of a route together, as if each handler had repeated them.
"""

import functools
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


class ParameterObject:
    """Base of the classes that handlers take in place of the parameters of `__init__`."""


def with_parameter_objects(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, with the parameters of its parameter objects instead of the objects."""
    own = _parameters(handler)
    objects = {
        name: parameter.annotation
        for name, parameter in own.items()
        if isinstance(parameter.annotation, type)
        and issubclass(parameter.annotation, ParameterObject)
    }
    if not objects:
        return handler
    parts = {name: _parameters(kind.__init__) for name, kind in objects.items()}
    every = {name: each for name, each in own.items() if name not in objects}
    for part in parts.values():
        every |= part

    @functools.wraps(handler)
    def call(**kwargs: Any) -> Any:
        for name, kind in objects.items():
            kwargs[name] = kind(**{part: kwargs[part] for part in parts[name]})
        return handler(**{name: kwargs[name] for name in own})

    gives = get_type_hints(handler, include_extras=True)["return"]
    call.__signature__ = Signature([*every.values()], return_annotation=gives)  # type: ignore[attr-defined]
    call.__annotations__ = {n: each.annotation for n, each in every.items()} | {"return": gives}
    return call


def _parameters(function: Callable[..., Any]) -> dict[str, Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return {
        name: parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints.get(name))
        for name, parameter in signature(function).parameters.items()
        if name != "self"
    }
