"""The permissions of each role. Every route names the permission that it needs."""

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
    """To own a queue's recovery plan and decide on its actions."""
    READ_LOG = "log.read"
    """The feed of all events."""
    KNOW_ONESELF = "self.read"
    PROPOSE_ADJUSTMENTS = "adjustments.propose"
    APPROVE_ADJUSTMENTS = "adjustments.approve"
    """To approve and to reject; policy sets the limits."""
    EXECUTE_ADJUSTMENTS = "adjustments.execute"
    RECONCILE_ADJUSTMENTS = "adjustments.reconcile"
    READ_POLICIES = "policies.read"
    PROPOSE_POLICIES = "policies.propose"
    APPROVE_POLICIES = "policies.approve"
    ACTIVATE_POLICIES = "policies.activate"
    READ_PEOPLE = "people.read"
    """People's grants, and who gave them."""
    MANAGE_PEOPLE = "people.manage"
    USE_BREAK_GLASS = "break_glass.use"
    """To request emergency authority, and to open another person's request."""
    REVIEW_BREAK_GLASS = "break_glass.review"
    """To review what was done under a break-glass."""
    MANAGE_PERSONAL_DATA = "personal_data.manage"
    """To see all data of a customer, to place legal holds, and to erase."""
    READ_PERSONAL_READS = "personal_data.reads"
    """The record of who was shown which personal data."""
    READ_SOURCES = "sources.read"
    """The systems that send, and what was not understood of what they sent."""
    MANAGE_SOURCES = "sources.manage"
    """To add sources, to give them secrets and mappings, and to pause them."""
    ACCEPT_LOSS = "log.accept_loss"
    """To accept, as one of two people, that the log goes on without lost events: on the command line."""


NEVER_FOR_AGENTS: Final = frozenset(
    {
        Permission.APPROVE_ADJUSTMENTS,
        Permission.EXECUTE_ADJUSTMENTS,
        Permission.RECONCILE_ADJUSTMENTS,
        Permission.APPROVE_POLICIES,
        Permission.ACTIVATE_POLICIES,
        Permission.MANAGE_PEOPLE,
        Permission.MANAGE_PERSONAL_DATA,
        Permission.MANAGE_SOURCES,
        Permission.ACCEPT_LOSS,
    }
)
"""Permissions that only a person can use: an agent never has them, even if its owner does."""

_P = Permission
_EVERYONE: Final = frozenset({_P.KNOW_ONESELF})
_READ: Final = _EVERYONE | {_P.READ_ORDERS, _P.READ_CASES, _P.READ_POLICIES}
_WORK: Final = _READ | {_P.WORK_CASES, _P.PROPOSE_ADJUSTMENTS, _P.USE_BREAK_GLASS}
_LEAD: Final = _WORK | {
    _P.MANAGE_BACKLOG,
    _P.READ_LOG,
    _P.READ_PEOPLE,
    _P.READ_SOURCES,
    _P.APPROVE_ADJUSTMENTS,
    _P.REVIEW_BREAK_GLASS,
}
_OVERSEE: Final = _READ | {_P.READ_LOG, _P.READ_PEOPLE, _P.READ_SOURCES}

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.HANDLER: _WORK,
        Role.EXCEPTION_SPECIALIST: _WORK,
        Role.TEAM_LEAD: _LEAD,
        Role.OPS_MANAGER: _LEAD
        | {
            _P.PROPOSE_POLICIES,
            _P.ACTIVATE_POLICIES,
            _P.MANAGE_PEOPLE,
            _P.MANAGE_SOURCES,
            _P.ACCEPT_LOSS,
        },
        Role.FINANCE_APPROVER: _OVERSEE
        | {
            _P.APPROVE_ADJUSTMENTS,
            _P.EXECUTE_ADJUSTMENTS,
            _P.RECONCILE_ADJUSTMENTS,
            _P.USE_BREAK_GLASS,
        },
        Role.QA_ANALYST: _OVERSEE | {_P.REVIEW_BREAK_GLASS},
        Role.GOVERNANCE_OWNER: _OVERSEE
        | {
            _P.PROPOSE_POLICIES,
            _P.APPROVE_POLICIES,
            _P.ACTIVATE_POLICIES,
            _P.MANAGE_PEOPLE,
            _P.MANAGE_SOURCES,
            _P.USE_BREAK_GLASS,
            _P.REVIEW_BREAK_GLASS,
            _P.ACCEPT_LOSS,
        },
        # Reads, verifies and exports; changes nothing.
        Role.AUDITOR: _OVERSEE | {_P.READ_PERSONAL_READS},
        # Answers customers who ask for their data, or for its erasure.
        Role.PRIVACY_OFFICER: _EVERYONE | {_P.MANAGE_PERSONAL_DATA, _P.READ_PERSONAL_READS},
        # Sends signals and reads what came of them.
        Role.INTEGRATOR: _READ | {_P.SEND_SIGNALS, _P.READ_LOG, _P.READ_SOURCES},
    }
)

CONTROLLED_PERMISSIONS: Final = frozenset(
    {
        _P.WORK_CASES,
        _P.PROPOSE_ADJUSTMENTS,
        _P.APPROVE_ADJUSTMENTS,
        _P.EXECUTE_ADJUSTMENTS,
        _P.RECONCILE_ADJUSTMENTS,
        _P.PROPOSE_POLICIES,
        _P.APPROVE_POLICIES,
        _P.ACTIVATE_POLICIES,
        _P.MANAGE_PEOPLE,
        _P.MANAGE_SOURCES,
        _P.ACCEPT_LOSS,
        _P.USE_BREAK_GLASS,
        _P.REVIEW_BREAK_GLASS,
    }
)
"""Each is one part of a control that needs two people: to give it takes two as well.

A person who has one part and gives the other to a second name, or to an accomplice, gets through the control alone.
So the first part (to propose) counts as much as the second (to approve).
"""


def is_controlled(role: Role) -> bool:
    """Whether two people have to give this role."""
    return not CONTROLLED_PERMISSIONS.isdisjoint(ROLE_PERMISSIONS[role])


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """The roles that have the permission."""
    return tuple(role for role, has in ROLE_PERMISSIONS.items() if permission in has)


SCOPED_PERMISSIONS: Final = frozenset(
    {
        _P.KNOW_ONESELF,
        _P.READ_POLICIES,
        _P.READ_ORDERS,
        _P.READ_CASES,
        _P.WORK_CASES,
        _P.MANAGE_BACKLOG,
        _P.PROPOSE_ADJUSTMENTS,
        _P.APPROVE_ADJUSTMENTS,
        _P.EXECUTE_ADJUSTMENTS,
        _P.RECONCILE_ADJUSTMENTS,
        _P.USE_BREAK_GLASS,
        _P.REVIEW_BREAK_GLASS,
    }
)
"""Permissions that apply to single cases or queues, or are the same for all.

The others concern the whole service: only a grant without scope gives them.
"""
NEVER_BY_BREAK_GLASS: Final = frozenset({_P.EXECUTE_ADJUSTMENTS, _P.RECONCILE_ADJUSTMENTS})
