"""Segregation with a rule removed: to see that what is left notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from application.cases import case_commands
from domain.adjustments import decisions


def remove_the_domain_rule(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Nobody's earlier duty stands against anything, in whatever decision it is asked for."""
    put(case_commands, "must_be_free_for", _nothing)
    put(decisions, "must_be_free_for", _nothing)
    put(decisions, "conflict", _nothing)


def _nothing(*_: object) -> None:
    return None
