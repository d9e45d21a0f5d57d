"""The basic types of policy documents: names, values, weights and conditions."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from domain.orders.parts import PartKind
from domain.texts import form, one_line

Name = Annotated[
    str, form("[a-z][a-z0-9_]{0,63}", "a name of a-z, 0-9 and _ that begins with a letter")
]
Version = Annotated[
    str,
    form(
        "[A-Za-z0-9][A-Za-z0-9._-]{0,31}",
        "a version of letters, digits, `.`, `_` and `-`, such as 4 or 2026-11",
    ),
]
RuleName = Annotated[
    str, form("[a-z][a-z0-9-]{0,79}", "a rule's name of a-z, 0-9 and -, such as one-approver")
]
Title = Annotated[str, one_line(200, least=1)]
FactPath = Annotated[str, form(r"[a-z_]+\.[a-z_]+", "a fact such as payment.overpaid")]
Value = Annotated[str, one_line(200)] | int | bool
Weight = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every part of a policy document: strict, immutable, and without defaults when written."""


class FactReference(Part, frozen=True, kw_only=True):
    """Another fact, which a fact is compared with."""

    fact: FactPath


Constant = Value | FactReference


class Condition(Part, frozen=True, kw_only=True, rename={"not_": "not", "is_": "is"}):
    """`all` / `any` / `not` over conditions, one test of one fact, or a question about the parts.

    `any` and `every` say whether parts of a kind fit `where`, `count` and `sum` are compared with a
    value. An unknown fact passes only the test `known: false`.
    """

    all: tuple[Condition, ...] | None = None
    any: tuple[Condition, ...] | PartKind | None = None
    not_: Condition | None = None
    fact: FactPath | None = None
    every: PartKind | None = None
    count: PartKind | None = None
    sum: FactPath | None = None
    where: Condition | None = None
    is_: Constant | None = None
    one_of: tuple[Value, ...] | None = None
    above: Constant | None = None
    at_least: Constant | None = None
    below: Constant | None = None
    at_most: Constant | None = None
    known: bool | None = None
