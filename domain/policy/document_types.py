"""The basic types of policy documents: names, values, weights and conditions."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from domain.texts import PATTERN_END, one_line

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,63}" + PATTERN_END)]
Version = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,31}" + PATTERN_END)]
RuleName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,79}" + PATTERN_END)]
Title = Annotated[str, one_line(200, least=1)]
FactPath = Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z_]+" + PATTERN_END)]
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
