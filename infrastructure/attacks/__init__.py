"""Attacks on a copy of the log, each really tried: denied by the database, or found out afterwards."""

from typing import Final

from infrastructure.attacks.attack import Attack
from infrastructure.attacks.definition_attacks import RIGHTS_ATTACKS, ROUTINE_ATTACKS, TABLE_ATTACKS
from infrastructure.attacks.row_attacks import EVENT_ATTACKS, HIDDEN_ATTACKS, TREE_ATTACKS
from infrastructure.attacks.append_attacks import APPEND_ATTACKS

ATTACKS: Final[tuple[Attack, ...]] = (
    *EVENT_ATTACKS,
    *TREE_ATTACKS,
    *APPEND_ATTACKS,
    *TABLE_ATTACKS,
    *ROUTINE_ATTACKS,
    *RIGHTS_ATTACKS,
    *HIDDEN_ATTACKS,
)
"""Every one is tried by everybody."""
