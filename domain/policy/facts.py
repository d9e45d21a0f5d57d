"""The facts that a policy may read: path, type, how it may move, and the signals that feed it."""

import operator
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Union, get_args, get_origin

from msgspec import Meta, Struct, structs

from domain.orders.facts import OrderFacts
from domain.orders.parts import (
    PART_TYPES,
    OrderParts,
    PartKind,
    part_field,
    part_key,
    split_part_key,
)
from domain.policy.document import Bucket, Severity


class Fact(Struct, frozen=True):
    path: str
    type: type[Any]
    moves: str
    feeds: frozenset[str]
    """The types of the signals that can change it."""
    sources: frozenset[str]
    """Those of them that are about it."""
    read: Callable[[Any], Any]
    reads: frozenset[str]
    """The names of the facts that it reads: its path, or for a fact of a part `parcel[].lost`."""
    currency: Callable[[Any], str | None] | None = None
    """Reads the currency of an amount."""
    currency_reads: frozenset[str] = frozenset()
    """The names of the facts that the currency is read from."""


class CaseFacts(Struct, frozen=True):
    """The facts of the case that a route may read."""

    kind: str
    """The kind of the case."""
    bucket: Bucket
    """The bucket of the kind."""
    severity: Severity
    """The severity of the kind."""
    rule: str
    """The rule that opened the case."""


class RoutingFacts(OrderFacts, frozen=True, kw_only=True):
    """The facts that a route may read: those of the order, and of the case."""

    case: CaseFacts


class InPart(Struct, gc=False):
    """The facts that a condition on one part reads: those of the order, and of the part."""

    facts: OrderFacts
    part: Any


def facts_in(struct: type[Struct]) -> dict[str, Fact]:
    """Path `group.field` -> fact, for a struct whose fields are groups of facts."""
    groups = typing.get_type_hints(struct).items()
    return _with_currencies(
        pair
        for group, group_type in groups
        if group_type is not OrderParts
        for pair in _facts_of_group(group, group_type)
    )


def _facts_of_group(group: str, struct: type[Struct]) -> Iterator[tuple[Fact, str]]:
    """Each fact of a group, with the path of the fact that has its currency, if it is an amount."""
    for field, hint in typing.get_type_hints(struct, include_extras=True).items():
        extra: dict[str, Any] = {}
        if get_origin(hint) is typing.Annotated:
            metas = [m for m in get_args(hint)[1:] if isinstance(m, Meta)]
            extra = (metas[0].extra or {}) if metas else {}
            hint = get_args(hint)[0]
        path = f"{group}.{field}"
        feeds = extra.get("feeds", ())
        fact = Fact(
            path=path,
            type=_without_none(hint),
            moves=extra.get("moves", ""),
            feeds=_tags_of(feeds),
            sources=_tags_of(feeds) - _tags_of(extra.get("through", ())),
            read=operator.attrgetter(path),
            reads=frozenset((path,)),
        )
        yield fact, extra.get("currency", "")


def _tags_of(signals: Iterable[type[Struct]]) -> frozenset[str]:
    return frozenset(str(signal.__struct_config__.tag) for signal in signals)


def _with_currencies(pairs: Iterable[tuple[Fact, str]]) -> dict[str, Fact]:
    found = {fact.path: (fact, currency) for fact, currency in pairs}
    facts = {}
    for path, (fact, currency) in found.items():
        if currency:
            of = found[currency][0]
            fact = structs.replace(fact, currency=of.read, currency_reads=of.reads)
        facts[path] = fact
    return facts


