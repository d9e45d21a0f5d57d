"""What an attack is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from infrastructure.event_store.rights import EVENT_TRIGGERS, TRIGGERS


class Attack(Struct, frozen=True, kw_only=True):
    """Statements that one after the other are to do harm, in one transaction. `{…}` in them is filled
    in with what the copy of the log has."""

    name: str
    does: Sequence[str]
    reached: str | None = None
    """A query that says whether it came to anything, where it may go through without doing so."""
    copied: str | None = None
    """What the last statement, a COPY, is sent."""
    before: Sequence[str] = ()
    """What a superuser did to the copy before."""
    shared: bool = False
    """It would be of all databases of the server: it is looked at before it is committed, and never is."""


DISABLE_GUARDS: Final = (
    *(f"ALTER EVENT TRIGGER {name} DISABLE" for name in EVENT_TRIGGERS),
    *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TRIGGERS),
)
"""All that stands against a change is taken away …"""
ENABLE_GUARDS: Final = (
    *(
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
        for table, names in TRIGGERS.items()
        for name in names
    ),
    *(f"ALTER EVENT TRIGGER {name} ENABLE ALWAYS" for name in EVENT_TRIGGERS),
)
"""… and put back, so that nobody sees it."""


def attack(
    name: str,
    *does: str,
    reached: str | None = None,
    copied: str | None = None,
    shared: bool = False,
    before: Sequence[str] = (),
) -> Attack:
    return Attack(
        name=name, does=does, reached=reached, copied=copied, shared=shared, before=before
    )


def hidden_attack(name: str, *does: str) -> Attack:
    """With the guards taken away for as long as it takes."""
    return Attack(
        name=f"{name}, with the guards off and on again",
        does=(*DISABLE_GUARDS, *does, *ENABLE_GUARDS),
    )
