"""Attacks on a copy of the log, each really tried: denied by the database, or found out afterwards."""

from typing import Final

from infrastructure.attacks.attack import Attack
from infrastructure.attacks.on_definitions import RIGHTS, ROUTINES, TABLES
from infrastructure.attacks.on_rows import BESIDE, EVENTS, HIDDEN
from infrastructure.attacks.on_the_append import APPENDS

ATTACKS: Final[tuple[Attack, ...]] = (
    *EVENTS,
    *BESIDE,
    *APPENDS,
    *TABLES,
    *ROUTINES,
    *RIGHTS,
    *HIDDEN,
)
"""Every one is tried by everybody."""
