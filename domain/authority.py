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
    PROPOSE_ADJUSTMENTS = "adjustments.propose"
    APPROVE_ADJUSTMENTS = "adjustments.approve"
    """To approve and to reject; how much, policy says."""
    EXECUTE_ADJUSTMENTS = "adjustments.execute"
    RECONCILE_ADJUSTMENTS = "adjustments.reconcile"
    READ_POLICIES = "policies.read"
    PROPOSE_POLICIES = "policies.propose"
    APPROVE_POLICIES = "policies.approve"
    ACTIVATE_POLICIES = "policies.activate"
    READ_PEOPLE = "people.read"
    """Who may what, and who gave it to them."""
    MANAGE_PEOPLE = "people.manage"


NEVER_FOR_AGENTS: Final = frozenset(
    {
        Permission.APPROVE_ADJUSTMENTS,
        Permission.EXECUTE_ADJUSTMENTS,
        Permission.RECONCILE_ADJUSTMENTS,
        Permission.APPROVE_POLICIES,
        Permission.ACTIVATE_POLICIES,
        Permission.MANAGE_PEOPLE,
    }
)
"""What takes a person's own hand, whatever the roles of the person whose agent it is."""

_P = Permission
_ALL: Final = frozenset({_P.KNOW_ONESELF})
_READ: Final = _ALL | {_P.READ_ORDERS, _P.READ_CASES, _P.READ_POLICIES}
_WORK: Final = _READ | {_P.WORK_CASES, _P.PROPOSE_ADJUSTMENTS}
_LEAD: Final = _WORK | {
    _P.MANAGE_BACKLOG,
    _P.READ_LOG,
    _P.READ_PEOPLE,
    _P.APPROVE_ADJUSTMENTS,
}
_OVERSEE: Final = _READ | {_P.READ_LOG, _P.READ_PEOPLE}

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.HANDLER: _WORK,
        Role.EXCEPTION_SPECIALIST: _WORK,
        Role.TEAM_LEAD: _LEAD,
        Role.OPS_MANAGER: _LEAD | {_P.PROPOSE_POLICIES, _P.ACTIVATE_POLICIES, _P.MANAGE_PEOPLE},
        Role.FINANCE_APPROVER: _OVERSEE
        | {_P.APPROVE_ADJUSTMENTS, _P.EXECUTE_ADJUSTMENTS, _P.RECONCILE_ADJUSTMENTS},
        Role.QA_ANALYST: _OVERSEE,
        Role.GOVERNANCE_OWNER: _OVERSEE
        | {_P.PROPOSE_POLICIES, _P.APPROVE_POLICIES, _P.ACTIVATE_POLICIES, _P.MANAGE_PEOPLE},
        # Reads, verifies and exports; changes nothing.
        Role.AUDITOR: _OVERSEE,
        # Sends what happened, and learns what became of it.
        Role.INTEGRATOR: _READ | {_P.SEND_SIGNALS, _P.READ_LOG},
    }
)


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """Who would have been let in."""
    return tuple(role for role, has in ROLE_PERMISSIONS.items() if permission in has)
