"""The words that policy documents are written with."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from domain.texts import END, one_line

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,63}" + END)]
RuleName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,79}" + END)]
Title = Annotated[str, one_line(200, least=1)]
FactPath = Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z_]+" + END)]
Value = Annotated[str, one_line(200)] | int | bool
Weight = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every part of a policy document shares: strict, immutable, and short when written."""
