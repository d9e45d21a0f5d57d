"""Who asks for a command: what all desks are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from application.log.recorder import CommandRow
from domain.authority import EVERYWHERE, Authority, Scope
from domain.people import OPERATOR, Actor
from domain.permissions import Permission


class Caller(Struct, frozen=True):
    """Who asks, when, and under which key; `row` makes the row that keeps the answer."""

    actor: Actor
    person: str
    now: datetime
    cause: str
    row: Callable[[Any], CommandRow | None] | None = None
    authority: Authority = EVERYWHERE
    known_as: tuple[str, ...] = ()
    """Other names of everybody whose act it is."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody whose act it counts as, by all of their names."""
        return tuple(dict.fromkeys((*self.actor.persons, *self.known_as)))

    def over(self, needs: Permission, queue: str, region: str | None, case: UUID) -> Caller | None:
        """The caller, as whom a permission reaches the case: under a break-glass where it does not
        otherwise. None if it does not."""
        if needs in self.authority.everywhere:
            return self
        scope = self.authority.scope_over(needs, queue, region, case)
        return self.under(scope) if scope is not None else None

    def under(self, scope: Scope) -> Caller:
        """The caller who acts within a scope: what a break-glass opened is told with each act."""
        if scope.under is None:
            return self
        return structs.replace(self, actor=structs.replace(self.actor, under=scope.under))


def operator(now: datetime) -> Caller:
    """Whoever runs the command line beside the database."""
    return Caller(OPERATOR, "", now, "command:people")
