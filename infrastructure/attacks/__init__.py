"""Attacks on copies of the log. Each is really tried: the database must deny it, or a check detect it."""

from typing import Final

from infrastructure.attacks.append_attacks import APPEND_ATTACKS
from infrastructure.attacks.attack import Attack
from infrastructure.attacks.definition_attacks import RIGHTS_ATTACKS, ROUTINE_ATTACKS, TABLE_ATTACKS
from infrastructure.attacks.row_attacks import EVENT_ATTACKS, HIDDEN_ATTACKS, TREE_ATTACKS

ATTACKS: Final[tuple[Attack, ...]] = (
    *EVENT_ATTACKS,
    *TREE_ATTACKS,
    *APPEND_ATTACKS,
    *TABLE_ATTACKS,
    *ROUTINE_ATTACKS,
    *RIGHTS_ATTACKS,
    *HIDDEN_ATTACKS,
)
"""Every attacker tries every one."""
