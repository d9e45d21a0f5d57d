"""What can go wrong with a command without being a fault of this program."""

from __future__ import annotations

from application.log_recorder import CommandRepeated
from domain.errors import CasetrailError
from infrastructure.database_roles import RolesMissing
from infrastructure.databases import DatabaseUnusable
from infrastructure.doctor import Unsafe
from infrastructure.embedded_postgres import PostgresNotStarted
from infrastructure.event_store.datastore import LogHalted, UnsafeSwitch
from infrastructure.event_store.migrations import MayNotMigrate, SchemaChanged
from infrastructure.identity.issuers import IssuerUnusable
from infrastructure.payments import PaymentsUnusable
from infrastructure.projection_owners import ReportNotRebuilt
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.cosigning import WitnessUnusable
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.places import OutsideUnavailable
from infrastructure.transparency.signing import KeyUnusable

EXPECTED = (
    CasetrailError,
    CommandRepeated,
    DatabaseUnusable,
    PaymentsUnusable,
    IssuerUnusable,
    KeyUnusable,
    MayNotMigrate,
    RolesMissing,
    LogHalted,
    LogNotAsWitnessed,
    OutsideUnavailable,
    PositionsMissing,
    PostgresNotStarted,
    ReportNotRebuilt,
    SchemaChanged,
    Unsafe,
    UnsafeSwitch,
    WitnessUnusable,
)
"""Told in words, never as a traceback."""
