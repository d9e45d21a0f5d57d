"""The page of facts: what each one means, its type, and the signals that feed it."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping

from descriptions import describe_type, docstring_of, field_notes

from domain.orders.parts import PART_TYPES, PartKind
from domain.policy.facts import ORDER_FACTS, OWN_FACTS, ROUTING_FACTS, Fact, RoutingFacts


def facts() -> str:
    rows = []
    for path, fact in ({**ORDER_FACTS, **ROUTING_FACTS}).items():
        where = "routes only" if path not in ORDER_FACTS else ", ".join(sorted(fact.feeds))
        rows.append(
            f"| `{path}` | {_describe_fact(path)} | {_describe_fact_type(fact)} | {fact.moves} | {where} |"
        )
    return "\n".join(
        [
            "# Facts",
            "",
            "This page is for people who write a policy.",
            "",
            "A policy can read these [facts](glossary.md#fact) of an order. A fact with an entry in the column *moves* can move",
            "only one way as more signals arrive. A time is the event time of a signal. An amount names the fact that has its currency.",
            "",
            "| fact | meaning | type | moves | fed by |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "# Facts of a part",
            "",
            "A rule with `each`, and a `where`, also read the facts of one part",
            "([rules over parts](policy.md#rules-over-parts)).",
            "",
            *(line for kind, own in OWN_FACTS.items() for line in _facts_of_part(kind, own)),
        ]
    )


def _facts_of_part(kind: str, own: Mapping[str, Fact]) -> Iterable[str]:
    yield from (f"## `{kind}`", "", *docstring_of(PART_TYPES[PartKind(kind)]))
    yield from ("| fact | meaning | type | fed by |", "| --- | --- | --- | --- |")
    notes = field_notes(PART_TYPES[PartKind(kind)])
    for path, fact in own.items():
        meaning, feeds = _in_words(notes[path.removeprefix("part.")]), ", ".join(sorted(fact.feeds))
        yield f"| `{path}` | {meaning} | {_describe_fact_type(fact)} | {feeds} |"
    yield ""


def _describe_fact(path: str) -> str:
    group, _, field = path.partition(".")
    return _in_words(field_notes(typing.get_type_hints(RoutingFacts)[group])[field])


def _in_words(note: str) -> str:
    return re.sub(r"\bNone\b", "unknown", note)


def _describe_fact_type(fact: Fact) -> str:
    """The type of a fact; of an amount, also the fact that has its currency."""
    if fact.currency_reads:
        (currency,) = fact.currency_reads
        currency = re.sub(r"^.*\[\]", "part", currency)
        return f"amount in `{currency}`"
    return describe_type(fact.type).replace("](#", "](events.md#")
