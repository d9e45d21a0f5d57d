"""Whether the people behind an act may manage people now, by the log."""

from collections.abc import Sequence
from datetime import datetime

from domain.authority import find_without_grant
from domain.people import Actor
from domain.permissions import Permission
from domain.person import Person


def find_no_manager(actor: Actor, people: Sequence[Person], now: datetime) -> str | None:
    """The name of somebody behind the act who may not manage people everywhere; None if all may."""
    by_name = {person.name: person for person in people}
    return find_without_grant(
        {name: by_name.get(name) for name in actor.persons},
        actor.person or "",
        now,
        lambda grants: Permission.MANAGE_PEOPLE in grants.everywhere,
    )
