"""The caller of a command: every desk gets one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from application.log.event_log import Write
from application.log.recorder import CommandRow
from domain.authority import FULL_AUTHORITY, Authority, Scope
from domain.people import OPERATOR_ACTOR, Actor
from domain.permissions import Permission
from domain.recorded_event import Event


class Caller(Struct, frozen=True):
    """Who calls, when, and with which authority; `row` makes the row that stores the answer."""

    actor: Actor
    person: str
    now: datetime
    cause: str
    row: Callable[[Any], CommandRow | None] | None = None
    authority: Authority = FULL_AUTHORITY
    known_as: tuple[str, ...] = ()
    """Other names of the persons behind the act."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the persons that the act counts for."""
        return tuple(dict.fromkeys((*self.actor.persons, *self.known_as)))

    def over(self, needs: Permission, queue: str, region: str | None, case: UUID) -> Caller | None:
        """The caller with a permission over the case, under a break-glass if no other grant gives it;
        None without the permission."""
        if needs in self.authority.everywhere:
            return self
        scope = self.authority.scope_over(needs, queue, region, case)
        return self.under(scope) if scope is not None else None

    def under(self, scope: Scope) -> Caller:
        """The caller within a scope: each act under a break-glass names it."""
        if scope.under is None:
            return self
        return structs.replace(self, actor=structs.replace(self.actor, under=scope.under))

    def write(
        self,
        stream: UUID,
        kind: str,
        expected: int,
        events: Sequence[Event],
        order: str | None = None,
        next_due: datetime | UnsetType | None = UNSET,
    ) -> Write:
        """Events for one stream, as acts of this caller."""
        return Write(
            stream=stream,
            kind=kind,
            expected=expected,
            events=[(self.actor, event) for event in events],
            recorded_at=self.now,
            cause=self.cause,
            order=order,
            next_due=next_due,
        )

    def row_of(self, result: Any) -> CommandRow | None:
        """The row that stores this result as the answer; None if nothing stores it."""
        return self.row(result) if self.row is not None else None


def system_caller(actor: Actor, now: datetime, cause: str) -> Caller:
    """A part of the service, or the operator, as a caller with full authority."""
    return Caller(actor, "", now, cause)


def operator_caller(now: datetime) -> Caller:
    """The person who runs the command line with direct access to the database."""
    return system_caller(OPERATOR_ACTOR, now, "command:people")