def _without_none(hint: Any) -> type[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        (kind,) = (a for a in get_args(hint) if a is not types.NoneType)
        return typing.cast("type[Any]", kind)
    return typing.cast("type[Any]", hint)


ORDER_FACTS: Mapping[str, Fact] = facts_in(OrderFacts)
ROUTING_FACTS: Mapping[str, Fact] = facts_in(RoutingFacts)


def _order_facts_of_part() -> Iterator[tuple[str, Fact]]:
    """The facts of the order, read from the context of a part."""
    read = {path: operator.attrgetter(f"facts.{path}") for path in ORDER_FACTS}
    for path, fact in ORDER_FACTS.items():
        currency = next((read[of] for of in fact.currency_reads), None)
        yield path, structs.replace(fact, read=read[path], currency=currency)


def _facts_of_part(kind: PartKind) -> dict[str, Fact]:
    """The facts of one kind of part. Its `id` is fed by all signals that make or change the part."""
    own = [
        (structs.replace(fact, reads=frozenset((part_fact_name(kind, fact.path),))), currency)
        for fact, currency in _facts_of_group("part", PART_TYPES[kind])
    ]
    feeds: frozenset[str] = frozenset().union(*(fact.feeds for fact, _ in own))
    return _with_currencies(
        (structs.replace(fact, feeds=feeds) if fact.path == "part.id" else fact, currency)
        for fact, currency in own
    )


def part_fact_name(kind: PartKind, path: str) -> str:
    """The name of a part's fact beside those of the order: `parcel[].lost` for `part.lost`."""
    return f"{kind.value}[].{path.removeprefix('part.')}"


OWN_FACTS: Final[Mapping[PartKind, Mapping[str, Fact]]] = {
    kind: _facts_of_part(kind) for kind in PartKind
}
"""The facts of each kind of part: `part.field`."""
_ORDER_FACTS_OF_PART: Final = dict(_order_facts_of_part())
PART_FACTS: Final[Mapping[PartKind, Mapping[str, Fact]]] = {
    kind: {**_ORDER_FACTS_OF_PART, **own} for kind, own in OWN_FACTS.items()
}
"""The facts that a condition on one part may read: those of the order, and `part.field`."""
_NAMED: Final[Mapping[str, Fact]] = {
    name: fact
    for facts in (ORDER_FACTS, *OWN_FACTS.values())
    for fact in facts.values()
    for name in fact.reads
}


def feeds_of(names: Iterable[str]) -> frozenset[str]:
    """The types of the signals that feed these facts of an order and of its parts."""
    return frozenset().union(*(_NAMED[name].feeds for name in names))


def sources_of(names: Iterable[str]) -> frozenset[str]:
    """The types of the signals that are about these facts."""
    return frozenset().union(*(_NAMED[name].sources for name in names))


def groups_of(names: Iterable[str]) -> frozenset[str]:
    """The groups (`payment`) and kinds of parts (`parcel[]`) that hold these facts."""
    return frozenset(name.partition(".")[0] for name in names)


def known_facts(each: PartKind | None) -> Mapping[str, Fact]:
    """The facts that a rule may read: those of the order, with `each` also those of the part."""
    return ORDER_FACTS if each is None else PART_FACTS[each]


_READ_PARTS: Final = {
    kind: (operator.attrgetter(f"parts.{part_field(kind)}"), part_key(kind, ""))
    for kind in PartKind
}


def contexts_of(each: PartKind | None, facts: OrderFacts) -> Sequence[tuple[str, Any]]:
    """What a rule reads: the order under the key `""`, or each part under its own key."""
    if each is None:
        return (("", facts),)
    read, prefix = _READ_PARTS[each]
    parts = read(facts)
    return [(prefix + part.id, InPart(facts, part)) for part in parts] if parts else ()


def context_of(each: PartKind | None, facts: OrderFacts, part: str) -> Any:
    """What a rule reads about one part (`""` is the order); None if it is not there."""
    named = split_part_key(part)
    if named is None or each is None:
        return facts if named is None and each is None else None
    if named[0] is not each:
        return None
    found = next((one for one in facts.parts.of(each) if one.id == named[1]), None)
    return None if found is None else InPart(facts, found)


def context_to_decide(rule: str, each: PartKind | None, facts: OrderFacts, part: str) -> Any:
    """What a rule reads about one part. Raises LookupError if the rule does not look at it."""
    context = context_of(each, facts, part)
    if context is None:
        looks_at = f"each {each.value}" if each else "the whole order"
        raise LookupError(
            f"rule {rule} looks at {looks_at}, and {part or 'the order'!r} is not one"
        )
    return context


def facts_fed_by(types: frozenset[str]) -> frozenset[str]:
    """The names of the facts that signals of these types feed."""
    return frozenset(name for name, fact in _NAMED.items() if fact.feeds & types)


def read_facts(names: Iterable[str], facts: OrderFacts) -> tuple[Any, ...]:
    """The values of these facts of an order; of a part's fact those of every part."""
    return tuple(_read_fact(name, facts) for name in sorted(names))


def _read_fact(name: str, facts: OrderFacts) -> Any:
    if name in ORDER_FACTS:
        return ORDER_FACTS[name].read(facts)
    kind, _, field = name.partition("[].")
    return tuple(getattr(part, field) for part in facts.parts.of(PartKind(kind)))
