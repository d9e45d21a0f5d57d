"""The type of an attack, and the statements that switch the guards off and on."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from infrastructure.event_store.rights import EVENT_TRIGGERS, TRIGGERS


class Attack(Struct, frozen=True, kw_only=True):
    """SQL statements that try to do harm, in one transaction. `{…}` in them is replaced by values of the
    copy."""

    name: str
    does: Sequence[str]
    reached: str | None = None
    """A query that tells whether the attack had an effect, if its statements may succeed without one."""
    copied: str | None = None
    """The data sent to the last statement, a COPY."""
    before: Sequence[str] = ()
    """Statements that a superuser runs on the copy first."""
    shared: bool = False
    """It affects all databases of the server: it is checked before the commit and always rolled back."""


DISABLE_GUARDS: Final = (
    *(f"ALTER EVENT TRIGGER {name} DISABLE" for name in EVENT_TRIGGERS),
    *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TRIGGERS),
)
"""Switch off every guard against changes."""
ENABLE_GUARDS: Final = (
    *(
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
        for table, names in TRIGGERS.items()
        for name in names
    ),
    *(f"ALTER EVENT TRIGGER {name} ENABLE ALWAYS" for name in EVENT_TRIGGERS),
)
"""Switch all guards on again, to hide that they were off."""
DELETE_EVENT: Final = "DELETE FROM stored_events WHERE notification_id = 7"


def attack(name: str, *does: str, **facts: Any) -> Attack:
    return Attack(name=name, does=does, **facts)


def hidden_attack(name: str, *does: str) -> Attack:
    """An attack that switches the guards off and on again."""
    return Attack(
        name=f"{name}, with the guards off and on again",
        does=(*DISABLE_GUARDS, *does, *ENABLE_GUARDS),
    )
