"""Segregation with one rule removed, to show that the other rule still works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from application.cases import case_commands
from domain.adjustments import decisions


def remove_the_domain_rule(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Make the domain rule find no conflict in any decision."""
    put(case_commands, "require_no_duty_conflict", _nothing)
    put(decisions, "require_no_duty_conflict", _nothing)
    put(decisions, "find_duty_conflict", _nothing)


def _nothing(*_: object) -> None:
    return None
