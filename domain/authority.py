"""What a role may do. Every route names the permission that it needs; a person may what any of the
person's roles may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.people import Role


class Permission(StrEnum):
    SEND_SIGNALS = "signals.send"
    READ_ORDERS = "orders.read"
    READ_CASES = "cases.read"
    """Cases with their trails, packets, clocks and files; queues and reports."""
    WORK_CASES = "cases.work"
    MANAGE_BACKLOG = "backlog.manage"
    """To own a plan to recover a queue, and to decide on its actions."""
    READ_LOG = "log.read"
    """The feed of all events."""
    KNOW_ONESELF = "self.read"


_ALL: Final = frozenset({Permission.KNOW_ONESELF})
_READ: Final = _ALL | {Permission.READ_ORDERS, Permission.READ_CASES}
_WORK: Final = _READ | {Permission.WORK_CASES}
_LEAD: Final = _WORK | {Permission.MANAGE_BACKLOG, Permission.READ_LOG}

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.HANDLER: _WORK,
        Role.EXCEPTION_SPECIALIST: _WORK,
        Role.TEAM_LEAD: _LEAD,
        Role.OPS_MANAGER: _LEAD,
        Role.FINANCE_APPROVER: _READ | {Permission.READ_LOG},
        Role.QA_ANALYST: _READ | {Permission.READ_LOG},
        Role.GOVERNANCE_OWNER: _READ | {Permission.READ_LOG},
        # Reads, verifies and exports; changes nothing.
        Role.AUDITOR: _READ | {Permission.READ_LOG},
        # Sends what happened, and learns what became of it.
        Role.INTEGRATOR: _READ | {Permission.SEND_SIGNALS, Permission.READ_LOG},
    }
)


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """Who would have been let in."""
    return tuple(role for role, has in ROLE_PERMISSIONS.items() if permission in has)
