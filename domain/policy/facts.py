"""The facts that a policy may read: path, type, how it may move, and the signals that feed it."""

import operator
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Union, get_args, get_origin

from msgspec import Meta, Struct

from domain.orders.facts import OrderFacts
from domain.policy.document import Bucket, Severity


class Fact(Struct, frozen=True):
    path: str
    type: type[Any]
    moves: str
    feeds: frozenset[str]
    read: Callable[[Any], Any]


class CaseFacts(Struct, frozen=True):
    """The facts of the case that a route may read."""

    kind: str
    bucket: Bucket
    severity: Severity
    rule: str


class RoutingFacts(OrderFacts, frozen=True):
    """The facts that a route may read: those of the order, and of the case."""

    case: CaseFacts


def facts_in(struct: type[Struct]) -> dict[str, Fact]:
    """Path `group.field` -> fact, for a struct whose fields are groups of facts."""
    found = {}
    for group, group_type in typing.get_type_hints(struct).items():
        for field, hint in typing.get_type_hints(group_type, include_extras=True).items():
            extra: dict[str, Any] = {}
            if get_origin(hint) is typing.Annotated:
                metas = [m for m in get_args(hint)[1:] if isinstance(m, Meta)]
                extra = (metas[0].extra or {}) if metas else {}
                hint = get_args(hint)[0]
            path = f"{group}.{field}"
            found[path] = Fact(
                path=path,
                type=_without_none(hint),
                moves=extra.get("moves", ""),
                feeds=frozenset(str(s.__struct_config__.tag) for s in extra.get("feeds", ())),
                read=operator.attrgetter(path),
            )
    return found


def _without_none(hint: Any) -> type[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        (kind,) = (a for a in get_args(hint) if a is not types.NoneType)
        return typing.cast("type[Any]", kind)
    return typing.cast("type[Any]", hint)


ORDER_FACTS: Mapping[str, Fact] = facts_in(OrderFacts)
ROUTING_FACTS: Mapping[str, Fact] = facts_in(RoutingFacts)


def feeds_of(paths: frozenset[str]) -> frozenset[str]:
    """The types of the signals that feed these facts of an order."""
    return frozenset().union(*(ORDER_FACTS[path].feeds for path in paths))
