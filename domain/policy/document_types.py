"""The basic types of policy documents: names, values, weights and conditions."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

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


class Condition(Part, frozen=True, kw_only=True, rename={"not_": "not", "is_": "is"}):
    """`all` / `any` / `not` over conditions, or one test of one fact.

    An unknown fact passes only the test `known: false`.
    """

    all: tuple[Condition, ...] | None = None
    any: tuple[Condition, ...] | None = None
    not_: Condition | None = None
    fact: FactPath | None = None
    is_: Value | None = None
    one_of: tuple[Value, ...] | None = None
    above: Value | None = None
    at_least: Value | None = None
    below: Value | None = None
    at_most: Value | None = None
    known: bool | None = None
